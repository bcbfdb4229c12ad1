import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import pg from 'pg';
import type { Context } from '../src/context.js';
import { connectionSettings } from '../src/db/connect.js';
import { claimPending, releaseAllClaims, releaseExpiredClaims } from '../src/db/outbox.js';
import type { IndexJob } from '../src/queues/index-queue.js';

const JOB_SIZE = 500;
/**
 * Jobs waiting at most, those that failed and are to be tried again among them: what is beyond stays in the outbox, where
 * shields overtake it and changes to one child meet.
 */
const WAITING_JOBS = 8;
const POLL_MS = 1_000;

export interface RelayQueues {
  ordinary: Queue<IndexJob>;
  urgent: Queue<IndexJob>;
}

/**
 * One pass: makes jobs of what waits in the outbox. The claim and the job stand or fall together; should the process
 * die between them, the job is made twice, which is harmless.
 * @returns how many children were handed on
 */
export async function relayOutbox(context: Context, queues: RelayQueues): Promise<number> {
  let handedOn = 0;
  for (const urgent of [true, false]) {
    const queue = urgent ? queues.urgent : queues.ordinary;
    for (;;) {
      if ((await queue.getJobCountByTypes('waiting', 'delayed')) >= WAITING_JOBS) break;
      const claimed = await context.db.transaction().execute(async (trx) => {
        const entries = await claimPending(trx, { limit: JOB_SIZE, urgent });
        if (entries.length > 0) await queue.add('index', { childIds: entries.map((entry) => entry.childId) });
        return entries.length;
      });
      handedOn += claimed;
      if (claimed < JOB_SIZE) break;
    }
  }
  return handedOn;
}

/** Notices that Redis has been wiped by a mark of ours that is gone, and frees the claims whose jobs went with it. */
export async function noticeWipedQueue(context: Context, redis: Redis): Promise<boolean> {
  const key = `${context.config.instance}:relay-mark`;
  if ((await redis.exists(key)) === 1) return false;
  const released = await releaseAllClaims(context.db);
  await redis.set(key, '1');
  if (released > 0) context.log.warn({ released }, 'the queue was empty of our mark: claims released');
  return true;
}

export interface Relay {
  close(): Promise<void>;
}

/**
 * Relays until closed: at once when PostgreSQL notifies, and by polling for what a lost notification or a lost job
 * left behind. A failing pass is logged and tried again at the next poll, however much is notified until then.
 */
export function startRelay(
  context: Context,
  queues: RelayQueues,
  redis: Redis,
  housekeeping: () => Promise<void>,
): Relay {
  let closing = false;
  let wake: () => void = () => undefined;
  let woken = false;
  let listener: pg.Client | undefined;
  let nextHousekeeping = 0;

  const wakeUp = () => {
    woken = true;
    wake();
  };

  async function listen(): Promise<void> {
    if (listener) return;
    const client = new pg.Client(
      connectionSettings(context.urls.databaseUrl, { role: 'directory_worker', application: 'directory-relay' }),
    );
    const lost = () => {
      if (listener === client) listener = undefined;
      client.removeAllListeners('notification');
      client.end().catch(() => undefined);
    };
    client.on('error', lost);
    client.on('end', lost);
    client.on('notification', wakeUp);
    try {
      await client.connect();
      await client.query('listen outbox');
    } catch (error) {
      lost();
      throw error;
    }
    listener = client;
  }

  async function pass(): Promise<void> {
    await listen();
    if (Date.now() >= nextHousekeeping) {
      await noticeWipedQueue(context, redis);
      await releaseExpiredClaims(context.db);
      await housekeeping();
      // Only now: while the index is away, what waits does so in the outbox.
      nextHousekeeping = Date.now() + POLL_MS;
    }
    await relayOutbox(context, queues);
  }

  const running = (async () => {
    while (!closing) {
      woken = false;
      const passed = await pass().then(
        () => true,
        (error: unknown) => {
          context.log.warn({ err: error }, 'relay pass failed');
          return false;
        },
      );
      if (closing || (passed && woken)) continue;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, POLL_MS);
        wake = () => {
          if (!passed && !closing) return;
          clearTimeout(timer);
          resolve();
        };
      });
    }
  })();

  return {
    async close() {
      closing = true;
      wake();
      await running;
      const client = listener;
      listener = undefined;
      await client?.end();
    },
  };
}
