import t from 'tap';
import { correctChild } from '../../src/services/change-identity.js';
import { type Answer, bornYearsAgo, openChildren } from '../helpers/children.js';
import { shieldAlone } from '../helpers/household.js';

const born = bornYearsAgo(9);
const later = bornYearsAgo(8);

t.test('a correction cannot make a second record of a child', async (t) => {
  const directory = await openChildren(t);
  const { call, owner } = directory;
  const [mover, hidden, foreign, open, twin] = (
    await directory.add([
      { givenNames: 'Nell', familyName: 'Quince', dateOfBirth: later },
      {
        givenNames: 'Orla',
        familyName: 'Finch',
        dateOfBirth: born,
        otherNames: [{ kind: 'former', givenNames: 'Orla', familyName: 'Lindqvist' }],
      },
      { givenNames: 'Tobias', familyName: 'Crane', dateOfBirth: born, authority: 'Southmere' },
      { givenNames: 'Cosmo', familyName: 'Ravenscroft', dateOfBirth: born },
      { givenNames: 'Cosima', familyName: 'Ravenscroft', dateOfBirth: born },
    ])
  ).map(({ childId }) => childId) as [string, string, string, string, string];
  await directory.index();
  const own = await directory.caller('management-team');
  const other = await directory.caller('management-team', { authority: 'Southmere' });
  await shieldAlone(directory, own, hidden, 1);
  await directory.index();
  let version = 1;
  const correct = async (change: object, childId = mover, caller = own, at = version) => {
    const answer = await call(caller, 'PATCH', `/v1/children/${childId}`, change, { 'if-match': `"${at}"` });
    if (answer.status === 200 && childId === mover) version = answer.body.version;
    return answer;
  };
  const queue = () =>
    owner.selectFrom('matching_queue').select(['row', 'candidate_ids', 'quarantined']).orderBy('id').execute();
  const told = ({ status, body, headers }: Answer) => ({ status, body, headers: Object.keys(headers).sort() });

  await t.test(
    'of a shielded one, of an open one, of another authority: told alike, and nothing is changed',
    async (t) => {
      const names = { givenNames: 'Orlah', familyName: 'Fynch', dateOfBirth: born };
      const answers = [
        await correct(names),
        await correct({ givenNames: 'Cosmo', familyName: 'Ravenscroft', dateOfBirth: born }),
        await correct({ givenNames: 'Tobias', familyName: 'Crane', dateOfBirth: born }),
      ];
      t.strictSame(told(answers[0]!).body, { queued: true });
      t.equal(answers[0]!.status, 202);
      t.notOk('etag' in answers[0]!.headers);
      for (const answer of answers) t.strictSame(told(answer), told(answers[0]!));
      t.match(await call(own, 'GET', `/v1/children/${mover}`), {
        body: { version: 1, dateOfBirth: later, names: [{ familyName: 'Quince' }] },
      });
      const waiting = await queue();
      t.strictSame(waiting[0], {
        row: { action: 'correct-child', childId: mover, change: names },
        candidate_ids: [hidden],
        quarantined: true,
      });
      t.match(waiting.slice(1), [{ quarantined: false }, { candidate_ids: [foreign], quarantined: false }]);
      t.ok(waiting[1]!.candidate_ids.includes(open));
      const audited = await owner
        .selectFrom('audit_events')
        .select(['child_ids', 'details'])
        .where('action', '=', 'correct-child-queued')
        .execute();
      t.strictSame(
        audited,
        Array(3).fill({ child_ids: [mover], details: {} }),
        'in the audit log, without whom it resembles',
      );
    },
  );

  await t.test('asked for again it waits once, in whatever order its fields came', async (t) => {
    const before = await queue();
    t.match(await correct({ dateOfBirth: born, familyName: 'Fynch', givenNames: 'Orlah' }), { status: 202 });
    t.strictSame(await queue(), before);
    await owner.updateTable('matching_queue').set({ decided_at: new Date(), decision: 'discard' }).execute();
    t.match(await correct({ givenNames: 'Orlah', familyName: 'Fynch', dateOfBirth: born }), { status: 202 });
    t.equal((await queue()).length, before.length + 1, 'until it has been decided on');
  });

  await t.test('by the date alone or by the name alone', async (t) => {
    t.match(await correct({ givenNames: 'Orlah', familyName: 'Fynch', dateOfBirth: '2020-02-29' }), { status: 200 });
    t.match(await correct({ dateOfBirth: born }), { status: 202 });
    t.match(await correct({ givenNames: 'Nell', familyName: 'Quince' }), { status: 200 });
    t.match(await correct({ dateOfBirth: born }), { status: 202 }, 'nor by a name that the child has given up');
  });

  await t.test('while what resembles nobody, or only what is hidden, is done at once', async (t) => {
    t.match(await correct({ familyName: 'Quance' }), { status: 200, body: { names: [{}, {}, {}, {}] } });
    t.match(await correct({ gender: 'female' }), { status: 200 });
    const [one] = await directory.add([{ givenNames: 'Bruno', familyName: 'Ox', dateOfBirth: born }]);
    t.match(
      await correct({ givenNames: 'Bruno', familyName: 'Lindqvist' }, one!.childId, own, 1),
      { status: 200 },
      'by a hidden name it resembles nobody',
    );
  });

  await t.test('and twins stay correctable', async (t) => {
    t.match(
      await correct({ givenNames: 'Cosmina', gender: 'female' }, twin, own, 1),
      { status: 200, body: { version: 2 } },
      'of one day and family name, one letter apart or two',
    );
    const [a] = await directory.add([
      { givenNames: 'Ada', familyName: 'Twinning', dateOfBirth: born },
      { givenNames: 'Ada', familyName: 'Twinning', dateOfBirth: born },
    ]);
    t.match(
      await correct({ familyName: 'Twinnings' }, a!.childId, own, 1),
      { status: 200 },
      'whom it resembled before, it may go on resembling',
    );
  });

  await t.test('a shielded child keeps its shield, and a correction of it is quarantined', async (t) => {
    const before = await queue();
    t.match(await correct({ givenNames: 'Cosmo', familyName: 'Ravenscroft' }, hidden, own, 2), {
      status: 202,
      body: { queued: true },
    });
    const waiting = await queue();
    t.match(waiting[before.length], { row: { childId: hidden }, quarantined: true });
    t.notOk(waiting[before.length]!.candidate_ids.includes(hidden));
    t.match(
      await correct({ dateOfBirth: bornYearsAgo(2) }, hidden, own, 2),
      { status: 200, body: { shielded: true } },
      'by its hidden names it is not compared',
    );
    t.match(await call(other, 'GET', `/v1/children/${hidden}`), {
      body: { hidden: true, dateOfBirth: bornYearsAgo(2) },
    });
  });

  await t.test('whoever may not change the child is refused before anything is compared', async (t) => {
    const count = (await queue()).length;
    for (const change of [{ givenNames: 'Cosmo', familyName: 'Ravenscroft', dateOfBirth: born }, { gender: 'male' }])
      t.match(await correct(change, mover, other), { status: 403, body: { code: 'forbidden' } });
    t.match(await correct({ givenNames: 'Cosmo', familyName: 'Ravenscroft', dateOfBirth: born }, mover, own, 99), {
      status: 412,
    });
    t.equal((await queue()).length, count);
  });

  await t.test('nor while the index is away', async (t) => {
    const away = await directory.withoutIndex(t);
    const answer = await away.call(
      own,
      'PATCH',
      `/v1/children/${mover}`,
      { givenNames: 'Tobyas', familyName: 'Crain', dateOfBirth: born },
      { 'if-match': `"${version}"` },
    );
    t.match(answer, { status: 202, body: { queued: true } });
  });
});

