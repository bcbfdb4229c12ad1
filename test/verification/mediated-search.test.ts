import { sql } from 'kysely';
import { generate } from 'otplib';
import t from 'tap';
import { v7 as uuid } from 'uuid';
import { type Answer, openChildren, type TestChild } from '../helpers/children.js';
import type { TestCaller } from '../helpers/directory.js';
import { shieldAlone } from '../helpers/household.js';

const directory = await openChildren(t);
const { owner, caller, call } = directory;
const operator = await caller('call-centre');
const manager = await caller('management-team');
const school = { name: 'Hollins Grange School', sector: 'education' as const };
let practitioners = 0;
const newPractitioner = () => {
  practitioners += 1;
  return caller('practitioner', {
    username: `teacher-${practitioners}`,
    name: 'Rosalind Achterberg',
    organisation: school,
  });
};
const [child] = (await directory.add([
  {
    givenNames: 'Micaela',
    familyName: 'Harrington',
    dateOfBirth: '2013-10-04',
    addresses: [{ kind: 'home', line1: '9 Burrinjuck Crescent', town: 'Leeds', postcode: 'LS8 4NW' }],
  },
])) as [TestChild];

/** A code of the next half minute after those used: each works once. */
const codeOf = ({ totpSecret }: TestCaller, steps = 0) =>
  generate({ secret: totpSecret, epoch: Math.floor(Date.now() / 1_000) + 30 * steps });
const spoken = { givenNames: 'Rosalind', familyName: 'Achterberg', organisation: 'Hollins Grange School' };
const verify = (practitioner: TestCaller, claims: object, by = operator): Promise<Answer> =>
  call(by, 'POST', '/v1/verifications', { subject: 'practitioner', username: practitioner.username, claims });
const verified = async (practitioner: TestCaller, by = operator): Promise<string> => {
  const { body } = await verify(practitioner, { ...spoken, otp: await codeOf(practitioner) }, by);
  return body.verificationId;
};
const search = (by: TestCaller, criteria: object) => directory.search(by, { number: child.number, ...criteria });
const refused = { status: 403, body: { code: 'forbidden' } };

t.test('a practitioner is verified by name, organisation and a code', async (t) => {
  const practitioner = await newPractitioner();
  const otp = await codeOf(practitioner);
  t.match(await verify(practitioner, { ...spoken, otp }), {
    status: 200,
    body: {
      verified: true,
      fields: { givenNames: 'agrees', familyName: 'agrees', organisation: 'agrees', otp: 'agrees' },
      attemptsLeft: 5,
    },
  });
  t.match(
    (await verify(practitioner, { ...spoken, otp })).body,
    { verified: false, fields: { otp: 'disagrees' } },
    'a code works once',
  );
  for (const field of ['givenNames', 'familyName', 'organisation', 'otp']) {
    const other = await newPractitioner();
    const claims = { ...spoken, otp: await codeOf(other), [field]: undefined };
    t.equal((await verify(other, claims)).body.verified, false, `not without ${field}`);
  }
  const other = await newPractitioner();
  const wrong = await verify(other, { ...spoken, organisation: 'Another School', otp: await codeOf(other) });
  t.match(wrong.body, { verified: false, fields: { organisation: 'disagrees', otp: 'agrees' } });
  t.match(await search(operator, { onBehalfOf: wrong.body.verificationId }), refused, 'and that opens nothing');
});

t.test('a code that was spoken does not sign anybody in, nor the other way round', async (t) => {
  const practitioner = await caller('practitioner', {
    username: 'speaker',
    name: 'Rosalind Achterberg',
    organisation: school,
    password: 'correct horse battery staple',
  });
  const signIn = async (otp: string) =>
    (
      await directory.app.inject({
        method: 'POST',
        url: '/v1/session',
        payload: { username: 'speaker', password: 'correct horse battery staple', otp },
      })
    ).statusCode;
  const first = await codeOf(practitioner);
  t.equal((await verify(practitioner, { ...spoken, otp: first })).body.verified, true);
  t.equal(await signIn(first), 401);
  const second = await codeOf(practitioner, 1);
  t.equal(await signIn(second), 200);
  t.equal((await verify(practitioner, { ...spoken, otp: second })).body.verified, false);
});

t.test('one code at the same instant verifies once', async (t) => {
  const practitioner = await newPractitioner();
  const otp = await codeOf(practitioner);
  const answers = await Promise.all(Array.from({ length: 4 }, () => verify(practitioner, { ...spoken, otp })));
  t.equal(answers.filter(({ body }) => body.verified).length, 1);
});

t.test('wrong codes lock the account', async (t) => {
  const practitioner = await newPractitioner();
  const right = await codeOf(practitioner);
  const otp = right === '000000' ? '000001' : '000000';
  const answers = [];
  for (let at = 0; at < 5; at++) answers.push((await verify(practitioner, { ...spoken, otp })).body);
  t.same(
    answers.map(({ attemptsLeft }) => attemptsLeft),
    [4, 3, 2, 1, 0],
  );
  t.ok(answers.every((answer) => !answer.verified));
  const locked = await verify(practitioner, { ...spoken, otp: right });
  t.match(locked, { status: 423, body: { code: 'verification-locked' } }, 'also for a right one');
});

t.test('only a practitioner whose account stands is verified', async (t) => {
  const lapsed = await newPractitioner();
  await sql`update users set background_check_on = '2019-01-01' where id = ${lapsed.userId}`.execute(owner);
  t.match((await verify(lapsed, { ...spoken, otp: await codeOf(lapsed) })).body, {
    verified: false,
    fields: { givenNames: 'agrees', otp: 'disagrees' },
  });
  for (const username of ['nobody-at-all', manager.username, operator.username]) {
    const answer = await verify({ ...manager, username }, { ...spoken, otp: '123456' });
    t.match(answer, { status: 404, body: { code: 'not-found' } }, username);
  }
});

