import { sql } from 'kysely';
import pg from 'pg';
import t, { type Test } from 'tap';
import type { Context } from '../../src/context.js';
import { createIndexQueue, createRedis, indexQueues } from '../../src/queues/index-queue.js';
import { ensureIndex, nextAlias, readAlias, writeAlias } from '../../src/search/aliases.js';
import { indexChildren } from '../../src/services/index/write-documents.js';
import { relayOutbox, startRelay } from '../../workers/relay-outbox.js';
import { type ChildParts, openChildren, type TestChildren } from '../helpers/children.js';
import { clientFor, idsOf } from '../helpers/client.js';
import { startWorker } from '../helpers/command.js';
import { holdSettling } from '../helpers/gate.js';
import { documentVersions, indexName, untilIndexed } from '../helpers/indexed.js';
import { until } from '../helpers/wait.js';

const child: ChildParts = {
  givenNames: 'Marigold',
  familyName: 'Thistlewood',
  dateOfBirth: '2013-05-06',
  addresses: [{ kind: 'home', line1: '4 Tannery Row', town: 'Ottershaw', postcode: 'OT4 7QA' }],
};

/** A directory with this one child, indexed; `change` gives the child its next version. */
async function openWithChild(t: Test) {
  const directory = await openChildren(t);
  const [added] = await directory.add([child]);
  await directory.index();
  const { childId } = added as { childId: string };
  const manager = clientFor(directory, await directory.caller('management-team'));
  let version = 1;
  const change = async () => {
    const { status } = await manager.correct(childId, version, { givenNames: `Marigold ${'abcdef'[version]}` });
    if (status !== 200) throw new Error(`the change was answered by ${status}`);
    version += 1;
  };
  return { directory, childId, manager, change };
}

function waiting({ owner }: TestChildren) {
  return owner.selectFrom('outbox').select(['child_id', 'version']).execute();
}

/** The worker's context with Elasticsearch's `bulk` watched: what happens before it is sent, or before its answer is heard. */
function watchBulk(
  worker: Context,
  watch: { before?: () => Promise<unknown>; after?: () => Promise<unknown> },
): Context {
  const bulk = async (request: Parameters<Context['elasticsearch']['bulk']>[0]) => {
    await watch.before?.();
    const answer = await worker.elasticsearch.bulk(request);
    await watch.after?.();
    return answer;
  };
  const elasticsearch = new Proxy(worker.elasticsearch, {
    get: (target, key) => (key === 'bulk' ? bulk : Reflect.get(target, key)),
  });
  return { ...worker, elasticsearch };
}

t.test('a worker killed between bulk and settle leaves the entry, and the next worker settles it', async (t) => {
  const { directory, childId, change } = await openWithChild(t);
  const gate = await holdSettling(t, directory);
  const killed = await startWorker(t, directory);
  await change();
  await until(gate.reached, { seconds: 20 });
  t.equal((await documentVersions(directory)).get(childId), 2, 'the index has acknowledged');
  await killed.end('SIGKILL');
  await gate.open();
  t.same(await waiting(directory), [{ child_id: childId, version: 2 }], 'the entry is still there');

  const next = await startWorker(t, directory);
  // Well under the minute after which the claim would run out.
  await untilIndexed(directory, { seconds: 25 });
  t.same(await documentVersions(directory), new Map([[childId, 2]]));
  await next.end();
});

/** A job done while somebody has locked the child's entry by `lock`, which then ends by `end`. @returns what is left in the outbox */
async function indexWhileLocked(t: Test, { lock, end }: { lock: string; end: 'commit' | 'rollback' }) {
  const { directory, childId, change } = await openWithChild(t);
  const { owner, worker } = directory;
  await change();
  // Of a claim that is not committed yet there is nothing before.
  if (end === 'rollback') await sql`update outbox set claimed_at = now()`.execute(owner);
  const holder = new pg.Client({ connectionString: directory.urls.databaseUrl });
  await holder.connect();
  t.teardown(() => holder.end());
  await holder.query('begin');
  await holder.query(lock);
  const indexing = indexChildren(worker, [childId]);
  const waits = async () => {
    const { rows } = await sql`
      select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`.execute(owner);
    return rows.length > 0;
  };
  await until(waits, { seconds: 20 });
  await holder.query(end);
  await indexing;
  const left = await owner.selectFrom('outbox').select(['child_id', 'claimed_at']).execute();
  return { childId, left };
}

