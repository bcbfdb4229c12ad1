import { sql } from 'kysely';
import t from 'tap';
import { v7 as uuid } from 'uuid';
import { drawNumber } from '../../src/db/child-number.js';
import { findUnacknowledgedShields } from '../../src/db/shields.js';
import { birthday, todayInEngland } from '../../src/services/child-age.js';
import { runRetention } from '../../src/services/keeping/retention.js';
import { bornYearsAgo, type ChildParts, openChildren, type TestChild, type TestChildren } from '../helpers/children.js';
import { clientFor, idsOf } from '../helpers/client.js';
import type { TestCaller } from '../helpers/directory.js';
import { shieldAlone } from '../helpers/household.js';

const seen = (version: number) => ({ 'if-match': `"${version}"` });
const archive = (childId: string) => `/v1/children/${childId}/archive`;

t.test('a child who is archived before the index has heard of the shield is left out of it all the same', async (t) => {
  const directory = await openChildren(t);
  const { add, caller, call, index, owner } = directory;
  const manager = await caller('management-team');
  const practitioner = clientFor(directory, await caller('practitioner'));
  /** Candidates of equal worth go by the end of their ids. */
  const endingWith = (end: string) => uuid().slice(0, -end.length) + end;
  const at = (line1: string, childId: string): ChildParts => ({
    childId,
    givenNames: 'Ann',
    familyName: 'Quillfeather',
    dateOfBirth: bornYearsAgo(9),
    addresses: [{ kind: 'home', line1, town: 'Ottershaw', postcode: 'OT4 7QA' }],
  });
  // With one more the exact search would compare more than it may.
  const others = Array.from({ length: 198 }, (_, one) => at(`${one + 10} Tannery Row`, endingWith('800')));
  const sought = at('1 Sawpit Lane', endingWith('fff'));
  const hidden = at('9 Ropewalk', endingWith('000'));
  await add([...others, sought, hidden]);
  await index();
  const { childId } = hidden as TestChild;
  t.equal((await call(manager, 'PUT', `/v1/children/${childId}/shield`, { reason: 'refuge' }, seen(1))).status, 200);
  t.equal((await call(manager, 'PUT', archive(childId), undefined, seen(2))).status, 200);

  const criteria = {
    familyName: 'Quillfeather',
    address: { line: '1 Sawpit Lane', postcode: 'OT4 7QA' },
    mode: 'exact',
  };
  const stale = await practitioner.search(criteria);
  t.equal(stale.status, 200, "the hidden address takes nobody's place among the candidates");
  t.same(stale.status === 200 && idsOf(stale), [sought.childId]);
  t.same(await findUnacknowledgedShields(owner), [childId]);
  await index();
  t.same(await findUnacknowledgedShields(owner), [], 'until the index has forgotten the child');
  t.same(idsOf(await practitioner.search(criteria)), [sought.childId]);
});

t.test('a shielded child in the archive gets no second, open record', async (t) => {
  const directory = await openChildren(t);
  const { add, caller, call, index, owner } = directory;
  const manager = await caller('management-team');
  const far = clientFor(directory, await caller('management-team', { authority: 'Southmere' }));
  const born = bornYearsAgo(9);
  const [hidden, plain, near] = (await add([
    {
      givenNames: 'Perdita',
      familyName: 'Hollowell',
      dateOfBirth: born,
      otherNames: [{ kind: 'former', givenNames: 'Xandwyn', familyName: 'Zbruqtix' }],
    },
    { givenNames: 'Lysander', familyName: 'Marchbanks', dateOfBirth: born },
    { givenNames: 'Cressida', familyName: 'Vantongeren', dateOfBirth: born, authority: 'Southmere' },
  ])) as [TestChild, TestChild, TestChild];
  await index();
  t.equal((await shieldAlone(directory, manager, hidden.childId, 1)).status, 200);
  await index();
  t.equal((await call(manager, 'PUT', archive(hidden.childId), undefined, seen(2))).status, 200);
  t.equal((await call(manager, 'PUT', archive(plain.childId), undefined, seen(1))).status, 200);
  await index();

  const queued = { status: 202, body: { queued: true } };
  const child = { givenNames: 'Perdita', familyName: 'Hollowell', dateOfBirth: born };
  t.match(await far.create(child), queued, 'by the name that was shown');
  t.match(await far.create({ ...child, givenNames: 'Perdyta', familyName: 'Holowel' }), queued, 'also misspelt');
  const [year, ...day] = born.split('-');
  const aYearOff = [Number(year) + 1, ...day].join('-');
  t.match(await far.create({ ...child, dateOfBirth: aYearOff }), queued, 'or by another day');
  t.match(
    await far.correct(near.childId, 1, { givenNames: 'Perdita', familyName: 'Hollowell' }),
    queued,
    'nor by a correction',
  );
  const { rows } = await sql`
    select candidate_ids, quarantined from matching_queue`.execute(owner);
  t.strictSame(
    rows,
    Array.from({ length: 4 }, () => ({ candidate_ids: [hidden.childId], quarantined: true })),
  );
  const byHidden = await far.create({ givenNames: 'Xandwyn', familyName: 'Zbruqtix', dateOfBirth: born });
  t.equal(byHidden.status, 201, 'a hidden name resembles nobody');
  const other = { givenNames: 'Lysander', familyName: 'Marchbanks', dateOfBirth: born };
  t.equal((await far.create(other)).status, 201, 'nor does who was archived without a shield');

  const without = await directory.withoutIndex(t);
  const away = clientFor({ ...directory, ...without }, await caller('management-team', { authority: 'Southmere' }));
  t.match(await away.create({ ...child, givenNames: 'Perdyta' }), queued, 'also with the index away');
});

