import { type ConnectionOptions, Queue } from 'bullmq';

export const retentionQueue = 'retention';
const NIGHTLY = 'retention-nightly';

/** A job says nothing: what is due is in PostgreSQL, and the day is that on which it runs. */
export function createRetentionQueue(connection: ConnectionOptions, prefix: string): Queue {
  return new Queue(retentionQueue, { connection, prefix });
}

/** At a quiet hour in England. Again and again the same: it is there once, also after Redis was wiped. */
export async function scheduleRetention(queue: Queue): Promise<void> {
  await queue.upsertJobScheduler(
    NIGHTLY,
    { pattern: '0 30 2 * * *', tz: 'Europe/London' },
    {
      name: retentionQueue,
      opts: {
        attempts: 5,
        backoff: { type: 'exponential', delay: 60_000 },
        removeOnComplete: true,
        removeOnFail: { count: 100 },
      },
    },
  );
}
