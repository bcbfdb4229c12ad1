"""What schemathesis cannot guess: accounts, children who are there, and their present version.

Some requests are sent as they were generated. In the others what is valid in them is aimed at a child, a part of a
record or an account that exists, so that answers of success are looked at as well. What is wrong in a request on purpose
is never put right.
"""

import atexit
import collections
import itertools
import json
import os

import requests
import schemathesis
from schemathesis.core.parameters import ParameterLocation
from schemathesis.openapi.checks import RejectedPositiveData

with open(os.environ["API_FUZZ_FACTS"]) as file:
    FACTS = json.load(file)
ROLE, API, DESK = FACTS["role"], FACTS["api"], FACTS["desk"]
CHILDREN = itertools.cycle(FACTS["children"])
SHIELDED = itertools.cycle(FACTS["shielded"])
TURNS = collections.Counter()
NUMBERS = itertools.count()
PARTS = {
    "addressId": ("addresses", "addressId"),
    "nameId": ("names", "nameId"),
    "parentId": ("parents", "parentId"),
    "serviceId": ("services", "serviceId"),
    "involvementId": ("involvements", "involvementId"),
}


def new_account(role):
    answer = requests.get(DESK, params={"role": role}, timeout=30)
    answer.raise_for_status()
    return answer.json()


class Identity:
    """Who asks. Made anew when the directory no longer knows them."""

    account = None

    def current(self):
        if self.account is None:
            self.account = new_account(ROLE)
        return self.account

    def ask(self, method, path, **options):
        headers = {
            "Authorization": f"Bearer {self.current()['token']}",
            "X-Access-Reason": "record-maintenance",
            **options.pop("headers", {}),
        }
        return requests.request(method, API + path, headers=headers, timeout=30, **options)


ME = Identity()


@schemathesis.auth(refresh_interval=None)
class Tokens:
    def get(self, case, context):
        return ME.current()["token"]

    def set(self, case, token, context):
        case.headers["Authorization"] = f"Bearer {token}"


def valid_at(case, location):
    return case.meta is None or not case.meta.is_negative_at(location)


def to_be_aimed(case):
    """Three of four that are valid, every other one that is not."""
    valid = case.meta.generation.mode.is_positive
    kind = (case.operation.label, valid)
    TURNS[kind] += 1
    return TURNS[kind] % 4 != 0 if valid else TURNS[kind] % 2 != 0


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is None or not to_be_aimed(case):
        return
    label = case.operation.label
    child = next(SHIELDED if "shield-override" in label else CHILDREN)
    path = case.path_parameters or {}
    record = {}
    if valid_at(case, ParameterLocation.PATH):
        if "childId" in path:
            record = aim_at_child(case, path, child)
        if "userId" in path:
            path["userId"] = awaiting_approval(case) if "approval" in label else new_account("practitioner")["userId"]
        if "code" in path:
            path["code"] = FACTS["authority"]
        if "rebuildId" in path:
            path["rebuildId"] = rebuild_for(label) or path["rebuildId"]
    if valid_at(case, ParameterLocation.QUERY) and (case.query or {}).get("child"):
        case.query["child"] = child["childId"]
    if label in BODIES and valid_at(case, ParameterLocation.BODY):
        case.body = BODIES[label](case.body if isinstance(case.body, dict) else {}, child, record)
    if label in PREPARED and "childId" in record:
        PREPARED[label](record)
    # The last, since what is aimed at may have been made just now.
    has_version = "if-match" in {name.lower() for name in case.headers or {}}
    if "childId" in path and has_version and valid_at(case, ParameterLocation.HEADER):
        case.headers["if-match"] = version_of(path["childId"])


def aim_at_child(case, path, child):
    """The path as of a child who is there, and of a part of their record. Gives that, as far as this role sees it."""
    linked = case._override.path_parameters if case._override else {}
    if "childId" not in linked:
        path["childId"] = child["childId"]
    answer = ME.ask("GET", f"/v1/children/{path['childId']}")
    record = answer.json() if answer.status_code == 200 else {}
    for name, (list_name, key) in PARTS.items():
        if name in path and name not in linked:
            sensitive = case.operation.path.endswith("/consent")
            path[name] = part_of(record, list_name, key, sensitive) or path[name]
    return record


def awaiting_approval(case):
    """An account for which another administrator has asked for the right to look past shields, whom a valid body names."""
    user = new_account("management-team")["userId"]
    administrator = new_account("administrator")
    headers = {"Authorization": f"Bearer {administrator['token']}"}
    for asked in (False, True):
        requests.patch(
            f"{API}/v1/users/{user}", json={"mayOverrideShields": asked}, headers=headers, timeout=30
        ).raise_for_status()
    if valid_at(case, ParameterLocation.BODY):
        case.body = {"askedBy": administrator["userId"]}
    return user


