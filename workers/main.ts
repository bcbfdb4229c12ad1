import { setTimeout } from 'node:timers/promises';
import { type Job, Worker } from 'bullmq';
import type { Context } from '../src/context.js';
import { failAbandonedBatches } from '../src/db/feed-batches.js';
import { refreshNameFrequencies } from '../src/db/name-frequencies.js';
import { releaseClaims } from '../src/db/outbox.js';
import { CommandError } from '../src/errors.js';
import {
  createIndexQueue,
  createRedis,
  evicts,
  type IndexJob,
  indexQueues,
  parseIndexJob,
} from '../src/queues/index-queue.js';
import { createRetentionQueue } from '../src/queues/retention-queue.js';
import { IndexRetryError, indexChildren } from '../src/services/index/write-documents.js';
import { typeOfError } from './errors.js';
import { createIndexKeeper } from './keep-index.js';
import { startRebuilder } from './rebuild/rebuilder.js';
import { startReconciling } from './reconcile-index.js';
import { startRelay } from './relay-outbox.js';
import { startRetention } from './retention.js';
import { startSealer } from './seal-audit.js';
import { startVerifyingProtections } from './verify-protections.js';

const NAMES_EVERY_MS = 15 * 60_000;
const NAMES_RETRY_MS = 30_000;
/** Of several workers one counts. The others look again soon: it may not live to count the next time. */
const NAMES_COUNTED = { unlessWithin: (NAMES_EVERY_MS / 1_000) * 0.8 };
const LONGEST_CLOSE_MS = 5_000;

export interface RunningWorkers {
  /** Ends in order within seconds: relay, workers with the jobs they are at, queues, connections. */
  close(): Promise<void>;
}

/**
 * Starts everything that keeps the index true and the audit log sealed, in this process.
 * @throws CommandError where Redis evicts; one that is away is waited for, and its health says so then
 */
export async function startWorkers(context: Context): Promise<RunningWorkers> {
  const { config, urls, log } = context;
  const prefix = config.instance;
  const consuming = createRedis(urls.redisUrl, 'worker');
  const producing = createRedis(urls.redisUrl, 'producer');
  if (await evicts(producing).catch(() => undefined)) {
    consuming.disconnect();
    producing.disconnect();
    throw new CommandError(
      'Redis may throw jobs away when its memory is short: set its maxmemory-policy to noeviction',
    );
  }
  const queues = {
    ordinary: createIndexQueue(indexQueues.ordinary, producing, prefix),
    urgent: createIndexQueue(indexQueues.urgent, producing, prefix),
  };
  const retentionJobs = createRetentionQueue(producing, prefix);
  const allQueues = [...Object.values(queues), retentionJobs];
  for (const queue of allQueues) queue.on('error', () => undefined);

  const workers = [
    { name: indexQueues.urgent, concurrency: 1 },
    { name: indexQueues.ordinary, concurrency: 2 },
  ].map(({ name, concurrency }) => {
    const run = async (job: Job<IndexJob>) => {
      try {
        return await indexChildren(context, parseIndexJob(job.data).childIds);
      } catch (error) {
        log.warn({ queue: name, jobId: job.id, err: error }, 'job failed');
        // Redis keeps why a job failed, and the words of PostgreSQL or Elasticsearch may quote a record.
        throw error instanceof IndexRetryError ? error : new IndexRetryError(typeOfError(error));
      }
    };
    const worker = new Worker<IndexJob>(name, run, {
      connection: consuming,
      prefix,
      concurrency,
      drainDelay: 2,
      runRetryDelay: 1_000,
      // A job whose process died goes to another within 15 s; the claims of its children would hold for a minute.
      lockDuration: 10_000,
      stalledInterval: 5_000,
    });
    worker.on('failed', (job) => {
      if (!job || job.attemptsMade < (job.opts.attempts ?? 1)) return;
      releaseClaims(context.db, job.data.childIds).catch((cause: unknown) => {
        log.warn({ queue: name, err: cause }, 'claims not released, so they have to run out');
      });
    });
    worker.on('error', (error) => log.warn({ queue: name, err: error }, 'worker error'));
    return worker;
  });

  const reconciling = startReconciling(context, consuming, producing);
  const keepIndex = createIndexKeeper(context);
  const relay = startRelay(context, queues, producing, async () => {
    await keepIndex();
    await reconciling.handOn();
  });
  failAbandonedBatches(context.db).catch((error: unknown) => {
    log.warn({ err: error }, 'imports that were killed are still on record as running');
  });
  const ending = new AbortController();
  const counting = countNames(context, ending.signal);
  const sealer = startSealer(context);
  const verifying = startVerifyingProtections(context);
  const retention = startRetention(context, retentionJobs, consuming);
  const rebuilder = startRebuilder(context);

  return {
    async close() {
      ending.abort();
      const inOrder = async () => {
        await Promise.all([relay.close(), sealer.close(), rebuilder.close()]);
        await Promise.all([
          counting,
          verifying.close(),
          retention.close(),
          reconciling.close(),
          ...workers.map((worker) => worker.close()),
        ]);
        await Promise.all(allQueues.map((queue) => queue.close()));
      };
      const closed = new AbortController();
      const late = setTimeout(LONGEST_CLOSE_MS, undefined, { signal: closed.signal }).catch(() => undefined);
      // Without Redis a worker would wait for it for ever. Whatever is broken off here another does again.
      await Promise.race([inOrder(), late]).finally(() => {
        closed.abort();
        consuming.disconnect();
        producing.disconnect();
      });
    },
  };
}

/** Beside the relay, which must not wait for it: where there are millions of children it takes minutes. */
async function countNames({ db, log }: Context, ending: AbortSignal): Promise<void> {
  while (!ending.aborted) {
    const pause = await refreshNameFrequencies(db, NAMES_COUNTED).then(
      (counted) => (counted ? NAMES_EVERY_MS : NAMES_RETRY_MS),
      (error: unknown) => {
        log.warn({ err: error }, 'names could not be counted');
        return NAMES_RETRY_MS;
      },
    );
    await setTimeout(pause, undefined, { signal: ending }).catch(() => undefined);
  }
}