t.test('to everybody but its own team a shielded child in the archive is as one that there is not', async (t) => {
  const directory = await openChildren(t);
  const { add, caller, call, index } = directory;
  const manager = await caller('management-team');
  const dateOfBirth = bornYearsAgo(9);
  const [hidden] = (await add([{ givenNames: 'Perdita', familyName: 'Hollowell', dateOfBirth }])) as [TestChild];
  await index();
  await shieldAlone(directory, manager, hidden.childId, 1, 'refuge');
  t.equal((await call(manager, 'PUT', archive(hidden.childId), undefined, seen(2))).status, 200);
  await index();

  type Request = [method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: object];
  const byId: Request[] = [
    ['GET', ''],
    ['PATCH', '', { gender: 'male' }],
    ['PUT', '/archive'],
    ['DELETE', '/archive'],
    ['PUT', '/dispute', { parts: ['names'] }],
    ['DELETE', '/dispute'],
    ['POST', '/subject-access', { requestedBy: 'child' }],
    ['GET', '/accesses'],
    ['GET', '/shield/household'],
    ['PUT', '/shield', { reason: 'refuge' }],
    ['DELETE', '/shield'],
    ['POST', '/shield-override', { reason: 'court-order' }],
    ['POST', '/addresses', { kind: 'home', line1: '1 Sawpit Lane', town: 'Ottershaw' }],
    ['POST', '/involvements', { role: 'teacher' }],
    ['PUT', '/consent-to-25'],
  ];
  const nobody: TestChild = { childId: uuid(), number: drawNumber() };
  const told = async (who: TestCaller, [method, path, body]: Request) => {
    const { status, body: answer, headers } = await call(who, method, path, body, seen(3));
    const { requestId, searchId, took, ...rest } = answer;
    return { status, rest, etag: headers.etag };
  };
  const claims = { givenNames: 'Perdita', familyName: 'Hollowell', dateOfBirth };
  const askers: [TestCaller, (child: TestChild) => Request[]][] = [
    [
      await caller('call-centre'),
      ({ number }) => [['POST', '/v1/verifications', { subject: 'child', number, claims }]],
    ],
  ];
  for (const who of [
    await caller('practitioner'),
    await caller('management-team', { authority: 'Southmere', mayOverrideShields: true }),
  ]) {
    askers.push([
      who,
      ({ childId, number }) => [
        ...byId.map(([method, path, body]): Request => [method, `/v1/children/${childId}${path}`, body]),
        ['POST', '/v1/children/lookup', { number }],
        ['POST', '/v1/children/search', { number }],
        ['POST', '/v1/children/search', { number, address: { postcode: 'OT4 7QA' } }],
      ],
    ]);
  }
  for (const [who, requests] of askers) {
    for (const [at, request] of requests(hidden).entries()) {
      const answer = await told(who, request);
      const [method, path] = request;
      t.strictSame(answer, await told(who, requests(nobody)[at] as Request), `${method} ${path}: ${answer.status}`);
    }
  }
});

/** A shielded child, and what one directory and the other hide of it. */
interface Hiding extends TestChild {
  givenNames: string;
  familyName: string;
  dateOfBirth: string;
  hidden: { consent?: true; diedOn?: string }[];
}

