import { sql } from 'kysely';
import pg from 'pg';
import t, { type Test } from 'tap';
import { ensureIndex, readAlias, writeAlias } from '../../src/search/aliases.js';
import { indexChildren } from '../../src/services/index/write-documents.js';
import { createIndexKeeper } from '../../workers/keep-index.js';
import { type ChildParts, openChildren, type TestChildren } from '../helpers/children.js';
import { clientFor, idsOf, type TestClient } from '../helpers/client.js';
import { startWorker } from '../helpers/command.js';
import { holdSettling } from '../helpers/gate.js';
import { indexName, untilIndexed } from '../helpers/indexed.js';
import { until } from '../helpers/wait.js';

const open: ChildParts = {
  givenNames: 'Philippa',
  familyName: 'Wetherall',
  dateOfBirth: '2012-09-21',
  addresses: [{ kind: 'home', line1: '17 Quarry Steps', town: 'Hadlow', postcode: 'HD3 4PL' }],
};
const hidden: ChildParts = {
  givenNames: 'Cosmo',
  familyName: 'Wetherall',
  dateOfBirth: '2015-02-11',
  addresses: [{ kind: 'home', line1: '17 Quarry Steps', town: 'Hadlow', postcode: 'HD3 4PL' }],
};

async function openWithBoth(t: Test) {
  const directory = await openChildren(t);
  const [first, second] = await directory.add([open, hidden]);
  const others = Array.from({ length: 60 }, (_, at) => ({
    givenNames: 'Other',
    familyName: `Child ${'abcdefgh'[at % 8]}${'ijklmnop'[at >> 3]}`,
    dateOfBirth: '2014-01-01',
  }));
  await directory.add(others);
  const manager = clientFor(directory, await directory.caller('management-team'));
  const { childId: openId } = first as { childId: string };
  const { childId: shieldedId } = second as { childId: string };
  await manager.shield(shieldedId, 1);
  await directory.index();
  const practitioner = clientFor(directory, await directory.caller('practitioner'));
  return { directory, openId, shieldedId, practitioner };
}

/** Asks all that matters while the index is away, and tells what was wrong with the answers. */
async function askAll(client: TestClient, openId: string, shieldedId: string) {
  const byName = { givenNames: 'Philippa', familyName: 'Wetherall', dateOfBirth: '2012-09-21' };
  const byPlace = { familyName: 'Wetherall', address: { postcode: 'HD3 4PL' } };
  const shieldedByName = { givenNames: 'Cosmo', familyName: 'Wetherall', dateOfBirth: '2015-02-11' };
  const [fuzzy, place, shielded, exact, exactPlace] = await Promise.all([
    client.search(byName),
    client.search(byPlace),
    client.search(shieldedByName),
    client.search({ ...byName, mode: 'exact' }),
    client.search({ ...byPlace, mode: 'exact' }),
  ]);
  const wrong: string[] = [];
  for (const answer of [fuzzy, place, shielded]) {
    const refused = answer.status === 503 && answer.body.code === 'search-unavailable' && answer.headers['retry-after'];
    if (answer.status !== 200 && !refused) wrong.push(`a fuzzy search was answered by ${answer.status}`);
  }
  const missing = [
    fuzzy.status === 200 && !idsOf(fuzzy).includes(openId),
    place.status === 200 && !idsOf(place).includes(openId),
    shielded.status === 200 && !idsOf(shielded).includes(shieldedId),
    exact.status !== 200 || !idsOf(exact).includes(openId),
    exactPlace.status !== 200 || !idsOf(exactPlace).includes(openId),
  ];
  for (const [at, isMissing] of missing.entries()) if (isMissing) wrong.push(`search ${at} did not find the child`);
  for (const answer of [place, exactPlace]) {
    if (answer.status === 200 && idsOf(answer).includes(shieldedId)) wrong.push('a shielded child found by address');
  }
  return { wrong, fuzzy: fuzzy.status, degraded: exact.body.degraded as boolean };
}

