import { randomUUID } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { sql } from 'kysely';
import t, { type Test } from 'tap';
import type { Context } from '../../src/context.js';
import { findLiveIndex } from '../../src/db/rebuilds.js';
import { ensureIndex, nextAlias, readAlias } from '../../src/search/aliases.js';
import { newestMapping } from '../../src/search/mappings.js';
import { compareIndex } from '../../src/services/index/compare.js';
import { indexChildren } from '../../src/services/index/write-documents.js';
import { clearKeptIndex, nothingCleared } from '../../workers/rebuild/clear-kept-index.js';
import { dropOldIndices } from '../../workers/rebuild/go-live.js';
import { takeUpRebuild } from '../../workers/rebuild/rebuilder.js';
import { type Answer, openChildren, type TestChildren } from '../helpers/children.js';
import { clientFor, idsOf } from '../helpers/client.js';
import { startWorker } from '../helpers/command.js';
import type { TestCaller } from '../helpers/directory.js';
import { holdPages } from '../helpers/gate.js';
import { untilIndexed } from '../helpers/indexed.js';
import { until } from '../helpers/wait.js';

const many = 2_000;
const newcomers = ['Persephone Quill', 'Barnaby Oxenholme', 'Ines Vandersloot', 'Tobias Yarrow', 'Mirela Kovac'];
const never = new AbortController().signal;

/** A directory of so many children, indexed, with a member of its data team. */
async function openFilled(t: Test, children = 30) {
  const directory = await openChildren(t);
  const added = await directory.add(
    Array.from({ length: children }, (_, at) => ({
      givenNames: 'Rosalind',
      familyName: `Ashgrove ${letters(at)}`,
      dateOfBirth: '2014-03-02',
      addresses: [{ kind: 'home' as const, line1: `${at + 1} Mill Lane`, town: 'Penhallow', postcode: 'PH4 2LD' }],
    })),
  );
  await directory.index();
  const team = await directory.caller('data-team');
  const manager = clientFor(directory, await directory.caller('management-team'));
  return { directory, team, manager, childIds: added.map(({ childId }) => childId) };
}

function letters(number: number): string {
  return String(number)
    .split('')
    .map((digit) => 'abcdefghij'[Number(digit)])
    .join('');
}

function start({ call }: TestChildren, team: TestCaller): Promise<Answer> {
  return call(team, 'POST', '/v1/index/rebuilds');
}

async function stateOf({ call }: TestChildren, team: TestCaller, { body }: Answer) {
  return (await call(team, 'GET', `/v1/index/rebuilds/${body.rebuildId}`)).body;
}

/** Does what waits in the outbox as a worker would, until nothing does. */
async function settleAll({ worker, owner }: TestChildren): Promise<void> {
  await until(async () => {
    const waiting = await owner.selectFrom('outbox').select('child_id').limit(500).execute();
    if (waiting.length === 0) return true;
    await indexChildren(
      worker,
      waiting.map((entry) => entry.child_id),
    );
    return false;
  });
}

/** What differs between PostgreSQL and the index that is searched. */
async function differences({ worker, config }: TestChildren) {
  const [name = ''] = Object.keys(await worker.elasticsearch.indices.getAlias({ name: readAlias(config.instance) }));
  return (await compareIndex(worker, name, { withRefused: true })).differences;
}

/** A worker's context in which something happens around certain calls of Elasticsearch. */
function watch(
  worker: Context,
  hooks: {
    beforeBulk?: (count: number) => Promise<unknown>;
    afterBulk?: () => Promise<unknown>;
    afterMove?: () => void;
  },
): Context {
  let bulks = 0;
  const bulk = async (request: Parameters<Context['elasticsearch']['bulk']>[0]) => {
    await hooks.beforeBulk?.(++bulks);
    const answer = await worker.elasticsearch.bulk(request);
    await hooks.afterBulk?.();
    return answer;
  };
  const indices = new Proxy(worker.elasticsearch.indices, {
    get: (target, key) => {
      if (key !== 'updateAliases' || !hooks.afterMove) {
        const value = Reflect.get(target, key);
        return typeof value === 'function' ? value.bind(target) : value;
      }
      return async (request: { actions: { add?: { alias: string } }[] }, options: object) => {
        const answer = await target.updateAliases(request as Parameters<typeof target.updateAliases>[0], options);
        if (request.actions.some(({ add }) => add?.alias === readAlias(worker.config.instance))) hooks.afterMove?.();
        return answer;
      };
    },
  });
  const elasticsearch = new Proxy(worker.elasticsearch, {
    get: (target, key) => (key === 'bulk' ? bulk : key === 'indices' ? indices : Reflect.get(target, key)),
  });
  return { ...worker, elasticsearch };
}

