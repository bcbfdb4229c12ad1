import { v7 as uuid } from 'uuid';
import { drawNumber } from '../../src/db/child-number.js';
import { between, chance, pick, type Random } from '../../src/generator/random.js';
import type { Answer, TestChildren } from './children.js';
import {
  birthDates,
  givenNames,
  hiddenFamilies,
  type Known,
  type Population,
  parentNames,
  places,
  shownFamilies,
  type Who,
  whoAsks,
} from './shield-twins.js';

export interface Request {
  who: Who;
  method: Parameters<TestChildren['call']>[1];
  url: string;
  body?: object | undefined;
  headers?: Record<string, string>;
}
/** Sends a request to one of the directories; its answer is compared with that of the others. */
export type Ask = (request: Request) => Promise<Answer>;
/** Drawn once, carried out in each directory. */
export type Probe = (ask: Ask) => Promise<unknown>;

export interface Dice {
  random: Random;
  population: Population;
  /** Ids of hidden parts, of either directory. */
  partIds: string[];
  /** Routes of the API, by method and pattern. */
  routes: { method: string; url: string }[];
}

export interface Kind {
  name: string;
  /** How often it is drawn, beside the others. */
  weight: number;
  draw(dice: Dice): Probe;
}

const reading = ['practitioner', 'manager'] as const;
const unauthorised = Object.keys(whoAsks) as Who[];

