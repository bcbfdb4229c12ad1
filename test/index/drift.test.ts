import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { sql } from 'kysely';
import t, { type Test } from 'tap';
import { v7 as uuid } from 'uuid';
import { corruptIndex, type Fault } from '../../bench/drift/corrupt.js';
import { projectRoot } from '../../src/config.js';
import { findFacts } from '../../src/db/children.js';
import { listReconciliations, requestReconciliation } from '../../src/db/reconciliations.js';
import { mappingVersionOf } from '../../src/search/aliases.js';
import { bucketOf, checkOf, projectChild } from '../../src/search/projection.js';
import { compareIndex } from '../../src/services/index/compare.js';
import { reconcile } from '../../src/services/index/reconcile.js';
import { startWorkers } from '../../workers/main.js';
import { type ChildParts, openChildren, type TestChild, type TestChildren } from '../helpers/children.js';
import { clientFor } from '../helpers/client.js';
import { documentVersions, indexName } from '../helpers/indexed.js';
import { until } from '../helpers/wait.js';

const letters = (position: number) => [...String(position)].map((digit) => 'bcdfghklmn'[Number(digit)]).join('o');

/** None resembles another, so that each can be corrected. */
const child = (position: number): ChildParts => ({
  givenNames: `${letters(position)}ina`,
  familyName: `Thistle${letters(position * 37)}`,
  dateOfBirth: `${2010 + (position % 7)}-0${1 + (position % 9)}-1${position % 10}`,
  addresses: [{ kind: 'home', line1: `${position} Tannery Row`, town: 'Ottershaw', postcode: 'OT4 7QA' }],
  parents: [{ name: `Perpetua ${letters(position * 13)}` }],
});

async function open(t: Test, children = 40) {
  const directory = await openChildren(t);
  const added = await directory.add(Array.from({ length: children }, (_, position) => child(position)));
  await directory.index();
  return { directory, added, index: await indexName(directory) };
}

async function withWorkers<T>({ worker }: TestChildren, work: () => Promise<T>): Promise<T> {
  const workers = await startWorkers(worker);
  try {
    return await work();
  } finally {
    await workers.close();
  }
}

const counts = ({ missing, stale, extra, repaired }: Record<'missing' | 'stale' | 'extra' | 'repaired', number>) => ({
  missing,
  stale,
  extra,
  repaired,
});

t.test('PostgreSQL makes the same bucket and check of a child as a document has', async (t) => {
  const { owner } = await openChildren(t);
  for (const [id, version, mappingVersion] of [
    [uuid(), 1, 1],
    ['ffffffff-ffff-4fff-8fff-ffffffffffff', 9_007_199_254_740_991, 2],
    ['00000000-0000-4000-8000-000000000000', 0, 2],
    [uuid(), 20_000, 13],
  ] as const) {
    const { rows } = await sql`
      select bucket_of(${id}::uuid) as bucket, check_of(${id}::uuid, ${version}, ${mappingVersion}) as "check"`.execute(
      owner,
    );
    t.strictSame(rows, [{ bucket: bucketOf(id), check: checkOf(id, version, mappingVersion) }]);
  }
});

t.test('an index that is right is found right, whatever is on its way', async (t) => {
  const { directory, added, index } = await open(t);
  const { worker, owner } = directory;
  t.match(await compareIndex(worker, index), { records: 40, documents: 40, bucketsCompared: 0, differences: [] });
  t.match(await compareIndex(worker, index, { deep: true }), { differences: [] });

  const manager = clientFor(directory, await directory.caller('management-team'));
  const [changed, refused] = added as [TestChild, TestChild];
  t.equal((await manager.correct(changed.childId, 1, { gender: 'female' })).status, 200);
  await directory.add([child(41)]);
  const waiting = await compareIndex(worker, index, { deep: true });
  t.strictSame(waiting.differences, [], 'changes that wait in the outbox are no drift');
  t.ok(waiting.bucketsCompared > 0);

  await sql`
    insert into dead_letters (id, child_id, version, reason) values (${uuid()}, ${refused.childId}, 1, 'illegal_argument_exception')`.execute(
    owner,
  );
  await directory.context.elasticsearch.delete({ index, id: refused.childId, refresh: true });
  t.strictSame((await compareIndex(worker, index)).differences, [], 'nor is what has a list of its own');
});