/** Archives a child as retention does: the next version, and a place in the outbox. */
async function archive({ owner }: TestChildren, childId: string): Promise<void> {
  await sql`
    with archived as (
      update children set archived_at = now(), version = version + 1 where id = ${childId} returning id, version)
    insert into outbox (child_id, version) select id, version from archived
    on conflict (child_id) do update set version = excluded.version, claimed_at = null`.execute(owner);
}

t.test('whatever is written while the index is rebuilt is in the new one, and nothing else', async (t) => {
  const { directory, team, manager, childIds } = await openFilled(t, many);
  const { worker, owner } = directory;
  const before = await findLiveIndex(owner);
  const asked = await start(directory, team);
  t.equal(asked.status, 202);
  t.match(await start(directory, team), { status: 409, body: { code: 'conflict' } }, 'one at a time');

  const [early, late] = [childIds[3] as string, childIds.at(-3) as string];
  const [goneEarly, goneLate] = [childIds[5] as string, childIds.at(-5) as string];
  const shieldedIds = [childIds[7] as string, childIds.at(-7) as string];
  const created: string[] = [];
  const wrong: string[] = [];
  let at = 0;
  const changing = watch(worker, {
    // Between the reading of a page and its writing: what was read is out of date by then.
    async beforeBulk(count) {
      if (count === 1) {
        for (const childId of [early, late]) await manager.correct(childId, 1, { givenNames: 'Rosamund' });
        for (const childId of [goneEarly, goneLate]) await archive(directory, childId);
        for (const childId of shieldedIds) t.equal((await manager.shield(childId, 1)).status, 200);
      }
      const [givenNames, familyName] = (newcomers[at++ % newcomers.length] as string).split(' ');
      const answer = await manager.create({ givenNames, familyName, dateOfBirth: `20${10 + at}-05-06` });
      if (answer.status === 201) created.push(answer.body.childId);
      // Half of it is brought to the indices at once, half waits.
      if (count % 2 === 1) await settleAll(directory);
      const byAddress = await manager.search({ familyName: 'Ashgrove', address: { postcode: 'PH4 2LD' }, limit: 50 });
      if (byAddress.status === 200 && shieldedIds.some((childId) => idsOf(byAddress).includes(childId)))
        wrong.push('a shielded child was found by address');
      const byName = await manager.search({ givenNames: 'Rosamund', familyName: `Ashgrove ${letters(3)}` });
      if (byName.status !== 200) wrong.push(`a search was answered by ${byName.status}`);
    },
  });
  t.ok(await takeUpRebuild(changing, randomUUID(), never));
  await settleAll(directory);

  t.match(await stateOf(directory, team, asked), { state: 'done', progress: { percent: 100 } });
  t.same(wrong, []);
  t.ok(created.length >= 3, `${created.length} were made meanwhile`);
  t.not(await findLiveIndex(owner), before);
  t.same(await differences(directory), []);
  for (const shieldedId of shieldedIds) {
    const place = childIds.indexOf(shieldedId);
    const found = await manager.search({
      familyName: `Ashgrove ${letters(place)}`,
      address: { line: `${place + 1} Mill Lane`, postcode: 'PH4 2LD' },
    });
    t.notOk(found.status === 200 && idsOf(found).includes(shieldedId), 'nor is it found by address afterwards');
  }
  const raw = await worker.elasticsearch.search({
    index: readAlias(directory.config.instance),
    query: { bool: { filter: [{ terms: { _id: shieldedIds } }, { exists: { field: 'shielded' } }] } },
    docvalue_fields: ['shielded'],
    _source: false,
  });
  t.same(
    raw.hits.hits.map((hit) => hit.fields?.shielded),
    [[true], [true]],
    'the new index marks both',
  );
  t.match(await owner.selectFrom('shields').select('index_acknowledged_at').execute(), [
    { index_acknowledged_at: Date },
    { index_acknowledged_at: Date },
  ]);
});

