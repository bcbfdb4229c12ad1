import t from 'tap';
import { buildApp } from '../../src/app.js';
import { openChildren, type TestChild } from '../helpers/children.js';
import type { TestCaller } from '../helpers/directory.js';
import { shieldAlone } from '../helpers/household.js';

const USER = 6;
const ORGANISATION = 14;
const directory = await openChildren(t, {
  env: {
    RATE_LIMIT_SEARCHES_PER_MINUTE: String(USER),
    RATE_LIMIT_ORGANISATION_PER_MINUTE: String(ORGANISATION),
  },
});
const { caller, call, app, owner } = directory;
let authorities = 0;
/** Of an authority of their own, whose count nobody else is in. */
const newCaller = (role: 'practitioner' | 'call-centre' | 'management-team' = 'practitioner') => {
  authorities += 1;
  return caller(role, { authority: `Limited ${authorities}` });
};
const [child, hidden] = (await directory.add([
  { givenNames: 'Ann', familyName: 'Bell', dateOfBirth: '2013-03-03' },
  { givenNames: 'Eve', familyName: 'Stone', dateOfBirth: '2012-04-15' },
])) as [TestChild, TestChild];
await shieldAlone(directory, await caller('management-team'), hidden.childId, 1);
const search = (by: TestCaller, criteria: object) => call(by, 'POST', '/v1/children/search', criteria);
const events = async () => (await owner.selectFrom('audit_events').select('id').execute()).length;
const limited = { status: 429, body: { code: 'rate-limited', status: 429 } };

t.test('searches, look-ups and whatever comes of them share one count of a user', async (t) => {
  const user = await newCaller();
  const requests: [string, object, number][] = [
    ['/v1/children/search', { number: child.number }, 200],
    ['/v1/children/search', { number: hidden.number }, 200],
    ['/v1/children/search', { givenNames: 'Ann' }, 400],
    ['/v1/children/search', { unheardOf: true }, 400],
    ['/v1/children/lookup', { number: child.number }, 200],
    ['/v1/children/lookup', { number: '0000000001' }, 400],
  ];
  for (const [url, body, status] of requests) t.equal((await call(user, 'POST', url, body)).status, status);
  const before = await events();
  for (const [url, body] of requests) {
    const answer = await call(user, 'POST', url, body);
    t.match(answer, limited);
    const retryAfter = Number(answer.headers['retry-after']);
    t.ok(retryAfter > 0 && retryAfter <= 60, `Retry-After ${retryAfter}`);
    t.match(answer.headers['content-type'], /^application\/problem\+json/);
  }
  t.equal(await events(), before, 'what is refused leaves no trace in the database');
  t.equal((await call(user, 'GET', `/v1/children/${child.childId}`)).status, 200, 'reading by id is not limited');
  t.equal((await search(await newCaller(), { number: child.number })).status, 200, 'nor is anybody else');
});

t.test('verifications are counted as well, and not those who may not verify', async (t) => {
  const operator = await newCaller('call-centre');
  const verify = (by: TestCaller) =>
    call(by, 'POST', '/v1/verifications', {
      subject: 'child',
      childId: child.childId,
      claims: { dateOfBirth: '2013-03-03' },
    });
  for (let at = 0; at < USER; at++) t.equal((await verify(operator)).status, 200);
  t.match(await verify(operator), limited);
  const practitioner = await newCaller();
  for (let at = 0; at < USER + 1; at++) t.equal((await verify(practitioner)).status, 403);
  t.equal((await search(practitioner, { number: child.number })).status, 200);
});

t.test('an organisation has a limit for all its users together, whichever process they ask', async (t) => {
  const organisation = { name: 'One School', sector: 'education' as const };
  const users = await Promise.all(
    [1, 2, 3].map((at) => caller('practitioner', { username: `member-${at}`, organisation })),
  );
  const other = await buildApp(await directory.openContext());
  t.teardown(() => other.close());
  const payload = { number: child.number };
  const statuses = [];
  for (let at = 0; at < ORGANISATION + 2; at++) {
    const { headers } = users[at % 3] as TestCaller;
    const asked = at % 2 === 0 ? app : other;
    statuses.push((await asked.inject({ method: 'POST', url: '/v1/children/search', headers, payload })).statusCode);
  }
  t.same(statuses, [...Array(ORGANISATION).fill(200), 429, 429]);
});

t.test('no search of anybody keeps a child from being shielded: shields are counted by user', async (t) => {
  const organisation = { name: 'One Team', sector: 'social-care' as const };
  const [one, two, three] = (await Promise.all(
    [1, 2, 3].map((at) => caller('management-team', { username: `team-${at}`, organisation })),
  )) as [TestCaller, TestCaller, TestCaller];
  for (const by of [one, two, three]) for (let at = 0; at < USER; at++) await search(by, { number: child.number });
  t.match(await search(one, { number: child.number }), limited);
  const shield = (by: TestCaller) =>
    call(by, 'PUT', `/v1/children/${hidden.childId}/shield`, { reason: 'court-order' }, { 'if-match': '"1"' });
  for (let at = 0; at < USER; at++) t.not((await shield(one)).status, 429);
  t.match(await shield(one), limited);
  t.not((await shield(two)).status, 429);
});

t.test('requests at the same instant are counted one by one', async (t) => {
  const user = await newCaller();
  const answers = await Promise.all(Array.from({ length: 20 }, () => search(user, { number: child.number })));
  t.equal(answers.filter(({ status }) => status === 200).length, USER);
});

t.test('headers tell nothing of a limit, nor differ by a shield', async (t) => {
  const user = await newCaller();
  const open = await search(user, { number: child.number });
  const shielded = await search(user, { number: hidden.number });
  const names = ({ headers }: { headers: Record<string, unknown> }) => Object.keys(headers).sort();
  t.same(names(open), names(shielded));
  t.notOk(names(open).some((name) => /limit/.test(name)));
});
