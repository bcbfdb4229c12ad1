import { setTimeout as delay } from 'node:timers/promises';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import pg from 'pg';
import type { Context } from '../src/context.js';
import { connectionSettings } from '../src/db/connect.js';
import { locks } from '../src/db/locks.js';
import { claimPending, releaseAllClaims, releaseExpiredClaims } from '../src/db/outbox.js';
import type { IndexJob } from '../src/queues/index-queue.js';

const JOB_SIZE = 500;
/**
 * Jobs waiting at most, those that failed and are to be tried again among them: what is beyond stays in the outbox, where
 * shields overtake it and changes to one child meet.
 */
const WAITING_JOBS = 8;
const POLL_MS = 1_000;
/** Between passes where changes keep coming: ten to a job cost little more than one, and the index is refreshed every half second. */
const GATHER_MS = 40;
/** A leader that stands still loses its connection, and with it the lead. It is heard of at every pass, once a second at least. */
const SILENT_LEADER = '15s';
/** The same the other way: whoever leads asks once a second, and another may lead by now. */
const SILENT_SERVER_MS = 10_000;

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
 * left behind. Of several processes one leads; whatever two of them should do at once, a leader lost and one new, is harmless. A failing pass is logged and tried again at the next poll, however much is notified until then.
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
  let connection: pg.Client | undefined;
  let leads = false;
  let nextHousekeeping = 0;

  const wakeUp = () => {
    woken = true;
    wake();
  };

  async function connect(): Promise<pg.Client> {
    const client = new pg.Client(
      connectionSettings(context.urls.databaseUrl, {
        role: 'directory_worker',
        application: 'directory-relay',
        answerMs: SILENT_SERVER_MS,
      }),
    );
    const lost = () => {
      if (connection === client) {
        connection = undefined;
        leads = false;
      }
      client.removeAllListeners('notification');
      client.end().catch(() => undefined);
    };
    client.on('error', lost);
    client.on('end', lost);
    client.on('notification', wakeUp);
    try {
      await client.connect();
      await client.query(`set idle_session_timeout = '${SILENT_LEADER}'`);
    } catch (error) {
      lost();
      throw error;
    }
    return client;
  }

  /** @returns whether this process leads */
  async function lead(): Promise<boolean> {
    connection ??= await connect();
    if (leads) {
      await connection.query('select');
      return leads;
    }
    // Held by the one relay that is at work, on the connection by which it listens; the others wait for it.
    const { rows } = await connection.query('select pg_try_advisory_lock($1) as leads', [locks.relaying]);
    if (!rows[0].leads) return false;
    await connection.query('listen outbox');
    leads = true;
    context.log.info('this process relays');
    return true;
  }

  async function pass(): Promise<void> {
    if (!(await lead())) return;
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
      if (closing) continue;
      if (passed && woken) {
        await delay(GATHER_MS);
        continue;
      }
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
      const client = connection;
      connection = undefined;
      await client?.end();
    },
  };
}