t.test('a change settles only when the index that is being built has it, too', async (t) => {
  const { directory, team, manager, childIds } = await openFilled(t);
  const { worker, owner } = directory;
  const [childId] = childIds as [string];
  await manager.correct(childId, 1, { givenNames: 'Rosamund' });
  // A job that looked where to write before there was a rebuild, and hears of it only when it is to settle.
  const late = watch(worker, {
    async afterBulk() {
      await start(directory, team);
      const dying = watch(worker, {
        async beforeBulk() {
          throw new Error('died');
        },
      });
      await t.rejects(takeUpRebuild(dying, randomUUID(), never), { message: 'died' });
    },
  });
  t.same(await indexChildren(late, [childId]), { acknowledged: 0, deadLetters: 0 });
  t.match(await owner.selectFrom('outbox').selectAll().execute(), [{ child_id: childId, claimed_at: null }]);

  t.same(await indexChildren(worker, [childId]), { acknowledged: 1, deadLetters: 0 });
  const { hits } = await worker.elasticsearch.search({
    index: await refreshed(directory, nextAlias(directory.config.instance)),
    version: true,
  });
  t.match(hits.hits, [{ _id: childId, _version: 2 }], 'and it is there before its page is copied');
});

async function refreshed({ worker }: TestChildren, index: string): Promise<string> {
  await worker.elasticsearch.indices.refresh({ index });
  return index;
}