t.test('when a shielded child is archived says nothing of a hidden consent or death', async (t) => {
  const today = todayInEngland();
  const yearsAgo = (years: number) => bornYearsAgo(years);
  const child = (givenNames: string, age: number, hidden: Hiding['hidden']): Hiding => ({
    childId: uuid(),
    number: drawNumber(),
    givenNames,
    familyName: 'Hollowell',
    dateOfBirth: yearsAgo(age),
    hidden,
  });
  const children = [
    child('Perdita', 9, [{ diedOn: yearsAgo(2) }, {}]),
    child('Lysander', 17, [{ consent: true }, {}]),
    child('Cressida', 12, [{ consent: true }, { diedOn: today }]),
    child('Imogen', 16, [{ consent: true, diedOn: yearsAgo(0) }, { consent: true }]),
  ];
  const open = async (which: number) => {
    const directory = await openChildren(t);
    const { owner, add, caller, index } = directory;
    const manager = await caller('management-team');
    await add(children.map(({ hidden: _, ...parts }) => parts));
    for (const { childId, hidden } of children) {
      const { consent, diedOn = null } = hidden[which] ?? {};
      await sql`
        update children set consent_to_25_at = ${consent ? new Date() : null}, died_on = ${diedOn}::date where id = ${childId}`.execute(
        owner,
      );
      t.equal((await shieldAlone(directory, manager, childId, 1)).status, 200);
    }
    await index();
    const far = await caller('management-team', { authority: 'Southmere', mayOverrideShields: true });
    return { ...directory, askers: [await caller('practitioner'), far, await caller('call-centre')] };
  };
  const twins = [await open(0), await open(1)] as const;

  /** Everything that somebody without entitlement could ask to see whether the child is there. */
  const told = async (
    { call, askers, owner }: (typeof twins)[number],
    { childId, number, ...one }: Hiding,
    on: string,
  ) => {
    const { givenNames, familyName, dateOfBirth } = one;
    const answers: unknown[] = [];
    const ask = async (
      who: TestCaller,
      ...[method, path, body]: Parameters<TestChildren['call']> extends [unknown, ...infer R] ? R : never
    ) => {
      const answer = await call(who, method, path, body, seen(3));
      const { requestId, searchId, took, verificationId, ...rest } = answer.body;
      answers.push([method, path, answer.status, rest, answer.headers.etag]);
    };
    const [practitioner, far, operator] = askers as [TestCaller, TestCaller, TestCaller];
    for (const who of [practitioner, far]) {
      await ask(who, 'GET', `/v1/children/${childId}`);
      await ask(who, 'POST', '/v1/children/lookup', { number });
      await ask(who, 'POST', `/v1/children/${childId}/involvements`, { role: 'teacher' });
      for (const criteria of [
        { number },
        { givenNames, familyName },
        { givenNames, familyName, dateOfBirth, mode: 'exact' },
        { familyName: 'Holowell', dateOfBirth },
      ])
        await ask(who, 'POST', '/v1/children/search', criteria);
    }
    await ask(far, 'PUT', `/v1/children/${childId}/archive`);
    await ask(operator, 'POST', '/v1/verifications', {
      subject: 'child',
      number,
      claims: { givenNames, familyName, dateOfBirth },
    });
    // Whom it resembles is asked as of today: in the years in which the archive may be noticed.
    const made =
      birthday(dateOfBirth, 24) > on &&
      (await call(far, 'POST', '/v1/children', { givenNames, familyName, dateOfBirth: bornYearsAgo(8) }));
    if (made) answers.push(['POST', '/v1/children', made.status]);
    await sql`delete from matching_queue`.execute(owner);
    const known = children.map((child) => child.childId);
    await sql`delete from outbox where child_id <> all(${known}::uuid[])`.execute(owner);
    await sql`delete from children where id <> all(${known}::uuid[])`.execute(owner);
    return answers;
  };

  const days = new Set([
    today,
    birthday(today, 1),
    ...children.flatMap(({ dateOfBirth }) => [18, 24, 25].map((age) => birthday(dateOfBirth, age))),
  ]);
  for (const on of [...days].filter((one) => one >= today).sort()) {
    for (const { worker, index } of twins) {
      await runRetention(worker, { today: on });
      await index();
    }
    for (const one of children) {
      const [answers, others] = [await told(twins[0], one, on), await told(twins[1], one, on)];
      t.strictSame(answers, others, `${one.givenNames} on ${on}`);
      const status = (answers[0] as unknown[])[2];
      t.equal(status, birthday(one.dateOfBirth, 18) > on ? 200 : 404, 'and is there until 18');
    }
  }
});

