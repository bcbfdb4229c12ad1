import { setTimeout as delay } from 'node:timers/promises';
import type { Context } from '../../context.js';
import { type IndexFigures, readIndexFigures } from '../../db/index-figures.js';
import { findLastDone, type Reconciliation } from '../../db/reconciliations.js';
import { createIndexQueue, createRedis, evicts, indexQueues } from '../../queues/index-queue.js';
import type { IndexHealth } from '../../schemas/index-health.js';
import { mappingVersionOf, readAlias } from '../../search/aliases.js';
import { readRunningRebuild } from './rebuilds.js';

const LONGEST_CHECK_MS = 1_000;
/** Twice the time within which a change is to be seen under load, and some: docs/index-health.md. */
export const LAGGING_SECONDS = 30;

const queueStates = ['waiting', 'active', 'delayed', 'failed'] as const;
type QueueCounts = Record<(typeof queueStates)[number], number>;

/** Of an index that is filled since there is none to search (`filling`), or of a rebuild beside one. */
type Building = NonNullable<IndexHealth['rebuild']>;

/** What each service said; null of one that is away. */
export interface Readings {
  postgresql: { figures: IndexFigures; lastCheck: Reconciliation | undefined; building: Building | undefined } | null;
  elasticsearch: { status: string; nodes: number; index: string | null; documents: number | null } | null;
  redis: { counts: QueueCounts; evicts: boolean } | null;
}

export interface HealthReader {
  /** Answers within about a second, whatever is away. */
  read(): Promise<IndexHealth>;
  close(): Promise<void>;
}

/** Opens its connection to Redis at the first reading. */
export function createHealthReader(context: Context): HealthReader {
  let queues: ReturnType<typeof openQueues> | undefined;
  return {
    async read() {
      queues ??= openQueues(context);
      const [postgresql, elasticsearch, redis] = await Promise.all([
        inTime(readPostgresql(context)),
        inTime(readElasticsearch(context)),
        inTime(queues.read()),
      ]);
      return judgeHealth({ postgresql, elasticsearch, redis });
    },
    async close() {
      await queues?.close();
      queues = undefined;
    },
  };
}

function openQueues({ config, urls }: Context) {
  const redis = createRedis(urls.redisUrl, 'producer');
  const queues = Object.values(indexQueues).map((name) => createIndexQueue(name, redis, config.instance));
  for (const queue of queues) queue.on('error', () => undefined);
  return {
    async read() {
      const counts: QueueCounts = { waiting: 0, active: 0, delayed: 0, failed: 0 };
      const [mayEvict, ...each] = await Promise.all([
        evicts(redis),
        ...queues.map((queue) => queue.getJobCounts(...queueStates)),
      ]);
      for (const one of each) for (const state of queueStates) counts[state] += one[state] ?? 0;
      return { counts, evicts: mayEvict };
    },
    async close() {
      await Promise.race([Promise.all(queues.map((queue) => queue.close())), delay(LONGEST_CHECK_MS)]).catch(
        () => undefined,
      );
      redis.disconnect();
    },
  };
}

async function readPostgresql({ db }: Context): Promise<Readings['postgresql']> {
  const [figures, lastCheck, building] = await Promise.all([readIndexFigures(db), findLastDone(db), findBuilding(db)]);
  return { figures, lastCheck, building };
}

async function findBuilding(db: Context['db']): Promise<Building | undefined> {
  const rebuild = await readRunningRebuild(db);
  if (rebuild) {
    const { rebuildId, toIndex, state, startedAt, progress } = rebuild;
    return { rebuildId, index: toIndex, state, startedAt: new Date(startedAt), percent: progress.percent };
  }
  const filling = await db
    .selectFrom('index_builds')
    .select(['index_name as index', 'started_at as startedAt'])
    .where('state', '=', 'filling')
    .orderBy('started_at', 'desc')
    .executeTakeFirst();
  return filling && { ...filling, rebuildId: null, state: 'filling', percent: null };
}

async function readElasticsearch({ elasticsearch, config }: Context): Promise<Readings['elasticsearch']> {
  const alias = readAlias(config.instance);
  const patience = { requestTimeout: LONGEST_CHECK_MS, maxRetries: 0 };
  const [health, aliases, documents] = await Promise.all([
    elasticsearch.cluster.health({}, patience),
    elasticsearch.indices.getAlias({ name: alias }, { ...patience, ignore: [404] }),
    elasticsearch.count({ index: alias }, patience).then(
      ({ count, _shards: { failed } }) => (failed === 0 ? count : null),
      () => null,
    ),
  ]);
  return {
    status: health.status,
    nodes: health.number_of_nodes,
    index: Object.keys(aliases).find((name) => name.startsWith(alias)) ?? null,
    documents,
  };
}