t.test('a worker killed in the middle of a rebuild is followed by one that goes on from there', async (t) => {
  const { directory, team } = await openFilled(t, many);
  const { owner } = directory;
  const gate = await holdPages(t, directory);
  const killed = await startWorker(t, directory);
  const asked = await start(directory, team);
  await until(gate.reached, { seconds: 30 });
  await killed.end('SIGKILL');
  // What it was about to write down is not written: its connection is broken off as well.
  await sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and application_name = 'directory-worker'`.execute(owner);
  const first = await stateOf(directory, team, asked);
  t.match(first, { state: 'running', progress: { copied: 250 } });
  await gate.open();

  const follower = await startWorker(t, directory);
  await until(async () => (await stateOf(directory, team, asked)).state === 'done', { seconds: 40 });
  t.match(
    await owner.selectFrom('rebuilds').select(['attempts', 'copied']).execute(),
    [{ attempts: 2, copied: many }],
    'each child was copied once',
  );
  await untilIndexed(directory);
  t.same(await differences(directory), []);
  await follower.end();
});

t.test('a worker that dies between moving the aliases and saying so is followed as well', async (t) => {
  const { directory, team, manager, childIds } = await openFilled(t);
  const { worker, owner } = directory;
  const asked = await start(directory, team);
  const dying = watch(worker, {
    afterMove() {
      throw new Error('died');
    },
  });
  await t.rejects(takeUpRebuild(dying, randomUUID(), never), { message: 'died' });
  t.match(await stateOf(directory, team, asked), { state: 'checking' });
  t.equal(await ensureIndex(worker), 'live', 'nobody takes the new index for a foreign one');
  const { rebuildId } = asked.body;
  const late = await directory.call(team, 'DELETE', `/v1/index/rebuilds/${rebuildId}`);
  t.equal(late.status, 409, 'it is too late to cancel it');
  await manager.correct(childIds[0] as string, 1, { givenNames: 'Rosamund' });
  await settleAll(directory);
  const found = await manager.search({ givenNames: 'Rosamund', familyName: 'Ashgrove a' });
  t.equal(idsOf(found)[0], childIds[0], 'changes and searches go on');

  await owner
    .updateTable('rebuilds')
    .set({ heartbeat_at: new Date(Date.now() - 60_000) })
    .execute();
  await takeUpRebuild(worker, randomUUID(), never);
  t.match(await stateOf(directory, team, asked), { state: 'done' });
  t.same(await differences(directory), []);
});

t.test('of two rebuilds asked for at once one is refused; one that is cancelled leaves nothing behind', async (t) => {
  const { directory, team, manager } = await openFilled(t);
  const { worker, owner } = directory;
  const before = await findLiveIndex(owner);
  const answers = await Promise.all([start(directory, team), start(directory, team)]);
  t.same(answers.map(({ status }) => status).sort(), [202, 409]);
  const asked = answers.find(({ status }) => status === 202) as Answer;
  const { rebuildId } = asked.body;
  await until(async () => {
    const { body } = await directory.call(team, 'GET', '/v1/index/health');
    return body.status === 'rebuilding' && body.rebuild.rebuildId === rebuildId;
  });
  const url = `/v1/index/rebuilds/${rebuildId}`;
  const cancelling = watch(worker, {
    async beforeBulk() {
      t.equal((await directory.call(team, 'DELETE', url)).status, 204);
    },
  });
  await takeUpRebuild(cancelling, randomUUID(), never);
  const ended = await stateOf(directory, team, asked);
  t.match(ended, { state: 'cancelled', endedAt: String });
  t.equal(await findLiveIndex(owner), before);
  t.notOk(await worker.elasticsearch.indices.exists({ index: ended.toIndex }), 'its index is gone');
  t.equal((await directory.call(team, 'DELETE', url)).status, 409, 'it has ended');
  await manager.create({ givenNames: 'Persephone', familyName: 'Newcome', dateOfBirth: '2012-05-06' });
  await settleAll(directory);
  t.same(await differences(directory), []);
  t.equal((await start(directory, team)).status, 202, 'another may begin');
});

t.test('rolling back brings what has changed since to the old index first', async (t) => {
  const { directory, team, manager, childIds } = await openFilled(t);
  const { worker, owner } = directory;
  const old = await findLiveIndex(owner);
  const rebuilt = await start(directory, team);
  t.match(
    await directory.call(team, 'POST', `/v1/index/rebuilds/${rebuilt.body.rebuildId}/rollback`),
    { status: 409 },
    'not of one that runs',
  );
  await takeUpRebuild(worker, randomUUID(), never);
  const [changed, shielded, archived, refused] = childIds as [string, string, string, string];
  await manager.correct(changed, 1, { givenNames: 'Rosamund' });
  await manager.shield(shielded, 1);
  await archive(directory, archived);
  await manager.shield(refused, 1);
  await settleAll(directory);
  // By two workers, each of which removes it: the index counts removals as versions.
  for (const _ of [1, 2]) await clearKeptIndex(worker, nothingCleared());
  const left = await worker.elasticsearch.search({ index: old ?? '', size: 100, query: { match_all: {} } });
  t.same(
    left.hits.hits.map(({ _id }) => _id ?? '').sort(),
    childIds.filter((childId) => ![shielded, refused, archived].includes(childId)).sort(),
    'who was shielded or archived since is not in the index that is kept',
  );
  // A later change to it the new index refuses: nothing waits, but the old one has what is hidden now.
  await owner
    .insertInto('dead_letters')
    .values({ id: randomUUID(), child_id: refused, version: 2, reason: 'test' })
    .execute();

  const asked = await directory.call(team, 'POST', `/v1/index/rebuilds/${rebuilt.body.rebuildId}/rollback`);
  t.equal(asked.status, 202);
  t.equal((await start(directory, team)).status, 409, 'it is one of the one at a time');
  await takeUpRebuild(worker, randomUUID(), never);
  t.match(await stateOf(directory, team, asked), {
    state: 'done',
    rollsBack: rebuilt.body.rebuildId,
    toIndex: old,
    progress: { repaired: 3 },
  });
  t.match(await stateOf(directory, team, rebuilt), { state: 'rolled-back', mayRollBack: false });
  t.equal(await findLiveIndex(owner), old);
  t.same(await differences(directory), []);
  const found = await manager.search({ familyName: 'Ashgrove b', address: { postcode: 'PH4 2LD' } });
  t.notOk(found.status === 200 && idsOf(found).includes(shielded), 'a shield set since holds in the old index');
  const { hits } = await worker.elasticsearch.search({
    index: await refreshed(directory, old ?? ''),
    query: { bool: { filter: [{ ids: { values: [shielded, refused] } }, { term: { town: 'penhallow' } }] } },
  });
  t.same(hits.hits, [], 'nothing that is hidden is left in it');

  await t.test('until the next rebuild, with which the one before goes', async (t) => {
    await start(directory, team);
    await takeUpRebuild(worker, randomUUID(), never);
    await dropOldIndices(worker);
    const { toIndex } = await stateOf(directory, team, rebuilt);
    t.notOk(await worker.elasticsearch.indices.exists({ index: toIndex }));
    t.ok(await worker.elasticsearch.indices.exists({ index: old ?? '' }));
    t.equal((await directory.call(team, 'POST', `/v1/index/rebuilds/${rebuilt.body.rebuildId}/rollback`)).status, 409);
  });

  await t.test('or for a week', async (t) => {
    await owner
      .updateTable('index_builds')
      .set({ kept_at: sql`now() - interval '8 days'` })
      .where('state', '=', 'kept')
      .execute();
    await dropOldIndices(worker);
    t.notOk(await worker.elasticsearch.indices.exists({ index: old ?? '' }));
    t.same(await differences(directory), []);
  });

  await t.test('and one that was deleted by hand is not made anew', async (t) => {
    const live = (await findLiveIndex(owner)) ?? '';
    await start(directory, team);
    await takeUpRebuild(worker, randomUUID(), never);
    await worker.elasticsearch.indices.delete({ index: live });
    const cleared = nothingCleared();
    await manager.shield(childIds[5] as string, 1);
    await clearKeptIndex(worker, cleared);
    t.notOk(await worker.elasticsearch.indices.exists({ index: live }));
    t.ok(cleared.versions.has(childIds[5] as string));
  });
});

t.test('a new mapping is a new file and one rebuild', async (t) => {
  const { directory, team, manager, childIds } = await openFilled(t);
  const { owner } = directory;
  const mappings = mkdtempSync(path.join(tmpdir(), 'directory-mappings-'));
  t.teardown(() => rmSync(mappings, { recursive: true, force: true }));
  cpSync(directory.config.index.mappings, mappings, { recursive: true });
  const current = newestMapping(directory.config);
  const file = JSON.parse(readFileSync(path.join(mappings, `children.v${current}.json`), 'utf8'));
  const write = (version: number, properties: object) =>
    writeFileSync(
      path.join(mappings, `children.v${version}.json`),
      JSON.stringify({ ...file, mappings: { ...file.mappings, properties } }),
    );
  const config = { ...directory.config, index: { ...directory.config.index, mappings } };
  const worker: Context = { ...directory.worker, config };
  const { parentLike: _, ...withoutParents } = file.mappings.properties;

  write(current + 1, withoutParents);
  const asked = await start(directory, team);
  const changing = watch(worker, {
    async beforeBulk(count) {
      if (count > 1) return;
      await manager.correct(childIds[0] as string, 1, { givenNames: 'Rosamund' });
      await indexChildren(worker, [childIds[0] as string]);
    },
  });
  await takeUpRebuild(changing, randomUUID(), never);
  t.match(await stateOf(directory, team, asked), { state: 'done', mappingVersion: current + 1 });
  await manager.correct(childIds[1] as string, 1, { givenNames: 'Rosamund' });
  t.same(await indexChildren(worker, [childIds[1] as string]), { acknowledged: 1, deadLetters: 0 });
  t.same(await differences({ ...directory, worker }), []);

  await t.test('one that refuses the children does not go live', async (t) => {
    const before = await findLiveIndex(owner);
    write(current + 2, { ...withoutParents, town: { type: 'long' } });
    const asked = await start(directory, team);
    await takeUpRebuild(worker, randomUUID(), never);
    const ended = await stateOf(directory, team, asked);
    t.match(ended, { state: 'failed', reason: 'refused' });
    t.equal(await findLiveIndex(owner), before);
    t.notOk(await worker.elasticsearch.indices.exists({ index: ended.toIndex }));
    await manager.correct(childIds[2] as string, 1, { givenNames: 'Rosamund' });
    t.same(await indexChildren(worker, [childIds[2] as string]), { acknowledged: 1, deadLetters: 0 });
    t.notMatch(directory.logged(), /ashgrove|penhallow|PH4 2LD/i, 'nor is anything told of them');
  });

  await t.test('rolling back writes by the old mapping again', async (t) => {
    const back = await directory.call(team, 'POST', `/v1/index/rebuilds/${asked.body.rebuildId}/rollback`);
    await takeUpRebuild(worker, randomUUID(), never);
    t.match(await stateOf(directory, team, back), { state: 'done', mappingVersion: current });
    await manager.correct(childIds[3] as string, 1, { givenNames: 'Rosamund' });
    t.same(await indexChildren(worker, [childIds[3] as string]), { acknowledged: 1, deadLetters: 0 });
    t.same(await differences({ ...directory, worker }), []);
  });
});

t.test('a rebuild whose index is deleted fails, and changes go on', async (t) => {
  const { directory, team, manager, childIds } = await openFilled(t);
  const { worker } = directory;
  const asked = await start(directory, team);
  const losing = watch(worker, {
    async beforeBulk() {
      const { toIndex } = await stateOf(directory, team, asked);
      await worker.elasticsearch.indices.delete({ index: toIndex });
    },
  });
  await takeUpRebuild(losing, randomUUID(), never);
  t.match(await stateOf(directory, team, asked), { state: 'failed', reason: 'index-lost' });
  await manager.correct(childIds[0] as string, 1, { givenNames: 'Rosamund' });
  await settleAll(directory);
  t.same(await differences(directory), []);
});

t.test('of several workers one relays; when it is killed another does', async (t) => {
  const { directory, manager, childIds } = await openFilled(t);
  const workers = [await startWorker(t, directory), await startWorker(t, directory)];
  const leading = () => workers.filter((worker) => worker.output().includes('this process relays'));
  await until(() => leading().length > 0, { seconds: 20 });
  for (const [at, childId] of childIds.entries()) {
    if (at === 15) {
      t.equal(leading().length, 1);
      await leading()[0]?.end('SIGKILL');
    }
    await manager.correct(childId, 1, { givenNames: 'Rosamund' });
  }
  await untilIndexed(directory, { seconds: 40 });
  t.equal(leading().length, 2);
  t.same(await differences(directory), []);
  for (const worker of workers) await worker.end();
});
