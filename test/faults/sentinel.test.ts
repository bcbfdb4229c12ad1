import t from 'tap';
import { readConfig } from '../../src/config.js';
import { createIndexQueue, createRedis, indexQueues } from '../../src/queues/index-queue.js';
import { sentinelsOf } from '../../src/redis.js';
import { noticeWipedQueue, relayOutbox } from '../../workers/relay-outbox.js';
import { openChildren, type TestChild } from '../helpers/children.js';
import { clientFor } from '../helpers/client.js';
import { startWorker } from '../helpers/command.js';
import { untilIndexed } from '../helpers/indexed.js';
import { openSentinelRedis } from '../helpers/redis-sentinel.js';
import { timed, until } from '../helpers/wait.js';

const LIMIT = 20;
/** A claim whose job was lost comes back after a minute: within this, nothing was. */
const SECONDS = 25;

const redis = await openSentinelRedis(t);
const directory = await openChildren(t, {
  env: {
    REDIS_URL: redis.url,
    RATE_LIMIT_SEARCHES_PER_MINUTE: String(LIMIT),
    RATE_LIMIT_ORGANISATION_PER_MINUTE: '0',
  },
});
const { owner, worker, config, urls } = directory;
const backlog = Array.from({ length: 1_200 }, (_, at) => ({
  givenNames: 'Child',
  familyName: [...String(at)].map((digit) => 'abcdefghij'[Number(digit)]).join('o'),
  dateOfBirth: '2012-02-02',
}));
const [child] = (await directory.add(backlog)) as [TestChild];
await directory.index();
const manager = clientFor(directory, await directory.caller('management-team'));
let version = 1;

/** Jobs of every child, that nobody takes, in both servers. */
async function queueEveryone(): Promise<number> {
  await owner
    .updateTable('children')
    .set((eb) => ({ version: eb('version', '+', 1) }))
    .execute();
  version++;
  await owner
    .insertInto('outbox')
    .columns(['child_id', 'version'])
    .expression(owner.selectFrom('children').select(['id', 'version']))
    .execute();
  const connection = createRedis(urls.redisUrl, 'producer');
  const queues = {
    ordinary: createIndexQueue(indexQueues.ordinary, connection, config.instance),
    urgent: createIndexQueue(indexQueues.urgent, connection, config.instance),
  };
  await noticeWipedQueue(worker, connection);
  await relayOutbox(worker, queues);
  const waiting = await queues.ordinary.getWaitingCount();
  for (const queue of Object.values(queues)) await queue.close();
  connection.disconnect();
  await redis.replicated();
  return waiting;
}

async function answered(searches: number): Promise<number> {
  const user = await directory.caller('practitioner');
  const statuses: number[] = [];
  for (let at = 0; at < searches; at++) {
    const { result, ms } = await timed(() => directory.search(user, { number: child.number }));
    if (ms > 2_000) throw new Error(`a look-up took ${ms} ms`);
    statuses.push(result.status);
  }
  return statuses.filter((status) => status === 200).length;
}

const strikes = [
  ['is killed', 'SIGKILL'],
  ['stands still', 'SIGSTOP'],
] as const;
t.test('the sentinels are asked where Redis is', async (t) => {
  const process = await startWorker(t, directory);
  t.equal(await answered(LIMIT + 2), LIMIT, 'rate limits are counted there');

  for (const [what, signal] of strikes) {
    await t.test(`when the primary ${what}, the jobs go on in the other and none is lost`, async (t) => {
      process.process.kill('SIGSTOP');
      t.ok((await queueEveryone()) >= 3, 'jobs wait');
      await redis.strike(signal);
      process.process.kill('SIGCONT');
      const { status } = await manager.correct(child.childId, version, {
        gender: signal === 'SIGKILL' ? 'male' : 'female',
      });
      t.equal(status, 200, 'changes are made meanwhile');
      version++;
      t.equal(await answered(LIMIT), LIMIT / 4, 'and limits are granted by a quarter');
      await redis.failedOver();
      await untilIndexed(directory, { seconds: SECONDS });
      await until(async () => (await answered(LIMIT / 4 + 1)) > LIMIT / 4);
      t.equal(await answered(LIMIT + 2), LIMIT, 'and in the other as before');
    });
    if (signal === 'SIGKILL') await redis.replace();
  }
  t.ok(process.running(), 'by the same worker');
  t.notMatch(process.output(), /claims released/, 'which had nothing to make anew');
});

t.test('a URL names the sentinels, the account and the primary', async (t) => {
  t.equal(sentinelsOf('redis://:secret@redis:6379/2'), undefined, 'or a server itself');
  const plain = sentinelsOf('redis+sentinel://one,other:26380,[::1]:26381/mymaster');
  t.match(plain, {
    name: 'mymaster',
    sentinels: [
      { host: 'one', port: 26_379 },
      { host: 'other', port: 26_380 },
      { host: '::1', port: 26_381 },
    ],
    db: 0,
  });
  t.notOk('password' in (plain ?? {}) || 'tls' in (plain ?? {}));
  const all = 'rediss+sentinel://a%40b:c%3Ad@one:1/my%20master/3?sentinelUsername=e&sentinelPassword=f%26g';
  t.match(sentinelsOf(all), {
    name: 'my master',
    db: 3,
    username: 'a@b',
    password: 'c:d',
    sentinelUsername: 'e',
    sentinelPassword: 'f&g',
    tls: {},
    sentinelTLS: {},
    enableTLSForSentinelMode: true,
  });
  for (const REDIS_URL of [all, redis.url, 'redis://redis:6379'])
    t.equal(readConfig({ REDIS_URL }).services.redisUrl, REDIS_URL);
  for (const REDIS_URL of [
    'redis+sentinel://one:1',
    'redis+sentinel:///mymaster',
    'redis+sentinel://one,,other/mymaster',
    'sentinel://one/m',
  ])
    t.throws(
      () => readConfig({ REDIS_URL }),
      /^REDIS_URL is wrong: it takes redis:\/\/host:port, or of sentinels/,
      REDIS_URL,
    );
});
