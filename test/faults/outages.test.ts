import { Redis } from 'ioredis';
import { sql } from 'kysely';
import t, { type Test } from 'tap';
import { createIndexQueue, createRedis, indexQueues } from '../../src/queues/index-queue.js';
import { noticeWipedQueue, relayOutbox } from '../../workers/relay-outbox.js';
import { type Answer, type ChildParts, openChildren, type TestChild } from '../helpers/children.js';
import { clientFor, idsOf, type TestClient } from '../helpers/client.js';
import { startWorker } from '../helpers/command.js';
import { indexName, untilIndexed } from '../helpers/indexed.js';
import { openPrivateStack } from '../helpers/private-stack.js';
import { timed, until } from '../helpers/wait.js';

/** Nothing may hang: a request takes less, whatever is away. */
const LONGEST_MS = 5_000;
const FUZZY_REFUSED_MS = 3_000;

const sought: ChildParts = {
  givenNames: 'Araminta',
  familyName: 'Goldsworthy',
  dateOfBirth: '2013-08-14',
  addresses: [{ kind: 'home', line1: '5 Pinfold Bank', town: 'Wirksworth', postcode: 'WK4 4DE' }],
};
const fuzzyName = { givenNames: 'Aramynta', familyName: 'Goldsworthey', dateOfBirth: '2013-08-14' };
const exactName = { givenNames: 'Araminta', familyName: 'Goldsworthy', mode: 'exact' };

const stack = await openPrivateStack(t);
const directory = await openChildren(t, { env: stack.urls });
const { owner, worker, config, urls } = directory;
const backlog = Array.from({ length: 1_200 }, (_, at) => ({
  givenNames: 'Child',
  familyName: [...String(at)].map((digit) => 'abcdefghij'[Number(digit)]).join('o'),
  dateOfBirth: '2012-02-02',
}));
const [child] = (await directory.add([sought, ...backlog])) as [TestChild];
await directory.index();
const manager = clientFor(directory, await directory.caller('management-team'));

/** Every child changes, as though by a feed. */
async function changeEveryone(): Promise<void> {
  await owner
    .updateTable('children')
    .set((eb) => ({ version: eb('version', '+', 1) }))
    .execute();
  await owner
    .insertInto('outbox')
    .columns(['child_id', 'version'])
    .expression(owner.selectFrom('children').select(['id', 'version']))
    .onConflict((conflict) => conflict.column('child_id').doUpdateSet({ claimed_at: null }))
    .execute();
}

/** What a relay does, and nothing after it: jobs that nobody takes. */
async function queueEveryone(t: Test): Promise<void> {
  await changeEveryone();
  const redis = createRedis(urls.redisUrl, 'producer');
  const queues = {
    ordinary: createIndexQueue(indexQueues.ordinary, redis, config.instance),
    urgent: createIndexQueue(indexQueues.urgent, redis, config.instance),
  };
  await noticeWipedQueue(worker, redis);
  await relayOutbox(worker, queues);
  t.ok((await queues.ordinary.getWaitingCount()) >= 3, 'jobs wait');
  const unclaimed = await owner.selectFrom('outbox').select('child_id').where('claimed_at', 'is', null).execute();
  t.same(unclaimed, [], 'everything is claimed');
  for (const queue of Object.values(queues)) await queue.close();
  redis.disconnect();
}

async function flushAll(): Promise<void> {
  const redis = new Redis(urls.redisUrl);
  await redis.flushall();
  redis.disconnect();
}

/** So unlike one another that nobody is taken for somebody else. */
const familyNames = [
  'Ravenscroft',
  'Okonkwo',
  'Lindqvist',
  'Pemberton',
  'Szczepanski',
  'Halloran',
  'Venkataraman',
  'Quayle',
  'Ibrahimovic',
  'Trelawney',
];
let people = 0;