t.test('an operator searches for a practitioner and sees what they would', async (t) => {
  const practitioner = await newPractitioner();
  t.match(await search(operator, {}), refused, 'not for themself');
  t.match(await search(operator, { onBehalfOf: uuid() }), refused);
  const onBehalfOf = await verified(practitioner);
  const mediated = await search(operator, { onBehalfOf });
  const own = await search(practitioner, {});
  t.equal(mediated.status, 200);
  const { childId } = child;
  t.match(mediated.body, { outcome: 'match', results: [{ childId, address: { postcode: 'LS8 4NW' } }] });
  t.same(mediated.body.results, own.body.results);

  const [event] = await owner
    .selectFrom('audit_events')
    .selectAll()
    .where('action', '=', 'search')
    .where('user_id', '=', operator.userId)
    .execute();
  t.match(event, { on_behalf_of: practitioner.userId, role: 'call-centre', child_ids: [childId] });
  const { body } = await call(manager, 'GET', `/v1/children/${childId}/accesses`);
  const looked = body.accesses.find((access: { userId: string }) => access.userId === operator.userId);
  t.match(looked, {
    action: 'search',
    name: 'The call-centre 1',
    onBehalfOf: { userId: practitioner.userId, name: 'Rosalind Achterberg', organisation: school.name },
  });

  const client = (url: string, method: 'GET' | 'POST' = 'GET', payload?: object) =>
    call(operator, method, url, payload);
  t.match(await client(`/v1/children/${childId}`), refused, 'no browsing');
  t.match(await client('/v1/children/lookup', 'POST', { number: child.number }), refused);
});

t.test('a verification serves its own operator, for half an hour, while the account stands', async (t) => {
  const practitioner = await newPractitioner();
  const onBehalfOf = await verified(practitioner);
  t.match(await search(await caller('call-centre'), { onBehalfOf }), refused, 'no other operator');
  t.match(await search(practitioner, { onBehalfOf }), refused, 'nor the practitioner themself');
  t.match(await search(manager, { onBehalfOf }), refused);
  t.equal((await search(operator, { onBehalfOf })).status, 200);

  const age = (minutes: number) =>
    sql`update practitioner_verifications set verified_at = now() - make_interval(mins => ${minutes}) where id = ${onBehalfOf}`.execute(
      owner,
    );
  await age(29);
  t.equal((await search(operator, { onBehalfOf })).status, 200);
  await age(31);
  t.match(await search(operator, { onBehalfOf }), refused, 'later');
  await age(0);
  for (const change of [
    sql`update users set disabled_at = now() where id = ${practitioner.userId}`,
    sql`update users set disabled_at = null, role = 'management-team' where id = ${practitioner.userId}`,
  ]) {
    await change.execute(owner);
    t.match(await search(operator, { onBehalfOf }), refused);
  }
  const events = await owner.selectFrom('audit_events').select('id').where('action', '=', 'search-refused').execute();
  t.ok(events.length >= 6, 'each refusal is in the audit log');
});

t.test('whatever ends the sessions of a practitioner ends what was verified of them before', async (t) => {
  const practitioner = await newPractitioner();
  const onBehalfOf = await verified(practitioner);
  t.equal((await search(operator, { onBehalfOf })).status, 200);
  const administrator = await caller('administrator');
  const url = `/v1/users/${practitioner.userId}`;
  const { status, body } = await call(administrator, 'PATCH', url, { resetTotp: true });
  t.equal(status, 200, 'the telephone with the codes was stolen');
  t.match(await search(operator, { onBehalfOf }), refused);
  const again = await verified({ ...practitioner, totpSecret: body.totpSecret });
  t.equal((await search(operator, { onBehalfOf: again })).status, 200, 'and not what is verified from then on');
});

t.test('auditors find a mediated search under either of the two', async (t) => {
  const practitioner = await newPractitioner();
  await search(operator, { onBehalfOf: await verified(practitioner) });
  const auditor = await caller('auditor');
  for (const { userId } of [operator, practitioner]) {
    const { body } = await call(auditor, 'GET', `/v1/audit/events?user=${userId}&limit=1`);
    t.match(body.events, [{ action: 'search', userId: operator.userId, onBehalfOf: practitioner.userId }]);
  }
});

t.test('a verification of a child opens no search', async (t) => {
  const claims = { givenNames: 'Micaela', familyName: 'Harrington', dateOfBirth: '2013-10-04' };
  const answer = await call(operator, 'POST', '/v1/verifications', {
    subject: 'child',
    childId: child.childId,
    claims,
  });
  t.equal(answer.body.verified, true);
  t.match(await search(operator, { onBehalfOf: answer.body.verificationId }), refused);
});

t.test('a shielded child is as hidden from an operator as from the practitioner', async (t) => {
  const [shielded] = (await directory.add([
    {
      givenNames: 'Orla',
      familyName: 'Finch',
      dateOfBirth: '2014-05-06',
      addresses: [{ kind: 'home', line1: '12 Larch Close', town: 'Helmsley', postcode: 'YO62 5AB' }],
    },
  ])) as [TestChild];
  await shieldAlone(directory, manager, shielded.childId, 1);
  const onBehalfOf = await verified(await newPractitioner());
  const { body } = await search(operator, { onBehalfOf, number: shielded.number });
  t.match(body.results, [{ childId: shielded.childId, shielded: true, hidden: true }]);
  t.equal(body.results[0].address, undefined);
});