def rebuild_for(label):
    """One that has just been asked for, to be cancelled; otherwise the latest that is done."""
    if label.startswith("DELETE"):
        started = ME.ask("POST", "/v1/index/rebuilds")
        if started.status_code == 202:
            return started.json()["rebuildId"]
    rebuilds = ME.ask("GET", "/v1/index/rebuilds").json()["rebuilds"]
    wanted = [one for one in rebuilds if label.startswith("DELETE") or one["state"] == "done"]
    return wanted[0]["rebuildId"] if wanted else None


SAMPLE_PARTS = {
    "addresses": {"kind": "temporary", "line1": "1 Tried Lane", "town": "Leeds"},
    "names": {"kind": "known-as", "givenNames": "Quilliam"},
    "parents": {"name": "Octavia Tried"},
    "services": {"kind": "other", "name": "Tried Club"},
    "involvements": {"role": "social-worker"},
}


SENSITIVE = {"sensitive": {"kind": "mental-health", "basis": "consent"}}


def part_of(record, list_name, key, sensitive=False):
    """The id of a part that may be changed; one is made where there is none. None where this role cannot."""

    def usable(parts):
        return [
            part
            for part in parts
            if not part.get("current")
            and bool(part.get("sensitive")) == sensitive
            and (list_name != "involvements" or part["userId"] == ME.current()["userId"])
        ]

    found = usable(record.get(list_name, []))
    if not found and "version" in record:
        answer = ME.ask(
            "POST",
            f"/v1/children/{record['childId']}/{list_name}",
            json={**SAMPLE_PARTS[list_name], **(SENSITIVE if sensitive else {})},
            headers={"If-Match": f'"{record["version"]}"'},
        )
        found = usable(answer.json().get(list_name, []))
    return found[-1][key] if found else None


def known_as(child):
    return {name: child[name] for name in ("givenNames", "familyName", "dateOfBirth")}


def verified_practitioner():
    """For whom this operator may search."""
    account = ME.current()
    if "verificationId" not in account:
        practitioner = new_account("practitioner")
        answer = ME.ask(
            "POST",
            "/v1/verifications",
            json={
                "subject": "practitioner",
                "username": practitioner["username"],
                "claims": {**FACTS["person"], "otp": practitioner["otp"]},
            },
        )
        account["verificationId"] = answer.json()["verificationId"]
    return account["verificationId"]


def search(body, child, record):
    known = known_as(child)
    if ROLE == "call-centre":
        known["onBehalfOf"] = verified_practitioner()
    return {**{key: body[key] for key in ("mode", "limit", "gender") if key in body}, **known}


def own_involvement(body, child, record):
    return {"involvementId": part_of(record, "involvements", "involvementId") or body.get("involvementId")}


def held(what):
    """Takes it on, so that it can be given up."""

    def take_on(record):
        ME.ask(
            "PUT",
            f"/v1/children/{record['childId']}/{what}",
            json=own_involvement({}, None, record),
            headers={"If-Match": version_of(record["childId"])},
        )

    return take_on


def version_of(child_id):
    return ME.ask("GET", f"/v1/children/{child_id}").headers.get("etag", '"1"')


PREPARED = {
    "DELETE /v1/children/{childId}/archive": lambda record: ME.ask(
        "PUT", f"/v1/children/{record['childId']}/archive", headers={"If-Match": version_of(record["childId"])}
    ),
    "DELETE /v1/children/{childId}/lead-professional": held("lead-professional"),
    "DELETE /v1/children/{childId}/caf-indicator": held("caf-indicator"),
    "DELETE /v1/children/{childId}/shield": lambda record: ME.ask(
        "PUT",
        f"/v1/children/{record['childId']}/shield",
        json={"reason": "refuge"},
        headers={"If-Match": version_of(record["childId"])},
    ),
}


def without(*names):
    return lambda body, child, record: {name: value for name, value in body.items() if name not in names}


def credentials(body, child, record):
    account = new_account("practitioner")
    return {name: account[name] for name in ("username", "password", "otp")}


def refresh(body, child, record):
    signed_in = requests.post(f"{API}/v1/session", json=credentials(body, child, record), timeout=30)
    return {"refreshToken": signed_in.json()["refreshToken"]}