t.test('changes made all the while are never taken for drift', async (t) => {
  const { directory, added, index } = await open(t, 12);
  const { worker } = directory;
  const manager = clientFor(directory, await directory.caller('management-team'));
  await withWorkers(directory, async () => {
    const versions = new Map(added.map(({ childId }) => [childId, 1]));
    let over = false;
    const changing = (async () => {
      for (let round = 0; !over; round++) {
        const { childId } = added[round % added.length] as { childId: string };
        const version = versions.get(childId) as number;
        const { status } = await manager.correct(childId, version, { gender: version % 2 ? 'female' : 'male' });
        if (status !== 200) throw new Error(`a change was answered by ${status}`);
        versions.set(childId, version + 1);
      }
    })().finally(() => {
      over = true;
    });
    const changes = () => [...versions.values()].reduce((sum, version) => sum + version - 1, 0);
    for (let look = 0; !over && (look < 10 || changes() < 3 * added.length); look++) {
      const { differences } = await compareIndex(worker, index, { deep: true });
      t.strictSame(differences, []);
    }
    over = true;
    await changing;
  });
});

t.test('each fault is found by itself, named and repaired', async (t) => {
  const { directory, added, index } = await open(t, 0);
  const { worker } = directory;
  t.strictSame(added, []);
  // Of one bucket in twos, so that pairs can cancel.
  const children = Array.from({ length: 60 }, (_, position) => {
    const bucket = (Math.floor(position / 2) * 97).toString(16).padStart(3, '0');
    return { ...child(position), childId: `${uuid().slice(0, -3)}${bucket}` };
  });
  await directory.add(children);
  await directory.index();
  const before = await documentVersions(directory);

  const check = async (fault: Fault, deep: boolean, corruptions: number) => {
    const { expected } = await corruptIndex(worker, index, { corruptions, seed: 3, faults: [fault] });
    const found = await withWorkers(directory, () => reconcile(worker, { deep }));
    t.ok(found, fault);
    if (!found) return;
    t.strictSame(counts(found), { ...expected, repaired: corruptions }, fault);
    t.strictSame((await compareIndex(worker, index, { deep: true })).differences, [], `${fault}: nothing is left`);
    t.strictSame(await documentVersions(directory), before, `${fault}: the versions are those of PostgreSQL`);
  };
  for (const fault of [
    'deleted',
    'older version',
    'later version',
    'later external version alone',
    'wrong check',
    'wrong bucket',
    'no bucket',
    'wrongly shielded',
    'invented',
    'invented under no id of a child',
  ] as const)
    await check(fault, false, 3);
  for (const fault of [
    'pair: deleted and invented',
    'pair: versions up and down',
    'pair: checks up and down',
    'pair: a later and an older version',
  ] as const)
    await check(fault, false, 2);
  for (const fault of ['pair: checks of two swapped', 'pair: whole documents swapped'] as const)
    await check(fault, true, 2);
  for (const fault of ['term altered', 'term added', 'term removed'] as const) await check(fault, true, 3);
});

t.test('what sums cannot see is found when its share of the buckets has its turn', async (t) => {
  const { directory, index } = await open(t, 0);
  const bucket = 130;
  await directory.add(
    [0, 1].map((position) => ({
      ...child(position),
      childId: `${uuid().slice(0, -3)}${bucket.toString(16).padStart(3, '0')}`,
    })),
  );
  await directory.index();
  await corruptIndex(directory.worker, index, { corruptions: 2, seed: 1, faults: ['pair: whole documents swapped'] });
  const compare = async (turn: number) => (await compareIndex(directory.worker, index, { turn })).differences.length;
  t.equal(await compare((bucket + 1) % 64), 0);
  t.equal(await compare(bucket % 64), 2);
});

t.test('a destroyed child does not come back, nor does an archived one', async (t) => {
  const { directory, added, index } = await open(t, 3);
  const { owner, worker, context } = directory;
  const [destroyed, archived, kept] = added as [
    { childId: string; number: string },
    { childId: string },
    { childId: string },
  ];
  const facts = await findFacts(worker.db, [destroyed.childId, archived.childId]);
  await owner.transaction().execute(async (trx) => {
    await sql`insert into destroyed_numbers (number, child_id, version) values (${destroyed.number}, ${destroyed.childId}, 2)`.execute(
      trx,
    );
    await sql`delete from children where id = ${destroyed.childId}`.execute(trx);
    await sql`insert into outbox (child_id, version) values (${destroyed.childId}, 2)`.execute(trx);
    await sql`update children set archived_at = now(), version = 2 where id = ${archived.childId}`.execute(trx);
    await sql`insert into outbox (child_id, version) values (${archived.childId}, 2)`.execute(trx);
  });
  await directory.index();
  t.same(await documentVersions(directory), new Map([[kept.childId, 1]]));

  // As from a snapshot of the index that was restored.
  await context.elasticsearch.indices.putSettings({ index, settings: { index: { gc_deletes: '0s' } } });
  await until(async () => {
    for (const fact of facts) {
      await context.elasticsearch.index({
        index,
        id: fact.childId,
        document: projectChild(fact, mappingVersionOf(index)),
        version: fact.childId === archived.childId ? 5 : 1,
        version_type: 'external_gte',
        refresh: true,
      });
    }
    return true;
  });
  await context.elasticsearch.indices.putSettings({ index, settings: { index: { gc_deletes: '60s' } } });
  const found = await withWorkers(directory, () => reconcile(worker));
  t.match(found, { missing: 0, stale: 0, extra: 2, repaired: 2 });
  t.same(await documentVersions(directory), new Map([[kept.childId, 1]]));
});

