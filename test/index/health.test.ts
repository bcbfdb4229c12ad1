import { execFile } from 'node:child_process';
import { sql } from 'kysely';
import t from 'tap';
import { v7 as uuid } from 'uuid';
import { buildApp } from '../../src/app.js';
import { projectRoot } from '../../src/config.js';
import { foldFigures } from '../../src/db/index-figures.js';
import { createRedis } from '../../src/queues/index-queue.js';
import { judgeHealth, type Readings } from '../../src/services/index/health.js';
import { indexChildren } from '../../src/services/index/write-documents.js';
import { startWorkers } from '../../workers/main.js';
import { openChildren, type TestChild, type TestChildren } from '../helpers/children.js';
import { openDirectory, type TestDirectory } from '../helpers/directory.js';
import { indexName } from '../helpers/indexed.js';
import { timed } from '../helpers/wait.js';

const three = ['Ash', 'Birch', 'Cedar'].map((familyName) => ({
  givenNames: 'Zo',
  familyName,
  dateOfBirth: '2014-02-03',
}));

async function open(t: Parameters<typeof openChildren>[0]) {
  const directory = await openChildren(t);
  const { authorization } = (await directory.caller('data-team')).headers;
  const get = async (url: string) => (await directory.app.inject({ url, headers: { authorization } })).json();
  const post = async (url: string, payload?: object) => {
    const reply = await directory.app.inject({
      method: 'POST',
      url,
      headers: { authorization },
      ...(payload ? { payload } : {}),
    });
    return { status: reply.statusCode, body: reply.json() };
  };
  return { directory, get, post, health: () => get('/v1/index/health') };
}

