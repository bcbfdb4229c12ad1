import type { Logger } from 'pino';
import type { Caller } from '../caller.js';
import type { Config } from '../config.js';
import { openRedis } from '../redis.js';

const WINDOW_MS = 60_000;
/** Searches do not wait longer for Redis than this, nor look at once again whether it is back. */
const PATIENCE_MS = 250;
const AWAY_MS = 1_000;
/** Part of each limit that a process grants by itself: it does not know what others grant. */
const SHARE = 4;
const MOST_WINDOWS = 10_000;

/**
 * One round trip. A window begins with the first request of a minute. Where one of the limits is reached nothing is
 * counted: whoever is refused has not used up the minute of their organisation. Returns milliseconds to wait, or 0.
 */
const TAKE = `
local wait = 0
for i, key in ipairs(KEYS) do
  if tonumber(redis.call('get', key) or '0') >= tonumber(ARGV[i + 1]) then
    local left = redis.call('pttl', key)
    if left < 1 then
      redis.call('pexpire', key, 1)
      left = 1
    end
    if left > wait then wait = left end
  end
end
if wait > 0 then return wait end
for _, key in ipairs(KEYS) do
  if redis.call('incr', key) == 1 then redis.call('pexpire', key, ARGV[1]) end
end
return 0`;

interface Limit {
  key: string;
  perMinute: number;
}

/** `shields`: of a user alone, so that no search of anybody else keeps a child from being shielded. */
export type Count = 'searches' | 'shields';

export interface RateLimiter {
  /** Waits for Redis a moment, and goes on without. */
  open(): Promise<void>;
  /** Counts one request with others of its kind. @returns seconds after which to come again, where a limit is reached */
  take(caller: Pick<Caller, 'userId' | 'organisationId' | 'authority'>, count: Count): Promise<number | undefined>;
  close(): void;
}

/**
 * Requests a minute of each user, and of all users of an organisation (of an authority, where an account names none),
 * counted in Redis for all processes together. With Redis away each process grants a quarter by itself.
 */
export function createRateLimiter(
  { rateLimits, instance }: Pick<Config, 'rateLimits' | 'instance'>,
  redisUrl: string,
  log: Logger,
): RateLimiter {
  const redis = openRedis(redisUrl, {
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: PATIENCE_MS,
    connectTimeout: 2_000,
    retryStrategy: (times) => Math.min(times * 100, AWAY_MS),
  });
  const alone = createWindows();
  let awayUntil = 0;

  const limitsOf = (
    { userId, organisationId, authority }: Pick<Caller, 'userId' | 'organisationId' | 'authority'>,
    count: Count,
  ) => {
    const ofShields = { key: `${instance}:rate:shields:${userId}`, perMinute: rateLimits.user };
    const ofSearches: Limit[] = [
      { key: `${instance}:rate:user:${userId}`, perMinute: rateLimits.user },
      {
        key: `${instance}:rate:organisation:${organisationId ?? authority ?? 'none'}`,
        perMinute: rateLimits.organisation,
      },
    ];
    return (count === 'shields' ? [ofShields] : ofSearches).filter(({ perMinute }) => perMinute > 0);
  };

  async function together(limits: Limit[]): Promise<number> {
    const keys = limits.map(({ key }) => key);
    const most = limits.map(({ perMinute }) => perMinute);
    return Number(await redis.eval(TAKE, keys.length, ...keys, WINDOW_MS, ...most));
  }

  async function waitFor(limits: Limit[]): Promise<number> {
    if (Date.now() >= awayUntil) {
      try {
        const wait = await together(limits);
        if (awayUntil > 0) log.info('rate limits are counted in Redis again');
        awayUntil = 0;
        return wait;
      } catch (error) {
        if (awayUntil === 0) log.warn({ err: error }, 'rate limits are counted by this process alone: Redis is away');
        awayUntil = Date.now() + AWAY_MS;
      }
    }
    return alone.take(limits.map(({ key, perMinute }) => ({ key, perMinute: Math.ceil(perMinute / SHARE) })));
  }

  return {
    async open() {
      let timer: NodeJS.Timeout | undefined;
      const soon = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, PATIENCE_MS);
      });
      await Promise.race([redis.connect().catch(() => undefined), soon]);
      clearTimeout(timer);
    },
    async take(caller, count) {
      const wait = await waitFor(limitsOf(caller, count));
      return wait > 0 ? Math.ceil(wait / 1_000) : undefined;
    },
    close() {
      redis.disconnect();
    },
  };
}

/** The same counting in this process. */
function createWindows() {
  const windows = new Map<string, { count: number; endsAt: number }>();
  return {
    /** @returns milliseconds to wait, or 0 */
    take(limits: Limit[]): number {
      const now = Date.now();
      if (windows.size > MOST_WINDOWS) for (const [key, { endsAt }] of windows) if (endsAt <= now) windows.delete(key);
      const open = limits.map(({ key, perMinute }) => {
        const known = windows.get(key);
        const window = known && known.endsAt > now ? known : { count: 0, endsAt: now + WINDOW_MS };
        windows.set(key, window);
        return { window, perMinute };
      });
      const full = open.filter(({ window, perMinute }) => window.count >= perMinute);
      if (full.length > 0) return Math.max(...full.map(({ window }) => window.endsAt - now));
      for (const { window } of open) window.count += 1;
      return 0;
    },
  };
}