t.test('an entry that somebody is at when it is acknowledged does not stay claimed', async (t) => {
  // What they were about to change comes to nothing.
  const { childId, left } = await indexWhileLocked(t, { lock: 'select from outbox for update', end: 'rollback' });
  t.same(left, [{ child_id: childId, claimed_at: null }]);
});

t.test('an entry whose job is done before its claim is committed does not stay claimed', async (t) => {
  const lock = 'update outbox set claimed_at = now()';
  const { childId, left } = await indexWhileLocked(t, { lock, end: 'commit' });
  t.same(left, [{ child_id: childId, claimed_at: null }]);
});

t.test('late, doubled and reordered jobs are harmless', async (t) => {
  const { directory, childId, change, manager } = await openWithChild(t);
  const { worker } = directory;

  await t.test('the same job twice at once', async (t) => {
    await change();
    const outcomes = await Promise.all([indexChildren(worker, [childId]), indexChildren(worker, [childId])]);
    t.same(outcomes, Array(2).fill({ acknowledged: 1, deadLetters: 0 }));
    t.same(await waiting(directory), []);
    t.equal((await documentVersions(directory)).get(childId), 2);
  });

  await t.test('a write that arrives after that of a later version', async (t) => {
    const late = watchBulk(worker, {
      async before() {
        await change();
        await indexChildren(worker, [childId]);
        await change();
      },
    });
    await indexChildren(late, [childId]);
    t.equal((await documentVersions(directory)).get(childId), 3, 'does not bring the older document back');
    t.same(await waiting(directory), [{ child_id: childId, version: 4 }], 'nor settles what it knows nothing of');
    await indexChildren(worker, [childId]);
    t.same(await waiting(directory), []);
  });

  await t.test('a change while the acknowledgement is on its way', async (t) => {
    await change();
    await indexChildren(watchBulk(worker, { after: change }), [childId]);
    t.same(await waiting(directory), [{ child_id: childId, version: 6 }], 'waits for its own');
    await indexChildren(worker, [childId]);
    t.same(await waiting(directory), []);
    await indexChildren(worker, [childId]);
    t.equal((await documentVersions(directory)).get(childId), 6, 'an old job that runs last changes nothing');
  });

  await t.test('a shield lifted and set again while the first is being acknowledged', async (t) => {
    await manager.shield(childId, 6);
    const late = watchBulk(worker, {
      async before() {
        await manager.unshield(childId, 7);
        await indexChildren(worker, [childId]);
        await manager.shield(childId, 8);
      },
    });
    await indexChildren(late, [childId]);
    t.same(await acknowledgedShields(directory), [], 'the index still holds the address: the new shield waits');
    await indexChildren(worker, [childId]);
    t.same(await acknowledgedShields(directory), [childId]);
  });

  await t.test('an acknowledgement by an index that was wiped meanwhile', async (t) => {
    await manager.unshield(childId, 9);
    const late = watchBulk(worker, {
      async after() {
        await directory.context.elasticsearch.indices.delete({ index: await indexName(directory) });
        t.equal(await ensureIndex(worker), 'filling');
      },
    });
    await indexChildren(late, [childId]);
    t.same(await waiting(directory), [{ child_id: childId, version: 10 }], 'settles nothing of the new index');
    t.equal(await ensureIndex(worker), 'filling', 'so that it does not go live without the child');
    await indexChildren(worker, [childId]);
    t.equal(await ensureIndex(worker), 'live');
    t.same(await documentVersions(directory), new Map([[childId, 10]]));
  });
});

