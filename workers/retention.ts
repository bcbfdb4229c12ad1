import { setTimeout } from 'node:timers/promises';
import { type Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Context } from '../src/context.js';
import { retentionQueue, scheduleRetention } from '../src/queues/retention-queue.js';
import { todayInEngland } from '../src/services/child-age.js';
import { runRetention } from '../src/services/keeping/retention.js';
import { RetryError, typeOfError } from './errors.js';

const SCHEDULE_EVERY_MS = 10 * 60_000;

export interface RetentionWorker {
  close(): Promise<void>;
}

/** Runs what the schedule asks for, one at a time, and sees to it that there is a schedule. */
export function startRetention(
  context: Context,
  queue: Queue,
  consuming: Redis,
  today: () => string = todayInEngland,
): RetentionWorker {
  const { log, config } = context;
  const ending = new AbortController();
  const run = async () => {
    try {
      await runRetention(context, { today: today(), signal: ending.signal });
    } catch (error) {
      log.error({ queue: retentionQueue, err: error }, 'retention failed');
      // Redis keeps why a job failed, and the words of PostgreSQL may quote a record.
      throw new RetryError(typeOfError(error));
    }
    // What was broken off is done by the next process.
    if (ending.signal.aborted) throw new RetryError('stopped');
  };
  const worker = new Worker(retentionQueue, run, {
    connection: consuming,
    prefix: config.instance,
    concurrency: 1,
    drainDelay: 2,
    runRetryDelay: 1_000,
  });
  worker.on('error', (error) => log.warn({ queue: retentionQueue, err: error }, 'worker error'));
  const scheduling = keepScheduled(context, queue, ending.signal);
  return {
    async close() {
      ending.abort();
      await Promise.all([scheduling, worker.close()]);
    },
  };
}

async function keepScheduled({ log }: Context, queue: Queue, ending: AbortSignal): Promise<void> {
  while (!ending.aborted) {
    await scheduleRetention(queue).catch((error: unknown) => {
      log.warn({ queue: retentionQueue, err: error }, 'retention could not be scheduled');
    });
    await setTimeout(SCHEDULE_EVERY_MS, undefined, { signal: ending }).catch(() => undefined);
  }
}