t.test('an index deleted under a running worker comes back whole, and never gives a false "none"', async (t) => {
  const { directory, openId, shieldedId, practitioner } = await openWithBoth(t);
  const { owner, context } = directory;
  t.match(await askAll(practitioner, openId, shieldedId), { wrong: [], fuzzy: 200, degraded: false });
  const worker = await startWorker(t, directory);
  const before = await indexName(directory);

  const gate = await holdSettling(t, directory);
  await context.elasticsearch.indices.delete({ index: before });
  t.match(await askAll(practitioner, openId, shieldedId), { wrong: [], fuzzy: 503, degraded: true });
  await until(gate.reached, { seconds: 20 });
  t.not(await indexName(directory), before);
  t.match(
    await askAll(practitioner, openId, shieldedId),
    { wrong: [], fuzzy: 503, degraded: true },
    'while it is filled',
  );
  await gate.open();

  const answers = [];
  do answers.push(await askAll(practitioner, openId, shieldedId));
  while (answers.at(-1)?.fuzzy !== 200 && answers.length < 1_000);
  t.same(
    answers.flatMap(({ wrong }) => wrong),
    [],
    `all of ${answers.length} rounds while it was filled`,
  );
  await untilIndexed(directory);
  t.match(await askAll(practitioner, openId, shieldedId), { wrong: [], fuzzy: 200, degraded: false });
  t.match(await owner.selectFrom('shields').select('index_acknowledged_at').execute(), [
    { index_acknowledged_at: Date },
  ]);
  await worker.end();
});

t.test('an index is searched only if PostgreSQL knows that it is whole', async (t) => {
  const { directory, openId, shieldedId, practitioner } = await openWithBoth(t);
  const { worker, owner, config } = directory;
  const { elasticsearch } = worker;
  const state = async () => (await askAll(practitioner, openId, shieldedId)).fuzzy;

  await t.test('not one whose maker died before its transaction was committed', async (t) => {
    await elasticsearch.indices.delete({ index: await indexName(directory) });
    const dying = { ...worker, db: failingToCommit(worker.db) };
    await t.rejects(ensureIndex(dying), { message: 'died' });
    t.ok(await indexName(directory), 'the index is there');
    t.equal(await ensureIndex(worker), 'filling');
    t.equal(await state(), 503);
    await directory.index();
    t.equal(await state(), 200);
  });

  await t.test('nor one that belonged to another database', async (t) => {
    await owner.deleteFrom('index_builds').execute();
    t.equal(await ensureIndex(worker), 'filling');
    t.equal(await state(), 503);
    await directory.index();
    t.equal(await state(), 200);
  });

  await t.test('nor the old one, when writing has gone on to another', async (t) => {
    const old = await indexName(directory);
    await elasticsearch.indices.deleteAlias({ index: old, name: writeAlias(config.instance) });
    t.equal(await ensureIndex(worker), 'filling');
    t.equal(await state(), 503);
    await directory.index();
    t.equal(await state(), 200);
    const searched = await elasticsearch.indices.getAlias({ name: readAlias(config.instance) });
    t.same(Object.keys(searched), [await indexName(directory)]);
  });

  await t.test('nor one that is not merged yet', async (t) => {
    await elasticsearch.indices.delete({ index: await indexName(directory) });
    await ensureIndex(worker);
    await indexChildren(worker, await everyChild(directory));
    const merging = new Proxy(elasticsearch, {
      get: (target, key) => (key === 'tasks' ? { get: async () => ({ completed: false }) } : Reflect.get(target, key)),
    });
    for (const _ of [1, 2]) t.equal(await ensureIndex({ ...worker, elasticsearch: merging }), 'filling');
    t.equal(await state(), 503);
    t.equal(await ensureIndex(worker), 'live');
    const index = await indexName(directory);
    const { indices } = await elasticsearch.indices.segments({ index });
    for (const [{ num_search_segments: count } = { num_search_segments: 0 }] of Object.values(
      indices[index]!.shards,
    ) as {
      num_search_segments: number;
    }[][])
      t.ok(count <= 1, 'one segment a shard');
  });

  await t.test('nor one that refuses the children', async (t) => {
    const stubborn = `${readAlias(config.instance)}-v1-stubborn`;
    await elasticsearch.indices.delete({ index: await indexName(directory) });
    await elasticsearch.indices.create({
      index: stubborn,
      mappings: { dynamic: 'strict', properties: {} },
      aliases: { [writeAlias(config.instance)]: { is_write_index: true } },
    });
    t.equal(await ensureIndex(worker), 'filling');
    await indexChildren(worker, await everyChild(directory));
    t.same(await owner.selectFrom('outbox').select('child_id').execute(), [], 'all were refused for good');
    t.equal(await ensureIndex(worker), 'refusing');
    t.equal(await state(), 503);
    const complaints = () => directory.logged().split('refused too many').length - 1;
    let now = 0;
    const keep = createIndexKeeper(worker, () => now);
    const before = complaints();
    for (; now < 600_000; now += 1_000) await keep();
    t.equal(complaints() - before, 15, 'of which the log hears less and less often: in ten minutes so many times');
    await elasticsearch.indices.delete({ index: stubborn });
    await directory.index();
    t.equal(await state(), 200, 'a better one is filled with them');
  });
});