async function inTime<T>(reading: Promise<T>): Promise<T | null> {
  const giveUp = new AbortController();
  const late = delay(LONGEST_CHECK_MS, null, { signal: giveUp.signal }).catch(() => null);
  return Promise.race([reading.catch(() => null), late]).finally(() => giveUp.abort());
}

/** All that is told, from what each service said. Pure: the thresholds are here and in docs/index-health.md. */
export function judgeHealth(readings: Readings): IndexHealth {
  const { postgresql, elasticsearch, redis } = readings;
  const figures = postgresql?.figures;
  const lastCheck = postgresql?.lastCheck;
  const building = postgresql?.building;
  const index = elasticsearch?.index ?? null;
  const { status, reasons } = statusOf(readings);
  return {
    status,
    reasons,
    index,
    mappingVersion: index === null ? null : mappingVersionOf(index),
    documents: elasticsearch?.documents ?? null,
    records: figures?.records ?? null,
    lag: {
      seconds: figures ? Math.round(figures.lagSeconds * 10) / 10 : null,
      oldestPendingAt: figures?.oldestPendingAt ?? null,
      pending: figures?.pending ?? null,
    },
    queue: redis?.counts ?? { waiting: null, active: null, delayed: null, failed: null },
    deadLetters: figures?.deadLetters ?? null,
    throughput: {
      perSecond1m: figures ? figures.acknowledged1m / 60 : null,
      perSecond15m: figures ? Math.round((figures.acknowledged15m / 900) * 100) / 100 : null,
    },
    drift: {
      checkedAt: lastCheck?.endedAt ?? null,
      deep: lastCheck?.deep ?? null,
      missing: lastCheck?.missing ?? null,
      stale: lastCheck?.stale ?? null,
      extra: lastCheck?.extra ?? null,
      repaired: lastCheck?.repaired ?? null,
    },
    rebuild: building ?? null,
    elasticsearch: {
      reachable: elasticsearch !== null,
      status: elasticsearch?.status ?? null,
      nodes: elasticsearch?.nodes ?? null,
    },
    redis: { reachable: redis !== null, evicts: redis?.evicts ?? null },
  };
}

/** The gravest holds; every reason is told. */
function statusOf({ postgresql, elasticsearch, redis }: Readings): Pick<IndexHealth, 'status' | 'reasons'> {
  const building = postgresql?.building;
  const filling = building?.state === 'filling';
  const down: string[] = [];
  if (!postgresql) down.push('PostgreSQL does not answer');
  if (!elasticsearch) down.push('Elasticsearch does not answer');
  else if (elasticsearch.documents === null && !filling) down.push('There is no index that can be searched');
  if (!redis) down.push('Redis does not answer');
  const rebuilding = building
    ? [building.index ? `${building.index} is being filled` : 'A rebuild waits for a worker']
    : [];
  const drifting: string[] = [];
  const lagging: string[] = [];
  if (postgresql) {
    const { figures, lastCheck } = postgresql;
    const left = lastCheck ? lastCheck.missing + lastCheck.stale + lastCheck.extra - lastCheck.repaired : 0;
    if (left > 0) drifting.push(`The last check left ${left} documents that differ from PostgreSQL`);
    const documents = elasticsearch?.documents ?? null;
    // What is on its way, was refused, or has only just arrived explains a difference in number.
    const explained = figures.pending + figures.deadLetters + figures.acknowledgedLately;
    if (documents !== null && !filling && Math.abs(documents - figures.records) > explained)
      drifting.push('There are not as many documents as records, and nothing on its way explains it');
    if (figures.lagSeconds > LAGGING_SECONDS)
      lagging.push(`A change has waited for more than ${LAGGING_SECONDS} seconds`);
  }
  const reasons = [...down, ...rebuilding, ...drifting, ...lagging];
  if (down.length > 0) return { status: 'down', reasons };
  if (rebuilding.length > 0) return { status: 'rebuilding', reasons };
  if (drifting.length > 0) return { status: 'drifting', reasons };
  if (lagging.length > 0) return { status: 'lagging', reasons };
  return { status: 'healthy', reasons };
}