t.test('a shield archives at 18 in spite of a consent, and lifting it takes out of the archive again', async (t) => {
  const directory = await openChildren(t);
  const { add, caller, call, owner, worker } = directory;
  const manager = await caller('management-team');
  const dateOfBirth = bornYearsAgo(17);
  const [hidden] = (await add([{ givenNames: 'Ida', familyName: 'Ash', dateOfBirth }])) as [TestChild];
  await sql`update children set consent_to_25_at = now() where id = ${hidden.childId}`.execute(owner);
  await shieldAlone(directory, manager, hidden.childId, 1);
  await runRetention(worker, { today: birthday(dateOfBirth, 18) });
  const own = await call(manager, 'GET', `/v1/children/${hidden.childId}`);
  t.match(own, { status: 200, body: { archived: true, consentTo25: true } }, 'its own team has it in the archive');
  const lifted = await call(manager, 'DELETE', `/v1/children/${hidden.childId}/shield`, { show: [] }, seen(3));
  t.equal(lifted.status, 200);
  t.notOk(lifted.body.archived, 'out of it with the shield, by the consent');
});

t.test('whom a consent alone keeps in the archive resembles nobody, as though destroyed', async (t) => {
  const directory = await openChildren(t);
  const { add, caller, owner, worker } = directory;
  const manager = await caller('management-team');
  const far = clientFor(directory, await caller('management-team', { authority: 'Southmere' }));
  const parts = (familyName: string, age: number) => ({
    givenNames: 'Perdita',
    familyName,
    dateOfBirth: bornYearsAgo(age),
  });
  const [kept, younger] = (await add([parts('Hollowell', 24), parts('Vantongeren', 23)])) as [TestChild, TestChild];
  for (const { childId } of [kept, younger]) await shieldAlone(directory, manager, childId, 1);
  await sql`
    update children set consent_to_25_at = now() - interval '7 years',
      archived_at = (date_of_birth + interval '18 years') at time zone 'Europe/London'`.execute(owner);
  t.match(await runRetention(worker, { today: todayInEngland() }), { destroyed: 0 }, 'kept by the consent');
  const create = async (familyName: string) => (await far.create(parts(familyName, 8))).status;
  t.equal(await create('Vantongeren'), 202);
  t.equal(await create('Hollowell'), 201);
});

t.test('whom a team has archived stays in the archive when the shield is lifted', async (t) => {
  const directory = await openChildren(t);
  const { add, caller, call, owner } = directory;
  const manager = await caller('management-team');
  const [hidden] = (await add([{ givenNames: 'Ida', familyName: 'Ash', dateOfBirth: bornYearsAgo(9) }])) as [TestChild];
  await sql`update children set consent_to_25_at = now() where id = ${hidden.childId}`.execute(owner);
  await shieldAlone(directory, manager, hidden.childId, 1);
  t.equal((await call(manager, 'PUT', archive(hidden.childId), undefined, seen(2))).status, 200);
  const lifted = await call(manager, 'DELETE', `/v1/children/${hidden.childId}/shield`, { show: [] }, seen(3));
  t.match(lifted, { status: 200, body: { archived: true } });
});

t.test('whom a team archived by hand before 18 goes after six years, whatever is hidden', async (t) => {
  const told = async (hidden: { consent_to_25_at?: Date; died_on?: string }) => {
    const directory = await openChildren(t);
    const { caller, add, owner, worker } = directory;
    const manager = await caller('management-team');
    const far = clientFor(directory, await caller('management-team', { authority: 'Southmere' }));
    const child = { givenNames: 'Perdita', familyName: 'Hollowell', dateOfBirth: bornYearsAgo(16) };
    const [{ childId }] = (await add([child])) as [TestChild];
    await shieldAlone(directory, manager, childId, 1);
    await owner
      .updateTable('children')
      .set({ ...hidden, archived_at: sql`now() - interval '7 years'` })
      .where('id', '=', childId)
      .execute();
    const { destroyed } = await runRetention(worker, { today: todayInEngland() });
    return { destroyed, created: (await far.create(child)).status };
  };
  const gone = { destroyed: 1, created: 201 };
  t.strictSame(await told({}), gone);
  t.strictSame(await told({ consent_to_25_at: new Date() }), gone, 'a consent');
  t.strictSame(await told({ died_on: bornYearsAgo(8) }), gone, 'a death');
});

t.test('a consent keeps nobody in the archive who has died since', async (t) => {
  const directory = await openChildren(t);
  const { add, caller, owner, worker } = directory;
  const manager = await caller('management-team');
  const [child] = (await add([{ givenNames: 'Ida', familyName: 'Ash', dateOfBirth: bornYearsAgo(25) }])) as [TestChild];
  await shieldAlone(directory, manager, child.childId, 1);
  await sql`
    update children set consent_to_25_at = now() - interval '8 years',
      archived_at = (date_of_birth + interval '18 years') at time zone 'Europe/London'`.execute(owner);
  t.match(await runRetention(worker, { today: todayInEngland() }), { destroyed: 0 });
  await owner
    .updateTable('children')
    .set({ died_on: bornYearsAgo(1) })
    .execute();
  t.match(await runRetention(worker, { today: todayInEngland() }), { destroyed: 1 });
});