t.test('a change that is committed while a shield is acknowledged makes it wait again', async (t) => {
  const { directory, childId, manager } = await openWithChild(t);
  const { worker, urls } = directory;
  await manager.shield(childId, 1);
  const changing = new pg.Client({ connectionString: urls.databaseUrl });
  await changing.connect();
  t.teardown(() => changing.end());
  // What every change does: the child's row, then its shield, then its place in the outbox.
  await changing.query('begin');
  await changing.query('select from children where id = $1 for update', [childId]);
  await changing.query('update children set version = 3 where id = $1', [childId]);
  await changing.query('update shields set index_acknowledged_at = null where child_id = $1', [childId]);
  await changing.query('update outbox set version = 3, claimed_at = null where child_id = $1', [childId]);
  await indexChildren(worker, [childId]);
  t.equal((await documentVersions(directory)).get(childId), 2, 'the index knows what was there before');
  t.same(await acknowledgedShields(directory), [], 'and the change is not waited for');
  await changing.query('commit');
  t.same(await acknowledgedShields(directory), []);
  t.same(await waiting(directory), [{ child_id: childId, version: 3 }]);
});

async function acknowledgedShields({ owner }: TestChildren): Promise<string[]> {
  const rows = await owner
    .selectFrom('shields')
    .select('child_id')
    .where('lifted_at', 'is', null)
    .where('index_acknowledged_at', 'is not', null)
    .execute();
  return rows.map((row) => row.child_id);
}

t.test('two relays at once hand on each child once, shields by their own queue', async (t) => {
  const directory = await openChildren(t);
  const { worker, config, urls, owner } = directory;
  const parts = Array.from({ length: 1_100 }, (_, at) => ({
    ...child,
    familyName: `Thistlewood ${at}`.replace(/\d/g, letter),
  }));
  const added = await directory.add(parts);
  const shielded = added.slice(500, 507).map(({ childId }) => childId);
  await owner.updateTable('outbox').set({ urgent: true }).where('child_id', 'in', shielded).execute();
  const redis = createRedis(urls.redisUrl, 'producer');
  const queues = {
    ordinary: createIndexQueue(indexQueues.ordinary, redis, config.instance),
    urgent: createIndexQueue(indexQueues.urgent, redis, config.instance),
  };
  t.teardown(async () => {
    for (const queue of Object.values(queues)) await queue.close();
    redis.disconnect();
  });
  const handedOn = await Promise.all([relayOutbox(worker, queues), relayOutbox(worker, queues)]);
  t.equal(handedOn[0] + handedOn[1], added.length);
  const jobsOf = async (name: 'ordinary' | 'urgent') =>
    (await queues[name].getWaiting()).flatMap((job) => job.data.childIds).sort();
  t.same(await jobsOf('urgent'), shielded.sort());
  const ordinary = added.map(({ childId }) => childId).filter((childId) => !shielded.includes(childId));
  t.same(await jobsOf('ordinary'), ordinary.sort());
  t.equal(await relayOutbox(worker, queues), 0, 'what is claimed is not handed on again');
});

t.test('a relay that fails is not driven by notifications', async (t) => {
  const directory = await openChildren(t);
  const { worker, config, urls, owner } = directory;
  const redis = createRedis(urls.redisUrl, 'producer');
  const queues = {
    ordinary: createIndexQueue(indexQueues.ordinary, redis, config.instance),
    urgent: createIndexQueue(indexQueues.urgent, redis, config.instance),
  };
  let passes = 0;
  const began = performance.now();
  const relay = startRelay(worker, queues, redis, async () => {
    passes++;
    throw new Error('the index is away');
  });
  while (passes < 3) await sql`notify outbox`.execute(owner);
  const ms = performance.now() - began;
  t.ok(ms > 1_900, `three passes took ${Math.round(ms)} ms, two pauses of a second`);
  await relay.close();
  for (const queue of Object.values(queues)) await queue.close();
  redis.disconnect();
});

function letter(digit: string): string {
  return 'abcdefghij'[Number(digit)] as string;
}