t.test('until a shielded child is repaired its shield holds as though just set', async (t) => {
  const { directory, added, index } = await open(t, 3);
  const { owner, worker } = directory;
  const manager = clientFor(directory, await directory.caller('management-team'));
  const [shielded] = added as [TestChild];
  await manager.shield(shielded.childId, 1);
  await directory.index();
  const acknowledged = async () =>
    (await owner.selectFrom('shields').select('index_acknowledged_at').executeTakeFirstOrThrow()).index_acknowledged_at;
  t.ok(await acknowledged());
  await directory.context.elasticsearch.delete({ index, id: shielded.childId, refresh: true });
  const ending = AbortSignal.timeout(1_500);
  await t.rejects(reconcile(worker, { signal: ending }), 'nobody does the work');
  t.equal(await acknowledged(), null, 'searches leave the child out by its id');
  t.match(await owner.selectFrom('outbox').selectAll().execute(), [{ child_id: shielded.childId, urgent: true }]);
  const [last] = await listReconciliations(owner, 1);
  t.match(last, { state: 'failed', missing: 1, repaired: 0, reason: 'broken off' });
  await directory.index();
  t.ok(await acknowledged());
});

t.test('checks are made on schedule and on demand, one at a time, and their history is kept', async (t) => {
  const directory = await openChildren(t, { env: { INDEX_CHECK_MINUTES: '60' } });
  const { app, owner, worker } = directory;
  const data = await directory.caller('data-team');
  const headers = { authorization: data.headers.authorization };
  await directory.add([child(1), child(2)]);
  await directory.index();
  await withWorkers(directory, async () => {
    await until(async () => (await listReconciliations(owner, 10)).some(({ state }) => state === 'done'), {
      seconds: 20,
    });
    const [lost] = await owner.selectFrom('children').select('id').limit(1).execute();
    await directory.context.elasticsearch.delete({
      index: await indexName(directory),
      id: lost?.id ?? '',
      refresh: true,
    });

    const asked = await app.inject({
      method: 'POST',
      url: '/v1/index/reconciliations',
      headers,
      payload: { deep: true },
    });
    t.equal(asked.statusCode, 202);
    const { reconciliationId } = asked.json();
    const url = `/v1/index/reconciliations/${reconciliationId}`;
    const done = await until(
      async () => {
        const answer = (await app.inject({ url, headers })).json();
        return answer.state === 'done' ? answer : undefined;
      },
      { seconds: 20 },
    );
    t.match(done, { deep: true, missing: 1, stale: 0, extra: 0, repaired: 1, records: 2, documents: 1 });
    const health = (await app.inject({ url: '/v1/index/health', headers })).json();
    t.match(health.drift, { checkedAt: done.endedAt, missing: 1, repaired: 1 });
    const { reconciliations } = (await app.inject({ url: '/v1/index/reconciliations', headers })).json();
    t.match(reconciliations[0], { reconciliationId });
  });
  t.equal((await app.inject({ url: `/v1/index/reconciliations/${uuid()}`, headers })).statusCode, 404);
  const outcomes = await Promise.all([reconcile(worker), reconcile(worker), reconcile(worker)]);
  t.equal(outcomes.filter(Boolean).length, 1, 'whoever comes while one goes on does nothing');
  const one = await requestReconciliation(owner, { deep: false });
  t.equal(await requestReconciliation(owner, { deep: false }), one, 'one that waits does for both');
});

t.test('a trial of random corruptions finds and repairs them all', { timeout: 240_000 }, async (t) => {
  const args = ['--import', 'tsx', 'bench/drift-trial.ts', '--children', '5000', '--corruptions', '200', '--seed', '7'];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    cwd: projectRoot,
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  const { clean, sums, deep, wrong } = JSON.parse(stdout);
  t.match(clean, { differences: 0, bucketsCompared: 0 });
  t.ok(sums.repaired >= 200);
  t.match(sums, { found: sums.expected, left: { differences: 0 } });
  t.match(deep, { found: deep.expected, left: { differences: 0 } });
  t.equal(wrong, 0);
});
