import { Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { Context } from '../src/context.js';
import { foldFigures } from '../src/db/index-figures.js';
import { findRequested } from '../src/db/reconciliations.js';
import { reconcile } from '../src/services/index/reconcile.js';

const QUEUE = 'reconcile-index';
const FOLD_EVERY_MS = 60_000;

const jobSchema = Type.Object(
  { deep: Type.Boolean(), reconciliationId: Type.Optional(Type.String({ pattern: '^[0-9a-f-]{36}$' })) },
  { additionalProperties: false },
);
type ReconcileJob = Type.Static<typeof jobSchema>;

export interface Reconciling {
  /** Makes jobs of what was asked for, and sees that checks are scheduled, also after Redis was wiped. */
  handOn(): Promise<void>;
  close(): Promise<void>;
}

/** Checks the index against PostgreSQL on schedule and on demand; one at a time among all workers. */
export function startReconciling(context: Context, consuming: Redis, producing: Redis): Reconciling {
  const { config, db, log } = context;
  const prefix = config.instance;
  const queue = new Queue<ReconcileJob>(QUEUE, {
    connection: producing,
    prefix,
    defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
  });
  queue.on('error', () => undefined);
  const ending = new AbortController();
  const worker = new Worker<ReconcileJob>(
    QUEUE,
    async (job) => {
      const { deep, reconciliationId } = Value.Parse(jobSchema, job.data);
      try {
        await reconcile(context, { deep, signal: ending.signal }, reconciliationId);
      } catch (error) {
        log.warn({ err: error }, 'the index could not be checked');
        // Redis keeps why a job failed: no words of PostgreSQL or Elasticsearch.
        throw new Error((error as Error).name);
      }
    },
    { connection: consuming, prefix, concurrency: 1, runRetryDelay: 1_000 },
  );
  worker.on('error', (error) => log.warn({ queue: QUEUE, err: error }, 'worker error'));

  const schedules = [
    { id: 'check', deep: false, every: config.index.checkMinutes * 60_000 },
    { id: 'deep-check', deep: true, every: config.index.deepCheckHours * 3_600_000 },
  ];

  async function schedule(): Promise<void> {
    for (const { id, deep, every } of schedules) {
      const known = await queue.getJobScheduler(id);
      if (every === 0) {
        if (known) await queue.removeJobScheduler(id);
      } else if (Number(known?.every) !== every) {
        // Not at the start of every directory: a deep check takes minutes a million.
        const startDate = deep ? Date.now() + every : Date.now();
        await queue.upsertJobScheduler(id, { every, startDate }, { name: id, data: { deep } });
      }
    }
  }

  let nextFold = 0;
  return {
    async handOn() {
      await schedule();
      for (const { reconciliationId, deep } of await findRequested(db)) {
        await queue.add('requested', { deep, reconciliationId }, { jobId: `requested-${reconciliationId}` });
      }
      if (Date.now() < nextFold) return;
      await foldFigures(db);
      nextFold = Date.now() + FOLD_EVERY_MS;
    },
    async close() {
      ending.abort(new Error('the worker is stopping'));
      await worker.close();
      await queue.close();
    },
  };
}