/** Runs a command to its end, however it ends. */
function runCommand({ config, urls }: TestDirectory, args: string[]) {
  const env = {
    ...process.env,
    NODE_OPTIONS: '',
    LOG_LEVEL: 'warn',
    DIRECTORY_INSTANCE: config.instance,
    DATABASE_URL: urls.databaseUrl,
    REDIS_URL: urls.redisUrl,
    ELASTICSEARCH_URL: urls.elasticsearchUrl,
  };
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    execFile(
      process.execPath,
      ['--import', 'tsx', 'src/cli/directory.ts', ...args],
      { cwd: projectRoot, env },
      (error, stdout, stderr) => resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}

/** Refuses one child's document, as Elasticsearch would one that its mapping does not take. */
function refusing({ worker }: TestChildren, childId: string): TestChildren['worker'] {
  const bulk = async (request: Parameters<TestChildren['worker']['elasticsearch']['bulk']>[0]) => {
    const answer = await worker.elasticsearch.bulk(request);
    for (const item of answer.items) {
      if (item.index?._id !== childId) continue;
      item.index.status = 400;
      item.index.error = { type: 'document_parsing_exception', reason: `the name Ash of ${childId}` };
    }
    return answer;
  };
  const elasticsearch = new Proxy(worker.elasticsearch, {
    get: (target, key) => (key === 'bulk' ? bulk : Reflect.get(target, key)),
  });
  return { ...worker, elasticsearch };
}

t.test('health tells of the index, of what is on its way, and how fast it goes', async (t) => {
  const { directory, health } = await open(t);
  const { owner } = directory;
  t.match(await health(), {
    status: 'down',
    index: null,
    documents: null,
    records: 0,
    reasons: ['There is no index that can be searched'],
  });
  const added = await directory.add(three);
  t.match(await health(), { records: 3, lag: { pending: 3 } });
  await directory.index();
  t.match(await health(), {
    status: 'healthy',
    reasons: [],
    index: await indexName(directory),
    mappingVersion: 2,
    documents: 3,
    records: 3,
    lag: { seconds: 0, oldestPendingAt: null, pending: 0 },
    queue: { waiting: 0, active: 0, delayed: 0, failed: 0 },
    deadLetters: 0,
    drift: { checkedAt: null },
    rebuild: null,
    elasticsearch: { reachable: true },
    redis: { reachable: true, evicts: false },
  });

  await sql`update index_throughput set slot = slot - interval '20 s'`.execute(owner);
  t.match(await health(), { throughput: { perSecond1m: 3 / 60, perSecond15m: 0 } });
  await sql`insert into index_throughput values (date_bin('10 s', now() - interval '5 min', 'epoch'), 0, 897)`.execute(
    owner,
  );
  t.match(await health(), { throughput: { perSecond1m: 3 / 60, perSecond15m: 1 } });

  const [first] = added as [TestChild];
  await sql`insert into outbox (child_id, version, changed_at) values (${first.childId}, 1, now() - interval '31 s')`.execute(
    owner,
  );
  const lagging = await health();
  t.match(lagging, { status: 'lagging', lag: { pending: 1, oldestPendingAt: String } });
  t.ok(lagging.lag.seconds >= 31 && lagging.lag.seconds < 60);
  await sql`update outbox set claimed_at = now()`.execute(owner);
  t.match(await health(), { status: 'lagging' }, 'although a job has been made of it');
  await directory.index();

  await sql`update index_throughput set slot = slot - interval '1 min'`.execute(owner);
  await directory.context.elasticsearch.delete({ index: await indexName(directory), id: first.childId, refresh: true });
  t.match(await health(), { status: 'drifting', documents: 2, records: 3 }, 'before any check');
});

t.test('records are counted exactly, whatever becomes of children, and whether or not it was folded', async (t) => {
  const { directory } = await open(t);
  const { owner, worker } = directory;
  const counted = async () => {
    const { rows } = await sql<{ told: number; counted: number }>`
      select (select sum(change)::bigint from record_count) as told,
        (select count(*) from children where archived_at is null) as counted`.execute(owner);
    const [row] = rows as [{ told: number; counted: number }];
    t.equal(row.told, row.counted);
    return row.told;
  };
  const [one, two] = (await directory.add(three)) as [TestChild, TestChild];
  t.equal(await counted(), 3);
  await foldFigures(worker.db);
  t.equal((await owner.selectFrom('record_count').selectAll().execute()).length, 1);
  t.equal(await counted(), 3);
  await sql`update children set archived_at = now() where id = ${one.childId}`.execute(owner);
  t.equal(await counted(), 2);
  await sql`update children set archived_at = now(), version = version + 1 where id = ${one.childId}`.execute(owner);
  t.equal(await counted(), 2, 'archived twice');
  await Promise.all([
    foldFigures(worker.db),
    foldFigures(worker.db),
    directory.add([{ ...three[0], dateOfBirth: '2015-01-01' }]),
  ]);
  t.equal(await counted(), 3);
  await sql`update children set archived_at = null where id = ${one.childId}`.execute(owner);
  t.equal(await counted(), 4);
  await sql`update children set archived_at = now() where id = ${two.childId}`.execute(owner);
  await sql`delete from children`.execute(owner);
  t.equal(await counted(), 0);
  await t.rejects(
    owner.transaction().execute(async (trx) => {
      await sql`insert into record_count values (5)`.execute(trx);
      throw new Error('rolled back');
    }),
  );
  t.equal(await counted(), 0);
});

t.test('health answers whatever is away, and says so', async (t) => {
  const away = 'http://127.0.0.1:9';
  const directory = await openDirectory(t, { indexed: true });
  const { authorization } = (await directory.caller('data-team')).headers;
  const healthWithout = async (urls: object) => {
    const context = await directory.openContext({ urls: { ...directory.urls, ...urls } });
    const app = await buildApp(context);
    t.teardown(() => app.close());
    const { result, ms } = await timed(() => app.inject({ url: '/v1/index/health', headers: { authorization } }));
    t.equal(result.statusCode, 200);
    t.ok(ms < 3_000, `${ms} ms`);
    const metrics = (await app.inject({ url: '/metrics' })).body;
    return { ...result.json(), metrics };
  };
  const elasticsearch = await healthWithout({ elasticsearchUrl: away });
  t.match(elasticsearch, { status: 'down', index: null, documents: null, records: 0, redis: { reachable: true } });
  t.match(elasticsearch.metrics, /index_service_up\{service="elasticsearch"\} 0/);
  t.match(elasticsearch.metrics, /index_status\{status="down"\} 1/);
  const redis = await healthWithout({ redisUrl: 'redis://127.0.0.1:9' });
  t.match(redis, {
    status: 'down',
    queue: { waiting: null },
    redis: { reachable: false, evicts: null },
    elasticsearch: { reachable: true },
  });
  t.match(redis.metrics, /index_service_up\{service="redis"\} 0/);
  t.notMatch(redis.metrics, /index_queue_jobs\{/, 'what is not known is not told as 0');
});

t.test('the status is the gravest of what holds, by documented thresholds', async (t) => {
  const figures = {
    records: 10,
    pending: 0,
    oldestPendingAt: null,
    lagSeconds: 0,
    deadLetters: 0,
    acknowledged1m: 0,
    acknowledged15m: 0,
    acknowledgedLately: 0,
  };
  const right: Readings = {
    postgresql: { figures, lastCheck: undefined, building: undefined },
    elasticsearch: { status: 'green', nodes: 1, index: 'x-children-v2-20261125', documents: 10 },
    redis: { counts: { waiting: 0, active: 0, delayed: 0, failed: 0 }, evicts: false },
  };
  const statusWith = (changes: object, others: Partial<Readings> = {}) =>
    judgeHealth({
      ...right,
      postgresql: { ...right.postgresql, figures: { ...figures, ...changes } } as Readings['postgresql'],
      ...others,
    }).status;
  t.equal(statusWith({}), 'healthy');
  t.equal(statusWith({ lagSeconds: 30 }), 'healthy');
  t.equal(statusWith({ lagSeconds: 30.1 }), 'lagging');
  t.equal(statusWith({ records: 11 }), 'drifting');
  for (const explanation of ['pending', 'deadLetters', 'acknowledgedLately'])
    t.equal(statusWith({ records: 11, [explanation]: 1 }), 'healthy', explanation);
  const lastCheck = { missing: 1, stale: 2, extra: 3, repaired: 5, endedAt: new Date() } as NonNullable<
    Readings['postgresql']
  >['lastCheck'];
  const checked = (repaired: number, others: Partial<Readings> = {}) =>
    judgeHealth({
      ...right,
      postgresql: {
        figures: { ...figures, lagSeconds: 99 },
        lastCheck: lastCheck && { ...lastCheck, repaired },
        building: undefined,
      },
      ...others,
    }).status;
  t.equal(checked(5), 'drifting', 'graver than lagging');
  t.equal(checked(6), 'lagging');
  t.equal(checked(5, { redis: null }), 'down');
  t.equal(checked(5, { elasticsearch: null }), 'down');
  t.equal(checked(5, { postgresql: null }), 'down');
  const building = {
    rebuildId: null,
    index: 'x-children-v3-1',
    state: 'filling',
    startedAt: new Date(),
    percent: null,
  };
  const filling = { postgresql: { figures, lastCheck: undefined, building } };
  t.equal(judgeHealth({ ...right, ...filling }).status, 'rebuilding');
  t.equal(
    judgeHealth({ ...right, ...filling, elasticsearch: { status: 'green', nodes: 1, index: null, documents: null } })
      .status,
    'rebuilding',
    'without an index to search as well',
  );
  const running = { postgresql: { figures, lastCheck: undefined, building: { ...building, state: 'running' } } };
  t.equal(judgeHealth({ ...right, ...running }).status, 'rebuilding');
  t.equal(
    judgeHealth({ ...right, ...running, elasticsearch: { status: 'green', nodes: 1, index: null, documents: null } })
      .status,
    'down',
    'a rebuild is beside an index: without that one nothing is found',
  );
});

t.test('dead letters are listed without a word of the record, page by page, and tried again', async (t) => {
  const { directory, get, post, health } = await open(t);
  const { owner } = directory;
  const added = await directory.add(three);
  const ids = added.map(({ childId }) => childId).sort();
  await directory.index();
  const queue = () =>
    sql`insert into outbox (child_id, version) select id, version from children on conflict do nothing`.execute(owner);
  const refuse = async () => {
    await queue();
    for (const id of ids) await indexChildren(refusing(directory, id), [id]);
  };
  await refuse();
  const first = await get('/v1/index/dead-letters?limit=2');
  t.match(first, {
    total: 3,
    deadLetters: [{ childId: ids[0], reason: 'document_parsing_exception' }, { childId: ids[1] }],
  });
  t.notMatch(JSON.stringify(first), /Ash|Birch|Cedar/);
  const second = await get(`/v1/index/dead-letters?limit=2&cursor=${first.next}`);
  t.match(second, { total: 3, deadLetters: [{ childId: ids[2] }], next: null });
  t.match(await health(), { deadLetters: 3 });
  const { body: metrics } = await directory.app.inject({ url: '/metrics' });
  t.match(metrics, /^index_dead_letters 3$/m);
  t.match(metrics, /^audit_oldest_unsealed_seconds [\d.]+$/m);

  await refuse();
  t.strictSame(await get('/v1/index/dead-letters?limit=2'), first, 'refused again, and nothing tells when');
  const { rows: later } = await sql`select from dead_letters where failed_at > opened_at`.execute(owner);
  t.equal(later.length, 3);

  const [letter] = first.deadLetters;
  t.match(await post('/v1/index/dead-letters/retry', { ids: [letter.id] }), { status: 202, body: { retried: 1 } });
  t.match(await get('/v1/index/dead-letters'), { total: 3 }, 'until the index has acknowledged');
  await directory.index();
  const left = await get('/v1/index/dead-letters');
  t.strictSame(
    left.deadLetters.map((one: { childId: string }) => one.childId),
    ids.slice(1),
  );

  t.match(await post('/v1/index/dead-letters/retry'), { status: 202, body: { retried: 2 } });
  for (const id of ids.slice(1)) await indexChildren(refusing(directory, id), [id]);
  t.match(await get('/v1/index/dead-letters'), { total: 2 }, 'refused again');
  await post('/v1/index/dead-letters/retry', {});
  await directory.index();
  t.match(await get('/v1/index/dead-letters'), { total: 0, deadLetters: [], next: null });
  t.match(await post('/v1/index/dead-letters/retry'), { body: { retried: 0 } });
  t.equal((await post('/v1/index/dead-letters/retry', { ids: [] })).status, 400);
  t.equal((await post('/v1/index/dead-letters/retry', { ids: ['x'] })).status, 400);
  const { rows } = await sql<{
    count: number;
  }>`select count(*) from audit_events where action = 'retry-dead-letters'`.execute(owner);
  t.equal(rows[0]?.count, 4);
});

t.test('the command tells and does the same', async (t) => {
  const { directory } = await open(t);
  await directory.add(three);
  await directory.index();
  const healthy = await runCommand(directory, ['index', 'health', '--json']);
  t.equal(healthy.code, 0, healthy.stderr);
  t.match(JSON.parse(healthy.stdout), { status: 'healthy', documents: 3, records: 3 });
  const checked = await runCommand(directory, ['index', 'reconcile', '--deep', '--json']);
  t.equal(checked.code, 0, checked.stderr);
  t.match(JSON.parse(checked.stdout), { state: 'done', deep: true, missing: 0, stale: 0, extra: 0, repaired: 0 });
  await sql`
    insert into dead_letters (id, child_id, version, reason)
    select ${uuid()}::uuid, id, version, 'mapper_parsing_exception' from children limit 1`.execute(directory.owner);
  const listed = await runCommand(directory, ['index', 'dead-letters', '--json']);
  t.match(JSON.parse(listed.stdout), { total: 1, deadLetters: [{ reason: 'mapper_parsing_exception' }] });
  const retried = await runCommand(directory, ['index', 'dead-letters', 'retry', '--json']);
  t.strictSame(JSON.parse(retried.stdout), { retried: 1 });
  t.match(await directory.owner.selectFrom('outbox').selectAll().execute(), [{}]);
  t.equal((await runCommand(directory, ['index', 'dead-letters', 'retry', 'all'])).code, 2);
});

t.test('workers do not start on a Redis that may throw jobs away', async (t) => {
  const directory = await openDirectory(t, { indexed: true });
  const worker = await directory.openContext({ role: 'directory_worker' });
  // The stack's own Redis is everybody's: what it says of itself is changed on its way.
  const redis = createRedis(directory.urls.redisUrl, 'producer');
  const proto = Object.getPrototypeOf(redis) as { info: unknown };
  const { info } = proto;
  proto.info = async () => '# Memory\r\nmaxmemory_policy:allkeys-lru\r\n';
  t.teardown(() => {
    proto.info = info;
    redis.disconnect();
  });
  await t.rejects(startWorkers(worker), /maxmemory-policy to noeviction/);
});