t.test(
  'of two corrections and a creation at the same moment that would make one child thrice, one is done',
  async (t) => {
    const directory = await openChildren(t);
    const [a, b] = await directory.add([
      { givenNames: 'Alma', familyName: 'Rook', dateOfBirth: bornYearsAgo(4) },
      { givenNames: 'Bela', familyName: 'Stork', dateOfBirth: bornYearsAgo(11) },
    ]);
    await directory.index();
    const own = await directory.caller('management-team');
    const identity = { givenNames: 'Clementina', familyName: 'Vandersloot', dateOfBirth: bornYearsAgo(7) };
    const correct = ({ childId }: { childId: string }) =>
      directory.call(own, 'PATCH', `/v1/children/${childId}`, identity, { 'if-match': '"1"' });
    const answers = await Promise.all([
      correct(a!),
      directory.call(own, 'POST', '/v1/children', identity),
      correct(b!),
    ]);
    t.equal(answers.filter(({ status }) => status === 202).length, 2);
    t.equal(answers.filter(({ status }) => status === 200 || status === 201).length, 1);
  },
);

t.test('a child that is changed while the index is asked is compared anew or not at all', async (t) => {
  const directory = await openChildren(t);
  const [child] = await directory.add([{ givenNames: 'Nell', familyName: 'Quince', dateOfBirth: born }]);
  await directory.index();
  const { userId, headers } = await directory.caller('management-team');
  const caller = {
    userId,
    name: '',
    role: 'management-team' as const,
    organisationId: null,
    authority: 'Northvale',
    mayOverrideShields: false,
    sessionId: userId,
  };
  const access = { caller, reason: headers['x-access-reason'], requestId: 'test' };
  const { names } = directory.context;
  // Stands where the index is asked: between the reading of the child and its lock.
  const context = {
    ...directory.context,
    names: {
      ...names,
      async current() {
        await directory.owner.updateTable('children').set({ version: 2 }).where('id', '=', child!.childId).execute();
        return names.current();
      },
    },
  };
  const { childId } = child!;
  await t.rejects(correctChild(context, access, childId, 1, { familyName: 'Quance' }), { code: 'stale-version' });
  await t.rejects(correctChild(directory.context, access, childId, 3, { familyName: 'Quance' }), {
    code: 'stale-version',
  });
});