t.test('a document that the index refuses', async (t) => {
  const { directory, childId: refused, change, manager } = await openWithChild(t);
  const { worker, config, owner } = directory;
  const { elasticsearch } = worker;
  const [other] = await directory.add([{ givenNames: 'Barnaby', familyName: 'Fenwick', dateOfBirth: '2012-01-02' }]);
  const taken = (other as { childId: string }).childId;
  const whole = await indexName(directory);
  const picky = `${readAlias(config.instance)}-v1-picky`;
  const moveWriteAlias = (from: string, to: string) =>
    elasticsearch.indices.updateAliases({
      actions: [
        { remove: { index: from, alias: writeAlias(config.instance) } },
        { add: { index: to, alias: writeAlias(config.instance), is_write_index: true } },
      ],
    });

  await t.test('for good becomes a dead letter without personal data, and the others go on', async (t) => {
    // A town is no number: documents with one are refused, with a sentence that quotes it.
    const { mappings } = (await elasticsearch.indices.getMapping({ index: whole }))[whole] as { mappings: object };
    const properties = { ...(mappings as { properties: object }).properties, town: { type: 'long' as const } };
    await elasticsearch.indices.create({ index: picky, mappings: { ...mappings, properties } });
    await moveWriteAlias(whole, picky);
    await owner
      .insertInto('index_builds')
      .values({ index_name: picky, mapping_version: 1, state: 'filling', live_at: null })
      .execute();
    await change();

    t.same(await indexChildren(worker, [refused, taken]), { acknowledged: 1, deadLetters: 1 });
    t.same([...(await documentVersions(directory)).keys()], [taken]);
    t.same(await waiting(directory), []);
    const letters = await owner.selectFrom('dead_letters').selectAll().execute();
    t.match(letters, [{ child_id: refused, version: 2, reason: /^document_parsing_exception/, retried_at: null }]);
    const told = JSON.stringify(letters) + directory.logged();
    t.match(told, /documents refused/);
    t.notMatch(told, /ottershaw|thistlewood|marigold|tannery|2013-05-06/i);
    await moveWriteAlias(picky, whole);
  });

  await t.test('for good, of a child who is shielded, leaves no older one behind', async (t) => {
    const [shown] = await directory.add([{ ...child, givenNames: 'Petronella' }]);
    const { childId } = shown as { childId: string };
    const strict = `${readAlias(config.instance)}-v1-strict`;
    const { mappings } = (await elasticsearch.indices.getMapping({ index: whole }))[whole] as { mappings: object };
    const properties = { ...(mappings as { properties: object }).properties, given: { type: 'long' as const } };
    await elasticsearch.indices.create({ index: strict, mappings: { ...mappings, properties } });
    await owner
      .insertInto('index_builds')
      .values({ index_name: strict, mapping_version: 1, state: 'filling', live_at: null })
      .execute();
    const document = { family: ['thistlewood'], town: ['ottershaw'], shielded: false };
    await elasticsearch.index({ index: strict, id: childId, document, version: 1, version_type: 'external' });
    await moveWriteAlias(whole, strict);
    t.ok((await documentVersions(directory)).has(childId));
    await manager.shield(childId, 1);
    t.same(await indexChildren(worker, [childId]), { acknowledged: 0, deadLetters: 1 });
    t.notOk((await documentVersions(directory)).has(childId));
    t.same(await acknowledgedShields(directory), [], 'and the child is left out by id until one is taken');
    await moveWriteAlias(strict, whole);
    await owner.deleteFrom('index_builds').where('index_name', '=', strict).execute();
    await owner.deleteFrom('dead_letters').where('child_id', '=', childId).execute();
    await manager.unshield(childId, 2);
    await indexChildren(worker, [childId]);
  });

  await t.test(
    'for good, of a child who is shielded, leaves no older one in an index that a rebuild makes',
    async (t) => {
      const [shown] = await directory.add([{ ...child, givenNames: 'Ottoline' }]);
      const { childId } = shown as { childId: string };
      const next = `${readAlias(config.instance)}-v1-next`;
      const { mappings } = (await elasticsearch.indices.getMapping({ index: whole }))[whole] as { mappings: object };
      const properties = { ...(mappings as { properties: object }).properties, given: { type: 'long' as const } };
      await elasticsearch.indices.create({
        index: next,
        mappings: { ...mappings, properties },
        aliases: { [nextAlias(config.instance)]: { is_write_index: true } },
      });
      await owner
        .insertInto('index_builds')
        .values({ index_name: next, mapping_version: 1, state: 'building' })
        .execute();
      const document = { family: ['thistlewood'], town: ['ottershaw'], shielded: false };
      await elasticsearch.index({ index: next, id: childId, document, version: 1, version_type: 'external' });
      await manager.shield(childId, 1);
      t.same(await indexChildren(worker, [childId]), { acknowledged: 1, deadLetters: 0 });
      t.ok((await documentVersions(directory)).has(childId), 'the index that is searched has it');
      t.equal(
        (await elasticsearch.count({ index: next })).count,
        0,
        'by the time that the shield counts as acknowledged',
      );
      t.same(await acknowledgedShields(directory), [childId]);
      await owner.deleteFrom('index_builds').where('index_name', '=', next).execute();
      await elasticsearch.indices.delete({ index: next });
      await manager.unshield(childId, 2);
      await indexChildren(worker, [childId]);
    },
  );

  await t.test('by an index that has been replaced since waits for the new one', async (t) => {
    await owner.updateTable('index_builds').set({ state: 'retired' }).where('index_name', '=', picky).execute();
    await owner.deleteFrom('dead_letters').execute();
    await owner.insertInto('outbox').values({ child_id: refused, version: 2, claimed_at: new Date() }).execute();
    await moveWriteAlias(whole, picky);
    t.same(await indexChildren(worker, [refused]), { acknowledged: 0, deadLetters: 0 });
    t.same(await owner.selectFrom('dead_letters').selectAll().execute(), []);
    t.match(await owner.selectFrom('outbox').selectAll().execute(), [{ child_id: refused, claimed_at: null }]);
    await moveWriteAlias(picky, whole);
    await indexChildren(worker, [refused]);
    t.same(await waiting(directory), []);
    await moveWriteAlias(whole, picky);
    await owner.updateTable('index_builds').set({ state: 'filling' }).where('index_name', '=', picky).execute();
    t.same(
      await indexChildren(worker, [refused]),
      { acknowledged: 0, deadLetters: 1 },
      'as long as it stands it counts',
    );
    await moveWriteAlias(picky, whole);
  });

  await t.test('is tried again with the next change, which closes the dead letter', async (t) => {
    await change();
    await indexChildren(worker, [refused]);
    t.equal((await documentVersions(directory)).get(refused), 3);
    t.match(await owner.selectFrom('dead_letters').selectAll().execute(), [{ retried_at: Date }]);
  });

  await t.test('for now stays in the outbox and is indexed once it can be', async (t) => {
    await elasticsearch.indices.putSettings({ index: whole, settings: { 'index.blocks.write': true } });
    await change();
    await t.rejects(indexChildren(worker, [refused]), { name: 'IndexRetryError', message: /cluster_block/ });
    const process = await startWorker(t, directory);
    // Five attempts make a job fail for good: the sixth is another job's, made at once from what waits.
    await until(() => process.output().split('job failed').length > 6, { seconds: 40 });
    t.same(await waiting(directory), [{ child_id: refused, version: 4 }]);
    t.notMatch(process.output(), /ottershaw|thistlewood|marigold/i);

    await elasticsearch.indices.putSettings({ index: whole, settings: { 'index.blocks.write': false } });
    await until(async () => (await waiting(directory)).length === 0, { seconds: 15 });
    t.equal((await documentVersions(directory)).get(refused), 4);
    const found = await manager.search({ givenNames: 'Marigold', familyName: 'Thistlewood' });
    t.same(idsOf(found), [refused]);
    t.same(await owner.selectFrom('dead_letters').select('id').where('retried_at', 'is', null).execute(), []);
    await process.end();
  });
});
