import { type ConnectionOptions, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { openRedis } from '../redis.js';

/** Shields have a queue and a worker of their own, so that no backlog can stand before them. */
export const indexQueues = { ordinary: 'index-children', urgent: 'index-shields' } as const;
export type IndexQueueName = (typeof indexQueues)[keyof typeof indexQueues];

/** A job names children; what they hold is read from PostgreSQL when it runs. */
const indexJobSchema = Type.Object(
  { childIds: Type.Array(Type.String({ pattern: '^[0-9a-f-]{36}$' }), { minItems: 1, maxItems: 1_000 }) },
  { additionalProperties: false },
);
export type IndexJob = Type.Static<typeof indexJobSchema>;

/** @throws when the payload is not of the shape */
export function parseIndexJob(data: unknown): IndexJob {
  return Value.Parse(indexJobSchema, data);
}

/**
 * A worker's connection waits for Redis to come back, as BullMQ needs; a producer's gives up after two seconds, since
 * it is used while rows are locked.
 */
export function createRedis(redisUrl: string, use: 'worker' | 'producer'): Redis {
  return openRedis(redisUrl, {
    ...(use === 'worker' ? { maxRetriesPerRequest: null } : { maxRetriesPerRequest: 1, commandTimeout: 2_000 }),
    connectTimeout: 2_000,
    retryStrategy: (times) => Math.min(times * 100, 1_000),
  });
}

/** Whether Redis may throw jobs away when its memory is short. The outbox would make them again, after a minute. */
export async function evicts(redis: Redis): Promise<boolean> {
  const policy = /^maxmemory_policy:(\S+)/m.exec(await redis.info('memory'))?.[1];
  return policy !== undefined && policy !== 'noeviction';
}

export function createIndexQueue(name: IndexQueueName, connection: ConnectionOptions, prefix: string): Queue<IndexJob> {
  return new Queue<IndexJob>(name, {
    connection,
    prefix,
    defaultJobOptions: {
      // About eight seconds in all. A job that fails for good is no loss: its outbox entries become a new one.
      attempts: 5,
      backoff: { type: 'exponential', delay: 500, jitter: 0.5 },
      removeOnComplete: true,
      removeOnFail: { count: 1_000 },
    },
  });
}