/** Everything that whoever is not entitled can ask for. A route of a new kind gets a line here. */
export const kinds: Kind[] = [
  { name: 'search', weight: 10, draw: (dice) => search(dice, criteria(dice)) },
  { name: 'search by a hidden criterion', weight: 8, draw: (dice) => search(dice, withHidden(dice, criteria(dice))) },
  { name: 'search close to the truth', weight: 6, draw: (dice) => search(dice, nearTruth(dice)) },
  {
    name: 'search at the cap and at the margin',
    weight: 8,
    draw: (dice) => {
      const { random, population } = dice;
      const child = pick(random, population.shielded.slice(0, 3));
      return search(dice, {
        givenNames: child.givenNames,
        familyName: pick(random, [child.familyName, 'Lindqvist', 'Pettersen']),
        dateOfBirth: perhaps(random, 0.3, () => child.dateOfBirth),
        mode: pick(random, ['fuzzy', 'exact']),
        limit: 50,
      });
    },
  },
  { name: 'explained search', weight: 3, draw: (dice) => search(dice, criteria(dice), '?explain=true') },
  {
    name: 'reading',
    weight: 2,
    draw: ({ random, population }) => {
      const url = childUrl(random, population);
      const headers = maybe(random, { 'if-none-match': version(random) });
      const who = pick(random, reading);
      return (ask) => ask({ who, method: 'GET', url, headers });
    },
  },
  {
    name: 'look-up by number',
    weight: 2,
    draw: ({ random, population }) => {
      const body = { number: someNumber(random, population) };
      const who = pick(random, reading);
      return (ask) => ask({ who, method: 'POST', url: '/v1/children/lookup', body });
    },
  },
  {
    name: 'lists of a management team',
    weight: 3,
    draw: ({ random, population }) => {
      const child = childUrl(random, population, 0.6);
      const url = pick(random, [
        `${child}/accesses`,
        `${child}/shield/household`,
        '/v1/shields/reviews?before=2099-01-01',
        '/v1/shields/overrides',
      ]);
      return (ask) => ask({ who: 'manager', method: 'GET', url });
    },
  },
  {
    name: 'write to a shielded child',
    weight: 6,
    draw: (dice) => {
      const request = write(dice);
      return (ask) => ask(request);
    },
  },
  {
    name: 'new child, and the same request again',
    weight: 4,
    draw: (dice) => {
      const { random } = dice;
      const request: Request = {
        who: 'manager',
        method: 'POST',
        url: '/v1/children',
        body: newChild(dice),
        headers: maybe(random, { 'idempotency-key': `key-${between(random, 0, 40)}` }),
      };
      const again = chance(random, 0.3);
      return async (ask) => {
        await ask(request);
        if (again) await ask(request);
      };
    },
  },
  {
    name: "correction of one's own child",
    weight: 3,
    draw: (dice) => {
      const { random, population } = dice;
      const url = `/v1/children/${pick(random, population.own).childId}`;
      const [method, path, body] = pick<[Request['method'], string, object]>(random, [
        ['PATCH', '', identity(dice)],
        ['PATCH', '', { familyName: familyName(random) }],
        ['PATCH', '', { dateOfBirth: pick(random, birthDates) }],
        ['POST', '/names', { kind: 'former', givenNames: givenName(random), familyName: familyName(random) }],
        ['POST', '/addresses', { kind: 'home', ...pick(random, places) }],
        ['POST', '/parents', { name: pick(random, parentNames), phone: '01632 960003' }],
      ]);
      return async (ask) => {
        const { headers } = await ask({ who: 'manager', method: 'GET', url });
        return ask({
          who: 'manager',
          method,
          url: `${url}${path}`,
          body,
          headers: { 'if-match': String(headers.etag ?? '"1"') },
        });
      };
    },
  },
  {
    name: "shield on one's own child, with guesses at who shares its home",
    weight: 2,
    draw: ({ random, population }) => {
      const url = `/v1/children/${pick(random, population.own).childId}`;
      const decision = pick(random, ['leave', 'shield', 'refer']);
      const guessed = [...population.shielded, ...population.open]
        .filter(() => chance(random, 0.1))
        .map(({ childId }) => ({ childId, decision }));
      const decisions = pick(random, [undefined, [], guessed]);
      const lift = chance(random, 0.5);
      return async (ask) => {
        const { headers } = await ask({ who: 'manager', method: 'GET', url });
        const seen = { 'if-match': String(headers.etag ?? '"1"') };
        const shield = { who: 'manager', method: 'PUT', url: `${url}/shield`, headers: seen } as const;
        const { headers: after } = await ask({ ...shield, body: { reason: 'other', decisions } });
        if (!lift || !after.etag) return;
        await ask({ ...shield, method: 'DELETE', body: { show: [] }, headers: { 'if-match': String(after.etag) } });
      };
    },
  },
  {
    name: 'work with an open child',
    weight: 1,
    draw: ({ random, population }) => {
      const url = `/v1/children/${pick(random, population.open).childId}`;
      return async (ask) => {
        const { headers } = await ask({ who: 'practitioner', method: 'GET', url });
        await ask({
          who: 'practitioner',
          method: 'POST',
          url: `${url}/involvements`,
          body: { role: 'teacher' },
          headers: { 'if-match': String(headers.etag ?? '"1"') },
        });
      };
    },
  },
  {
    name: 'verification',
    weight: 4,
    draw: (dice) => {
      const { random, population } = dice;
      const child = pick(random, population.shielded);
      const place = pick(random, places);
      const claims = {
        givenNames: perhaps(random, 0.5, () => pick(random, [child.givenNames, givenName(random)])),
        familyName: perhaps(random, 0.6, () => pick(random, [child.familyName, familyName(random)])),
        dateOfBirth: perhaps(random, 0.7, () => pick(random, [child.dateOfBirth, pick(random, birthDates)])),
        postcode: perhaps(random, 0.5, () => place.postcode),
        addressLine: perhaps(random, 0.5, () => place.line1),
        parentName: perhaps(random, 0.5, () => pick(random, parentNames)),
        parentPhone: perhaps(random, 0.3, () => '01632 960003'),
      };
      const of = pick(random, [{ childId: child.childId }, { number: child.number }]);
      const body = { subject: 'child', ...of, claims };
      const routed = dice.routes.some(({ method, url }) => method === 'POST' && url === '/v1/verifications');
      return async (ask) => {
        if (routed) await ask({ who: 'callCentre', method: 'POST', url: '/v1/verifications', body });
      };
    },
  },
  {
    name: 'any route, by anybody',
    weight: 4,
    draw: (dice) => {
      const { random, population, partIds, routes } = dice;
      const { method, url } = pick(random, routes);
      const who = pick(
        random,
        unauthorised.filter((one) => !(one === 'auditor' && url.endsWith('/accesses'))),
      );
      const filled = url.replace(/:(\w+)/g, (_, name: string) =>
        name === 'childId' ? shieldedId(random, population) : somePart(random, partIds),
      );
      const request = {
        who,
        method: method as Request['method'],
        url: filled,
        ...(method === 'GET' ? {} : { body: pick(random, [{}, { kind: 'home' }, { note: 'x' }]) }),
        headers: maybe(random, { 'if-match': version(random) }),
      };
      return (ask) => ask(request);
    },
  },
];

export function drawProbe(dice: Dice, among = kinds): { kind: Kind; probe: Probe } {
  const total = among.reduce((sum, { weight }) => sum + weight, 0);
  let left = dice.random() * total;
  const kind = among.find(({ weight }) => {
    left -= weight;
    return left < 0;
  });
  if (!kind) throw new RangeError('There is no kind to draw');
  return { kind, probe: kind.draw(dice) };
}