t.test('children are queued for a new index some at a time, by whoever comes, and nobody waits for it', async (t) => {
  const directory = await openChildren(t);
  const { worker, owner, urls } = directory;
  await directory.index();
  // More than go into one transaction, without what takes time to make.
  await sql`
    insert into children (id, number, date_of_birth)
    select gen_random_uuid(), lpad(n::text, 10, '0'), '2014-01-01' from generate_series(1, 25000) n`.execute(owner);
  const queued = async () =>
    (await owner.selectFrom('outbox').select(owner.fn.countAll<number>().as('n')).executeTakeFirstOrThrow()).n;
  await worker.elasticsearch.indices.delete({ index: await indexName(directory) });
  t.equal(await ensureIndex(worker), 'filling');
  t.equal(await queued(), 10_000);

  await t.test('a change meanwhile goes through, and waits for the new index', async (t) => {
    const changing = new pg.Client({ connectionString: urls.databaseUrl });
    await changing.connect();
    t.teardown(() => changing.end());
    const { rows } = await changing.query('select id from children order by id limit 1 offset 15000');
    const childId = rows[0].id as string;
    await changing.query('begin');
    await changing.query('update children set version = 2 where id = $1', [childId]);
    await changing.query(
      "insert into outbox (child_id, version, changed_at) values ($1, 2, now() - interval '1 hour')",
      [childId],
    );
    await changing.query('commit');
    const another = await directory.openContext({ role: 'directory_worker' });
    await t.rejects(ensureIndex({ ...another, db: failingToCommit(another.db) }), { message: 'died' });
    t.equal(await queued(), 10_001, 'one that dies has queued nothing');
    t.equal(await ensureIndex(another), 'filling');
    t.equal(await queued(), 20_000, 'another carries on from there');
    t.match(await owner.selectFrom('outbox').select('version').where('child_id', '=', childId).execute(), [
      { version: 2 },
    ]);
  });

  t.equal(await ensureIndex(worker), 'filling');
  t.equal(await queued(), 25_000);
  // As though the index had acknowledged all but one.
  await sql`delete from outbox where child_id <> (select max(child_id::text)::uuid from outbox)`.execute(owner);
  t.equal(await ensureIndex(worker), 'filling', 'nor is it read before the last is in');
  await sql`delete from outbox`.execute(owner);
  t.equal(await ensureIndex(worker), 'live');
  t.match(await owner.selectFrom('index_builds').select(['state', 'live_at']).where('state', '=', 'live').execute(), [
    { live_at: Date },
  ]);
});

t.test('an index half queued is not read, though nothing waits in the outbox', async (t) => {
  const directory = await openChildren(t);
  const { worker, owner } = directory;
  await sql`
    insert into children (id, number, date_of_birth)
    select gen_random_uuid(), lpad(n::text, 10, '0'), '2014-01-01' from generate_series(1, 10001) n`.execute(owner);
  t.equal(await ensureIndex(worker), 'filling');
  await sql`delete from outbox`.execute(owner);
  t.equal(await ensureIndex(worker), 'filling');
  t.match(await owner.selectFrom('outbox').selectAll().execute(), [{ claimed_at: null }], 'one was still to be queued');
});

/** A database that breaks off every transaction at its end. */
function failingToCommit(db: TestChildren['worker']['db']): TestChildren['worker']['db'] {
  const transaction = () => ({
    execute: (work: Parameters<ReturnType<typeof db.transaction>['execute']>[0]) =>
      db.transaction().execute(async (trx) => {
        await work(trx);
        throw new Error('died');
      }),
  });
  return new Proxy(db, { get: (target, key) => (key === 'transaction' ? transaction : Reflect.get(target, key)) });
}

async function everyChild({ owner }: TestChildren): Promise<string[]> {
  const rows = await owner.selectFrom('children').select('id').execute();
  return rows.map((row) => row.id);
}