BODIES = {
    "POST /v1/children/search": search,
    "POST /v1/children/lookup": lambda body, child, record: {"number": child["number"]},
    "POST /v1/verifications": lambda body, child, record: {
        "subject": "child",
        "number": child["number"],
        "claims": known_as(child),
    },
    "PUT /v1/authorities/{code}/contact": lambda body, child, record: {**body, "opens": "09:00", "closes": "17:00"},
    "POST /v1/children/{childId}/names": lambda body, child, record: {"familyName": "Quilliam", **body},
    "POST /v1/children/{childId}/addresses": lambda body, child, record: {
        **without("validFrom", "validTo")(body, child, record),
        "line1": "1 Tried Lane",
    },
    "POST /v1/children/{childId}/services": lambda body, child, record: {**body, "kind": "other"},
    "PATCH /v1/children/{childId}/services/{serviceId}": without("basis"),
    "POST /v1/children": lambda body, child, record: {**body, "dateOfBirth": child["dateOfBirth"]},
    "PATCH /v1/children/{childId}": lambda body, child, record: {
        "gender": body.get("gender", "unknown"),
        "dateOfBirth": child["dateOfBirth"],
    },
    "POST /v1/children/{childId}/involvements": without("username", "startedOn", "endedOn"),
    "PATCH /v1/children/{childId}/involvements/{involvementId}": lambda body, child, record: {"additional": True},
    "PUT /v1/children/{childId}/lead-professional": own_involvement,
    "PUT /v1/children/{childId}/caf-indicator": own_involvement,
    "PUT /v1/children/{childId}/shield": lambda body, child, record: {"reason": body.get("reason", "refuge")},
    "DELETE /v1/children/{childId}/shield": lambda body, child, record: {"show": []},
    "POST /v1/users": lambda body, child, record: {
        **without("externalSubject")(body, child, record),
        "username": f"fuzzed.{next(NUMBERS)}",
        "authority": FACTS["authority"],
        "mayOverrideShields": body.get("role") == "management-team",
    },
    "PATCH /v1/users/{userId}": without("role", "authority", "mayOverrideShields"),
    "POST /v1/session": credentials,
    "POST /v1/session/refresh": refresh,
}


# What no schema can say. A request of the right form is refused by these codes because of what is there, or of what its
# values mean together.
BY_MEANING = {"stale-version", "not-a-child", "too-many-matches", "verification-locked", "insufficient-criteria"}
# Where `invalid-request` has such a reason: by its detail,
INVALID_BY_MEANING = {
    "The values contradict each other or what is recorded",
    "An address needs a line, a town, a postcode or a country",
    "A name needs a part",
    "A child needs a name",
    "The review lies ahead",
    # Of any text, whatever its schema: no JSON Schema says it once for all.
    "The body escapes a character that is none: NUL or half a surrogate pair",
    "The office closes after it opens",
    "Part of the search is wrong",
    "This is no number",
}
# or by what it names: days that no calendar has, an authority that is not there, claims that are not about that subject.
INVALID_PATHS = {
    "POST /v1/verifications": ("/claims", "/username", "/childId", "/number"),
    "POST /v1/users": ("/authority", "/mayOverrideShields"),
    "PATCH /v1/users/{userId}": ("/authority", "/mayOverrideShields"),
    "GET /v1/audit/events": ("/from", "/to"),
    "GET /v1/shields/reviews": ("/cursor",),
}


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Takes nothing off any check but `positive_data_acceptance`, and off that only those refusals."""
    if not isinstance(failure, RejectedPositiveData):
        return True
    problem = json.loads(response.content)
    if problem["code"] in BY_MEANING or problem["detail"] in INVALID_BY_MEANING:
        return False
    paths = [error["path"] for error in problem.get("errors", [])]
    named = INVALID_PATHS.get(case.operation.label, ())
    return not (problem["code"] == "invalid-request" and paths and all(path.startswith(named) for path in paths))


# What was asked and answered, for the summary: by operation, status and problem code.
ANSWERS = collections.defaultdict(collections.Counter)


@schemathesis.hook
def after_call(context, case, response):
    """An account that was signed out, disabled or changed by what it asked is followed by a new one."""
    label = case.operation.label
    if label == "DELETE /v1/session" and response.status_code == 204:
        ME.account = None
    sent = response.request.headers.get("Authorization", "")
    if response.status_code == 401 and ME.account and sent.endswith(ME.account["token"]):
        ME.account = None
    code = str(response.status_code)
    if "problem+json" in (response.headers.get("content-type") or [""])[0]:
        code += " " + json.loads(response.content).get("code", "")
    ANSWERS[label][code] += 1


@atexit.register
def write_answers():
    with open(os.environ["API_FUZZ_ANSWERS"], "w") as out:
        json.dump(ANSWERS, out)