/** Kinds that change nothing, and that name a hidden criterion: whoever is shielded does not exist for them. */
export const hiddenSearches: Kind[] = [
  { name: 'search by a hidden criterion', weight: 3, draw: (dice) => search(dice, withHidden(dice, criteria(dice))) },
  {
    name: 'the same, close to the truth',
    weight: 3,
    draw: (dice) => search(dice, withHidden(dice, nearTruth(dice))),
  },
  {
    name: 'the same, explained',
    weight: 1,
    draw: (dice) => search(dice, withHidden(dice, criteria(dice)), '?explain=true'),
  },
];

function perhaps<T>(random: Random, probability: number, draw: () => T): T | undefined {
  return chance(random, probability) ? draw() : undefined;
}

function maybe(random: Random, headers: Record<string, string>): Record<string, string> {
  return chance(random, 0.7) ? headers : {};
}

function version(random: Random): string {
  return pick(random, [`"${between(random, 0, 9)}"`, 'W/"3"', '*', 'stale']);
}

function shieldedId(random: Random, { shielded }: Population): string {
  return pick(random, shielded).childId;
}

function childUrl(random: Random, population: Population, shielded = 0.8): string {
  const known: Known = chance(random, shielded) ? pick(random, population.shielded) : pick(random, population.own);
  return `/v1/children/${chance(random, 0.05) ? drawnId(random) : known.childId}`;
}

function somePart(random: Random, partIds: string[]): string {
  return partIds.length > 0 && chance(random, 0.7) ? pick(random, partIds) : drawnId(random);
}

/** Of nobody and nothing; drawn, so that a seed repeats it. */
function drawnId(random: Random): string {
  const bytes = Uint8Array.from({ length: 16 }, () => between(random, 0, 255));
  return uuid({ random: bytes, msecs: 1_700_000_000_000, seq: between(random, 0, 1_000) });
}

function someNumber(random: Random, { shielded, open }: Population): string {
  return pick(random, [
    pick(random, shielded).number,
    pick(random, shielded).number,
    pick(random, open).number,
    nobodys,
  ]);
}
const nobodys = drawNumber();

function misspelt(random: Random, text: string): string {
  if (chance(random, 0.6)) return text;
  const at = between(random, 0, text.length - 1);
  return text.slice(0, at) + pick(random, [...'aeirstn']) + text.slice(at + 1);
}

function givenName(random: Random): string {
  return misspelt(random, pick(random, givenNames));
}

function familyName(random: Random): string {
  return misspelt(random, chance(random, 0.5) ? pick(random, shownFamilies) : pick(random, hiddenFamilies));
}

function dateOfBirth(random: Random): string | object {
  const date = pick(random, birthDates);
  const [year, month, day] = date.split('-');
  return pick<string | object>(random, [
    date,
    date,
    `${year}-${day}-${month}`,
    `${year}-${month}`,
    `${year}`,
    { from: '2012-01-01', to: '2014-12-31' },
  ]);
}

function address(random: Random): object {
  const { line1, town, postcode } = pick(random, places);
  const stated = {
    line: perhaps(random, 0.5, () => misspelt(random, line1)),
    town: perhaps(random, 0.5, () => town),
    postcode: perhaps(random, 0.8, () => pick(random, [postcode, postcode, postcode.replace(/.$/, 'Z'), 'ZZ9 9ZZ'])),
  };
  // Of an address that says nothing no criterion would be hidden.
  return Object.values(stated).some(Boolean) ? stated : { postcode };
}

function criteria({ random, population }: Dice): Record<string, unknown> {
  const exact = chance(random, 0.35);
  const asTyped = (text: string) => (exact && text.length > 3 && chance(random, 0.3) ? `${text.slice(0, 3)}*` : text);
  return {
    givenNames: perhaps(random, 0.7, () => asTyped(givenName(random))),
    familyName: perhaps(random, 0.85, () => asTyped(familyName(random))),
    dateOfBirth: perhaps(random, 0.6, () => dateOfBirth(random)),
    gender: perhaps(random, 0.2, () => pick(random, ['female', 'male', 'unknown'])),
    number: perhaps(random, 0.06, () => someNumber(random, population)),
    mode: exact ? 'exact' : perhaps(random, 0.2, () => 'fuzzy'),
    limit: perhaps(random, 0.5, () => pick(random, [1, 10, 50])),
  };
}

