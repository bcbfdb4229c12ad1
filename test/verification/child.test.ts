import { sql } from 'kysely';
import t from 'tap';
import { v7 as uuid } from 'uuid';
import { type Answer, bornYearsAgo, type ChildParts, openChildren, type TestChild } from '../helpers/children.js';
import { shieldAlone } from '../helpers/household.js';

const directory = await openChildren(t);
const { owner, caller, call } = directory;
const operator = await caller('call-centre');
const manager = await caller('management-team');
const verify = (body: object, by = operator): Promise<Answer> => call(by, 'POST', '/v1/verifications', body);
const attempt = ({ childId }: TestChild, claims: object, by = operator) =>
  verify({ subject: 'child', childId, claims }, by);
const add = async (parts: Partial<ChildParts> = {}): Promise<TestChild> => {
  const [child] = await directory.add([{ ...micaela, ...parts }]);
  return child as TestChild;
};
const eventsOn = (childId: string) =>
  owner
    .selectFrom('audit_events')
    .selectAll()
    .where(sql<boolean>`child_ids @> array[${childId}::uuid]`)
    .orderBy('id')
    .execute();

const micaela: ChildParts = {
  givenNames: 'Micaela',
  familyName: 'Harrington',
  dateOfBirth: bornYearsAgo(11),
  otherNames: [{ kind: 'former', givenNames: 'Micaela', familyName: 'Oduya' }],
  addresses: [
    { kind: 'home', line1: '9 Burrinjuck Crescent', town: 'Leeds', postcode: 'LS8 4NW' },
    { kind: 'second-home', line1: '3 Quay Street', town: 'Whitby', postcode: 'YO21 3JP' },
    { kind: 'former', line1: '77 Garnet Road', town: 'Luton', postcode: 'LU2 7QX' },
  ],
  parents: [{ name: 'Greta Harrington', phone: '01632 960003' }],
};
const { dateOfBirth } = micaela;
const identity = { givenNames: 'Micaela', familyName: 'Harrington', dateOfBirth };
const wrong = { familyName: 'Nobodyson' };

t.test('three claims that agree verify a caller, the date of birth among them', async (t) => {
  const child = await add();
  const { status, body } = await attempt(child, identity);
  t.equal(status, 200);
  t.match(body, {
    verificationId: /^[0-9a-f-]{36}$/,
    verified: true,
    fields: { givenNames: 'agrees', familyName: 'agrees', dateOfBirth: 'agrees' },
    attemptsLeft: 5,
  });
  t.same(Object.keys(body).sort(), ['attemptsLeft', 'fields', 'verificationId', 'verified']);
  const byNumber = await verify({ subject: 'child', number: child.number, claims: identity });
  t.equal(byNumber.body.verified, true);

  const cases: [object, boolean, string][] = [
    [{ dateOfBirth, postcode: 'LS8 4NW', parentName: 'Greta Harrington' }, true, 'of whatever kind they are'],
    [{ dateOfBirth, familyName: 'Oduya', addressLine: '3 Quay St' }, true, 'another name, another current address'],
    [{ dateOfBirth, givenNames: 'Micaela' }, false, 'two are too few'],
    [{ givenNames: 'Micaela', familyName: 'Harrington', postcode: 'LS8 4NW' }, false, 'without the date of birth'],
    [{ ...identity, parentPhone: '01632 960004' }, false, 'one that is only close'],
    [{ ...identity, postcode: 'LU2 7QX' }, false, 'where the child lived once'],
  ];
  for (const [claims, verified, why] of cases) t.equal((await attempt(child, claims)).body.verified, verified, why);
  const { body: last } = await attempt(child, identity);
  t.match(last, { verified: true, attemptsLeft: 3 }, 'only what was close or wrong has counted');
});

t.test('an answer holds nothing of what is held', async (t) => {
  const child = await add();
  const { body } = await attempt(child, {
    givenNames: 'X',
    familyName: 'X',
    dateOfBirth: '2001-01-01',
    postcode: 'AB1 2CD',
    addressLine: 'X',
    parentName: 'X',
    parentPhone: '00000',
  });
  t.notMatch(JSON.stringify(body), /Micaela|Harrington|Oduya|LS8|YO21|Greta|Burrinjuck|Quay|960003/i);
  for (const answer of Object.values(body.fields)) t.equal(answer, 'disagrees');
  for (const event of await eventsOn(child.childId)) {
    t.notMatch(JSON.stringify(event.details), /Micaela|Harrington|2001|AB1/, 'nor the audit log of either');
  }
  t.notMatch(directory.logged(), /Micaela|Harrington|Nobodyson/);
});

t.test('whoever is not there, or is archived, is not found', async (t) => {
  const archived = await add();
  await owner.updateTable('children').set({ archived_at: new Date() }).where('id', '=', archived.childId).execute();
  for (const childId of [uuid(), archived.childId]) {
    t.match(await attempt({ childId, number: '' }, identity), { status: 404, body: { code: 'not-found' } });
  }
  const answer = await verify({ subject: 'child', number: archived.number, claims: identity });
  t.match(answer, { status: 404, body: { code: 'not-found' } });
  t.same(await eventsOn(archived.childId), [], 'and leaves no trace on the child');
  const events = await owner.selectFrom('audit_events').select('id').where('action', '=', 'verify-not-found').execute();
  t.equal(events.length, 3);
});