/** Does each kind of work once, each within its time, and returns whom it made. */
async function writeAndRead(t: Test, client: TestClient): Promise<{ childId: string; search: object }> {
  const familyName = familyNames[people] as string;
  const dateOfBirth = `20${10 + people}-0${(people % 9) + 1}-${11 + 2 * (people % 9)}`;
  people += 1;
  const inTime = async (what: string, work: () => Promise<Answer>, status: number): Promise<Answer> => {
    const { result, ms } = await timed(work);
    t.equal(result.status, status, what);
    t.ok(ms < LONGEST_MS, `${what} took ${ms} ms`);
    return result;
  };
  const { body } = await inTime('create', () => client.create({ givenNames: 'Jocasta', familyName, dateOfBirth }), 201);
  const { childId } = body;
  await inTime('change', () => client.correct(childId, 1, { givenNames: 'Lysander' }), 200);
  await inTime('address', () => client.addAddress(childId, 2, { kind: 'home', postcode: 'WK4 4DF' }), 201);
  await inTime('shield', () => client.shield(childId, 3), 200);
  await inTime('unshield', () => client.unshield(childId, 4), 200);
  await inTime('read', () => client.read(childId), 200);
  await inTime('look-up', () => client.lookUp(child.number), 200);
  const found = await inTime('search by number', () => client.search({ number: child.number }), 200);
  t.same(idsOf(found), [child.childId]);
  return { childId, search: { givenNames: 'Lysander', familyName, address: { postcode: 'WK4 4DF' } } };
}

/** Elasticsearch is away, in whatever way. */
async function searchWithoutIndex(t: Test, client: TestClient): Promise<void> {
  const fuzzy = await timed(() => client.search(fuzzyName));
  t.match(fuzzy.result, { status: 503, body: { code: 'search-unavailable' }, headers: { 'retry-after': /^\d+$/ } });
  t.ok(fuzzy.ms < FUZZY_REFUSED_MS, `fuzzy is refused in ${fuzzy.ms} ms`);
  const exactSearches = [
    exactName,
    { familyName: 'Golds*', dateOfBirth: '2013-08', mode: 'exact' },
    { familyName: 'Goldsworthy', address: { postcode: 'wk44de' }, mode: 'exact' },
  ];
  for (const search of exactSearches) {
    const { result, ms } = await timed(() => client.search(search));
    t.match(result, { status: 200, body: { degraded: true } });
    t.same(idsOf(result), [child.childId], JSON.stringify(search));
    t.ok(ms < LONGEST_MS, `exact search took ${ms} ms`);
  }
  const nobody = await client.search({ ...exactName, familyName: 'Goldsworth' });
  t.match(nobody, { status: 200, body: { degraded: true, outcome: 'none', results: [] } });
}

async function untilFound(
  client: TestClient,
  { childId, search }: { childId: string; search: object },
  seconds: number,
) {
  await until(
    async () => {
      const answer = await client.search(search);
      return answer.status === 200 && !answer.body.degraded && idsOf(answer).includes(childId);
    },
    { seconds, every: 100 },
  );
}

t.test('a wiped queue refills from the outbox', async (t) => {
  await queueEveryone(t);
  await flushAll();
  const process = await startWorker(t, directory);
  await untilIndexed(directory, { seconds: 15 });

  // The same under a worker that is running: it stands still while the jobs are made and lost.
  process.process.kill('SIGSTOP');
  await queueEveryone(t);
  await flushAll();
  process.process.kill('SIGCONT');
  await untilIndexed(directory, { seconds: 15 });
  t.ok(process.running());
  await process.end();
});