/** About one shielded child: what is shown right, the rest guessed. */
function nearTruth({ random, population }: Dice): Record<string, unknown> {
  const child = pick(random, chance(random, 0.5) ? population.shielded.slice(0, 3) : population.shielded);
  const parts: Record<string, unknown> = {
    givenNames: perhaps(random, 0.8, () => child.givenNames),
    familyName: chance(random, 0.6) ? pick(random, hiddenFamilies) : child.familyName,
    dateOfBirth: perhaps(random, 0.6, () => pick(random, [child.dateOfBirth, child.dateOfBirth.slice(0, 7)])),
    gender: perhaps(random, 0.2, () => child.gender),
    number: perhaps(random, 0.05, () => child.number),
    mode: perhaps(random, 0.3, () => 'exact'),
    limit: perhaps(random, 0.7, () => pick(random, [1, 50])),
  };
  return parts;
}

function withHidden({ random }: Dice, criteria: Record<string, unknown>): Record<string, unknown> {
  const byAddress = chance(random, 0.8);
  return {
    ...criteria,
    ...(byAddress ? { address: address(random) } : {}),
    ...(!byAddress || chance(random, 0.3) ? { parentName: misspelt(random, pick(random, parentNames)) } : {}),
  };
}

function search({ random }: Dice, body: object, query = ''): Probe {
  const who = query && chance(random, 0.8) ? 'manager' : pick(random, reading);
  return (ask) => ask({ who, method: 'POST', url: `/v1/children/search${query}`, body });
}

function identity(dice: Dice): { givenNames: string; familyName: string; dateOfBirth: string } {
  const { random, population } = dice;
  const child = pick(random, population.shielded);
  return {
    givenNames: chance(random, 0.7) ? child.givenNames : givenName(random),
    familyName: chance(random, 0.4) ? child.familyName : familyName(random),
    dateOfBirth: chance(random, 0.7) ? child.dateOfBirth : '2010-12-24',
  };
}

function newChild(dice: Dice): object {
  const { random } = dice;
  return {
    ...identity(dice),
    gender: perhaps(random, 0.3, () => pick(random, ['female', 'male'])),
    addresses: perhaps(random, 0.4, () => [{ kind: 'home', ...pick(random, places) }]),
    parents: perhaps(random, 0.4, () => [{ name: pick(random, parentNames) }]),
    otherNames: perhaps(random, 0.2, () => [{ kind: 'former', familyName: pick(random, hiddenFamilies) }]),
  };
}

/** Right and wrong values, ids and versions: none of it may be looked at. */
function write({ random, population, partIds }: Dice): Request {
  const child = childUrl(random, population, 1);
  const part = () => somePart(random, partIds);
  const bodies: Record<string, object[]> = {
    names: [{ kind: 'former', familyName: pick(random, hiddenFamilies) }, { kind: 'birth' }],
    addresses: [{ kind: 'home', ...pick(random, places) }, { town: 'Leeds' }],
    parents: [{ name: pick(random, parentNames) }, { phone: '01632 960003' }],
    services: [{ kind: 'gp-practice', name: 'Larch Surgery' }, { kind: 'other' }],
    involvements: [{ role: 'social-worker' }, { endedOn: '2025-06-07' }],
  };
  const kind = pick(random, Object.keys(bodies));
  const [added, changed] = bodies[kind] as [object, object];
  const [method, path, body] = pick<[Request['method'], string, object?]>(random, [
    ['PATCH', '', { familyName: familyName(random) }],
    ['PATCH', '', { diedOn: '2025-02-03' }],
    ['POST', `/${kind}`, added],
    ['POST', `/${kind}`, added],
    ['PATCH', `/${kind}/${part()}`, changed],
    ['PATCH', `/${kind}/${part()}`, changed],
    ['DELETE', `/${kind}/${part()}`],
    ['DELETE', `/${kind}/${part()}/consent`],
    ['PUT', '/lead-professional', { involvementId: part() }],
    ['PUT', '/caf-indicator', { involvementId: part() }],
    [pick(random, ['PUT', 'DELETE'] as const), '/consent-to-25'],
    ['DELETE', pick(random, ['/lead-professional', '/caf-indicator'])],
    ['PUT', '/shield', { reason: 'other', decisions: chance(random, 0.5) ? [] : undefined }],
    ['DELETE', '/shield', { show: [part()] }],
    ['POST', '/shield-override', { reason: 'missing-child' }],
  ]);
  const headers = {
    ...maybe(random, { 'if-match': `"${between(random, 0, 9)}"` }),
    ...(method === 'POST' && chance(random, 0.3) ? { 'idempotency-key': `part-${between(random, 0, 20)}` } : {}),
  };
  const who = chance(random, 0.7) ? 'manager' : 'practitioner';
  return { who, method, url: `${child}${path}`, body, headers };
}