t.test('a request that is not one is refused by field', async (t) => {
  const { childId, number } = await add();
  const cases: [object, string][] = [
    [{ subject: 'child', childId, claims: {} }, '/claims'],
    [{ subject: 'child', claims: identity }, '/childId'],
    [{ subject: 'child', childId, number, claims: identity }, '/childId'],
    [{ subject: 'child', childId, username: 'somebody', claims: identity }, '/username'],
    [{ subject: 'child', childId, claims: { ...identity, otp: '123456' } }, '/claims/otp'],
    [{ subject: 'child', childId, claims: { ...identity, note: 'x' } }, '/claims/note'],
    [{ subject: 'child', number: '0000000001', claims: identity }, '/number'],
    [{ subject: 'practitioner', claims: { otp: '123456' } }, '/username'],
    [{ subject: 'practitioner', childId, username: 'somebody', claims: { otp: '123456' } }, '/childId'],
    [{ subject: 'practitioner', username: 'somebody', claims: { dateOfBirth } }, '/claims/dateOfBirth'],
    [{ subject: 'parent', childId, claims: identity }, '/subject'],
  ];
  for (const [body, path] of cases) {
    const answer = await verify(body);
    t.match(answer, { status: 400, body: { code: 'invalid-request' } }, JSON.stringify(Object.keys(body)));
    t.ok(
      answer.body.errors.some((error: { path: string }) => error.path === path),
      path,
    );
  }
});

t.test('five failed attempts lock a child for the day, for everybody, and raise an alert', async (t) => {
  const child = await add();
  for (const left of [4, 3, 2, 1, 0]) {
    t.match(await attempt(child, wrong), { status: 200, body: { verified: false, attemptsLeft: left } });
  }
  for (const claims of [wrong, identity]) {
    const locked = await attempt(child, claims, await caller('call-centre'));
    t.match(locked, { status: 423, body: { code: 'verification-locked' } }, 'right or wrong');
    t.equal(locked.body.fields, undefined);
  }
  t.equal((await verify({ subject: 'child', number: child.number, claims: identity })).status, 423, 'by number too');
  const actions = (await eventsOn(child.childId)).map(({ action }) => action);
  t.same(actions, [
    ...Array(5).fill('verify'),
    'alert-verification-locked',
    'verify-locked',
    'verify-locked',
    'verify-locked',
  ]);
  t.equal((await attempt(await add(), identity)).status, 200, 'another child is as before');

  await sql`update verification_attempts set day = day - 1 where child_id = ${child.childId}`.execute(owner);
  t.match(await attempt(child, identity), { status: 200, body: { verified: true, attemptsLeft: 5 } }, 'the next day');
});

t.test('the day is that of England', async (t) => {
  const child = await add();
  await attempt(child, wrong);
  const { rows } = await sql<{ right: boolean }>`
    select day = (now() at time zone 'Europe/London')::date as right from verification_attempts
    where child_id = ${child.childId}`.execute(owner);
  t.same(rows, [{ right: true }]);
  await sql`update verification_attempts set day = day + 1 where child_id = ${child.childId}`.execute(owner);
  t.equal((await attempt(child, wrong)).body.attemptsLeft, 3, 'a clock that is behind brings no other day back');
});

t.test('attempts that arrive at the same instant are counted like those one after another', async (t) => {
  const child = await add();
  const claims = [wrong, { postcode: 'AB1 2CD' }, { dateOfBirth: '2011-11-11' }];
  const answers = await Promise.all(Array.from({ length: 40 }, (_, at) => attempt(child, claims[at % 3] as object)));
  const count = (status: number) => answers.filter((answer) => answer.status === status).length;
  t.equal(count(200), 5);
  t.equal(count(423), 35);
  const left = answers.filter(({ status }) => status === 200).map(({ body }) => body.attemptsLeft);
  t.same(left.sort(), [0, 1, 2, 3, 4]);
  const actions = (await eventsOn(child.childId)).map(({ action }) => action);
  t.equal(actions.filter((action) => action === 'verify').length, 5);
  t.equal(actions.filter((action) => action === 'alert-verification-locked').length, 1, 'one alert');
});