t.test('one API and one worker live through the death of each service', async (t) => {
  const process = await startWorker(t, directory);
  t.match(await manager.search(fuzzyName), { status: 200, body: { degraded: false } });

  await t.test('without Redis everything but the index goes on', async (t) => {
    await stack.kill('redis');
    const made = await writeAndRead(t, manager);
    t.same(idsOf(await manager.search(fuzzyName))[0], child.childId, 'fuzzy search');
    await changeEveryone();
    await stack.restart('redis');
    await untilFound(manager, made, 20);
    await untilIndexed(directory, { seconds: 20 });
  });

  await t.test('while Elasticsearch hangs nothing else does', async (t) => {
    stack.pause('elasticsearch');
    const made = await writeAndRead(t, manager);
    await searchWithoutIndex(t, manager);
    stack.resume('elasticsearch');
    await untilFound(manager, made, 20);
    await untilIndexed(directory, { seconds: 20 });
  });

  await t.test('without Elasticsearch children are found exactly, and written', async (t) => {
    const before = await indexName(directory);
    await stack.kill('elasticsearch');
    const made = await writeAndRead(t, manager);
    await searchWithoutIndex(t, manager);
    await stack.restart('elasticsearch');
    await untilFound(manager, made, 20);
    await untilIndexed(directory, { seconds: 20 });
    t.equal(await indexName(directory), before, 'the index that was there is used again');
    t.match(await manager.search(fuzzyName), { status: 200, body: { degraded: false } });
  });

  await t.test('a connection that breaks between two statements ends a transaction and nothing else', async (t) => {
    const broken = worker.db.transaction().execute(async (trx) => {
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(trx);
      const pid = rows[0]?.pid;
      await sql`select pg_terminate_backend(${pid})`.execute(owner);
      const lives = sql`select from pg_stat_activity where pid = ${pid}`;
      await until(async () => (await lives.execute(owner)).rows.length === 0);
      await sql`select 1`.execute(trx);
    });
    await t.rejects(broken, /connection|ECONNRESET/i);
    t.equal((await manager.read(child.childId)).status, 200);
  });

  const acts = [
    () => manager.search(fuzzyName),
    () => manager.search(exactName),
    () => manager.read(child.childId),
    () => manager.lookUp(child.number),
    () => manager.shield(child.childId, 1),
    () => manager.create({ givenNames: 'Nobody', familyName: 'Atall', dateOfBirth: '2015-05-05' }),
  ];
  const refusedInTime = async (t: Test, act: () => Promise<Answer>) => {
    const { result, ms } = await timed(act);
    t.match(result, {
      status: 503,
      headers: { 'content-type': /^application\/problem\+json/, 'retry-after': /^\d+$/ },
      body: { code: 'unavailable' },
    });
    t.ok(ms < LONGEST_MS, `refused in ${ms} ms`);
  };

  await t.test('while PostgreSQL stands still nobody waits for it, not even behind those who did', async (t) => {
    t.equal((await manager.read(child.childId)).status, 200);
    stack.pause('postgres');
    // More than there are connections, and then again with those that the first ones held.
    await Promise.all([...acts, ...acts, ...acts].map((act) => refusedInTime(t, act)));
    for (const act of acts.slice(0, 2)) await refusedInTime(t, act);
    t.equal((await directory.app.inject('/health/ready')).statusCode, 503);
    stack.resume('postgres');
    await until(async () => (await manager.read(child.childId)).status === 200, { seconds: 5 });
    const made = await writeAndRead(t, manager);
    await untilFound(manager, made, 20);
    await untilIndexed(directory, { seconds: 20 });
  });

  await t.test('without PostgreSQL everything is refused for now, and then goes on', async (t) => {
    await stack.kill('postgres');
    for (const act of acts) await refusedInTime(t, act);
    const ready = await directory.app.inject('/health/ready');
    t.equal(ready.statusCode, 503);
    t.equal((await directory.app.inject('/health/live')).statusCode, 200);

    await stack.restart('postgres');
    await until(async () => (await manager.read(child.childId)).status === 200, { seconds: 5 });
    const made = await writeAndRead(t, manager);
    await untilFound(manager, made, 20);
    await untilIndexed(directory, { seconds: 20 });
  });

  t.ok(process.running(), 'the worker is still the first');
  await stack.kill('redis');
  await process.end('SIGTERM');
  t.equal(process.process.exitCode, 0, 'and can be stopped while a service is away');
  t.notMatch(process.output() + directory.logged(), /goldsworth|araminta|ravenscroft|lysander|pinfold|wk4/i);
  await stack.restart('redis');
});
