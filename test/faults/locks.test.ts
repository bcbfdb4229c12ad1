import t from 'tap';
import { releaseAllClaims, releaseClaims, releaseExpiredClaims, settle } from '../../src/db/outbox.js';
import { bornYearsAgo, openChildren } from '../helpers/children.js';
import { indexName } from '../helpers/indexed.js';

const ROUNDS = Number(process.env.LOCK_ROUNDS ?? 60);

t.test('siblings are shielded together while workers settle both, and nobody waits in a circle', async (t) => {
  const directory = await openChildren(t);
  const { call, worker, owner } = directory;
  const home = { kind: 'home' as const, line1: '3 Weir Bank', town: 'Otley', postcode: 'LS21 3AA' };
  const sibling = { familyName: 'Weatherill', dateOfBirth: bornYearsAgo(9), addresses: [home] };
  const added = await directory.add([
    { ...sibling, givenNames: 'Ada' },
    { ...sibling, givenNames: 'Bo' },
  ]);
  await directory.index();
  // The one whose shield brings in the other has the greater id: it is locked first all the same.
  const [second, first] = added.map(({ childId }) => childId).sort() as [string, string];
  const manager = await directory.caller('management-team');
  const index = await indexName(directory);
  const versionOf = async (childId: string) =>
    (await owner.selectFrom('children').select('version').where('id', '=', childId).executeTakeFirstOrThrow()).version;
  const acknowledged = [first, second].map((childId) => ({
    childId,
    version: 1_000_000,
    shieldWaits: true,
    indexNames: [index],
  }));

  let shielding = true;
  /** What workers do beside, in every order. */
  const working = [
    () => settle(worker.db, acknowledged),
    () => settle(worker.db, [...acknowledged].reverse()),
    () => releaseClaims(worker.db, [second, first]),
    () => releaseAllClaims(worker.db),
    () => releaseExpiredClaims(worker.db),
  ].map(async (work) => {
    while (shielding) await work();
  });
  const answers: number[] = [];
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const set = await call(
        manager,
        'PUT',
        `/v1/children/${first}/shield`,
        { reason: 'risk-of-harm', decisions: [{ childId: second, decision: 'shield' }] },
        { 'if-match': `"${await versionOf(first)}"` },
      );
      answers.push(set.status);
      for (const childId of [first, second]) {
        const lifted = await call(manager, 'DELETE', `/v1/children/${childId}/shield`, undefined, {
          'if-match': `"${await versionOf(childId)}"`,
        });
        answers.push(lifted.status);
      }
    }
  } finally {
    shielding = false;
  }
  await t.resolves(Promise.all(working), 'no worker was broken off');
  t.same(new Set(answers), new Set([200]), `nor any of ${answers.length} changes`);
  await directory.index();
  t.same(await owner.selectFrom('outbox').selectAll().execute(), [], 'and nothing was passed over for good');
});