t.test('what a shield hides is not held, and counts for nothing', async (t) => {
  const child = await add();
  t.equal((await shieldAlone(directory, manager, child.childId, 1)).status, 200);
  const guesses = [
    {
      postcode: 'LS8 4NW',
      addressLine: '9 Burrinjuck Crescent',
      parentName: 'Greta Harrington',
      parentPhone: '01632 960003',
    },
    { postcode: 'AB1 2CD', addressLine: '1 High Street', parentName: 'Ann Bell', parentPhone: '01632 960999' },
    {
      postcode: 'LS8 4NV',
      addressLine: '9 Burrinjuk Crescent',
      parentName: 'Gretta Harrington',
      parentPhone: '01632 960004',
    },
  ];
  for (let round = 0; round < 3; round++) {
    for (const guess of guesses) {
      const { body } = await attempt(child, { dateOfBirth, ...guess });
      t.match(body, {
        verified: false,
        fields: {
          dateOfBirth: 'agrees',
          postcode: 'not-held',
          addressLine: 'not-held',
          parentName: 'not-held',
          parentPhone: 'not-held',
        },
        attemptsLeft: 5,
      });
    }
  }
  t.match((await attempt(child, { ...identity, ...guesses[1] })).body, { verified: true }, 'nor against them');
  const former = await attempt(child, { ...identity, familyName: 'Oduya' });
  t.match(former.body, { fields: { familyName: 'disagrees' }, attemptsLeft: 4 }, 'a former name is as any other');
});

t.test('two children who differ in what is hidden alone answer alike, to the count and the lock', async (t) => {
  const hidden: Partial<ChildParts>[] = [
    {},
    {
      otherNames: [],
      addresses: [],
      parents: [{ name: 'Ann Bell', phone: '01632 960999' }],
      authority: 'Eastham',
    },
  ];
  const claims: object[] = [
    { familyName: 'Oduya' },
    { postcode: 'LS8 4NW', parentName: 'Ann Bell' },
    { ...identity, postcode: 'LS8 4NV' },
    { ...identity, parentPhone: '01632 960003' },
    { familyName: 'Harington', addressLine: '9 Burrinjuck Crescent' },
    wrong,
    { dateOfBirth: '2011-11-11', parentName: 'Greta Harrington' },
    { familyName: 'Oduya', postcode: 'LS8 4NW' },
    identity,
    { parentName: 'Ann Bell' },
  ];
  const told = [];
  for (const parts of hidden) {
    const child = await add(parts);
    await owner
      .insertInto('shields')
      .values({
        id: uuid(),
        child_id: child.childId,
        reason: 'refuge',
        authority: parts.authority ?? 'Northvale',
        review_on: '2030-01-01',
        set_by: manager.userId,
        lifted_by: null,
        lifted_at: null,
        index_acknowledged_at: null,
      })
      .execute();
    const answers = [];
    for (const claim of claims) {
      const { status, body, headers } = await attempt(child, claim);
      const { verificationId: _, requestId: __, ...rest } = body;
      answers.push({ status, rest, headers: Object.keys(headers), length: headers['content-length'] });
    }
    told.push(answers);
  }
  t.same(told[0], told[1]);
  t.ok(
    told[0]?.some(({ status }) => status === 423),
    'the lock was reached',
  );
});

t.test(
  'a shield in the middle of a day takes out of the count what it hides, and lifting it puts that back',
  async (t) => {
    const child = await add();
    for (let at = 0; at < 4; at++) await attempt(child, { postcode: 'AB1 2CD' });
    t.equal((await attempt(child, { familyName: 'Oduya', dateOfBirth })).body.attemptsLeft, 1, 'a former name agrees');
    t.equal((await attempt(child, wrong)).body.attemptsLeft, 0);
    t.equal((await attempt(child, identity)).status, 423);

    t.equal((await shieldAlone(directory, manager, child.childId, 1)).status, 200);
    // The former name and the wrong one, as they would have been answered behind the shield.
    t.match(await attempt(child, identity), { status: 200, body: { verified: true, attemptsLeft: 3 } });
    for (let at = 0; at < 3; at++) t.equal((await attempt(child, wrong)).status, 200);
    t.equal((await attempt(child, identity)).status, 423, 'a lock of its own');

    const lifted = await call(
      manager,
      'DELETE',
      `/v1/children/${child.childId}/shield`,
      { show: [] },
      { 'if-match': '"2"' },
    );
    t.equal(lifted.status, 200);
    t.equal((await attempt(child, identity)).status, 423, 'what locked it before locks it still');
  },
);

t.test('what was guessed before a shield was set leaves no trace behind it, not even by a lock', async (t) => {
  const right = { postcode: 'LS8 4NW', parentName: 'Greta Harrington' };
  const told = [];
  for (const parts of [{}, { addresses: [], parents: [{ name: 'Ann Bell' }] }]) {
    const child = await add(parts);
    for (let at = 0; at < 5; at++) await attempt(child, right);
    const open = await attempt(child, { ...right, ...wrong });
    t.equal((await shieldAlone(directory, manager, child.childId, 1)).status, 200);
    const { status, body } = await attempt(child, { ...identity, ...right });
    told.push({ status, fields: body.fields, attemptsLeft: body.attemptsLeft });
    t.equal(body.attemptsLeft, 4, `after ${open.status} without the shield`);
  }
  t.same(told[0], told[1]);
});

t.test('its own management team learns who tried', async (t) => {
  const child = await add();
  await attempt(child, wrong);
  const { body } = await call(manager, 'GET', `/v1/children/${child.childId}/accesses`);
  t.match(body.accesses, [{ action: 'verify', role: 'call-centre', userId: operator.userId, reason: 'direct-work' }]);
  t.equal(body.accesses[0].onBehalfOf, undefined);
});
