import { Redis, type RedisOptions } from 'ioredis';

/** `redis+sentinel://user:password@host:port,host:port/name/database`, with TLS `rediss+sentinel://`. */
const sentinelUrl = /^(rediss?)\+sentinel:\/\/(?:([^@/?]*)@)?([^@/?]+)\/([^/?]+)(?:\/(\d+))?(?:\?(.*))?$/;
const SENTINEL_PORT = 26_379;
const LONGEST_ANSWER_MS = 2_000;
const LONGEST_PAUSE_MS = 1_000;

/**
 * A client of the one server that the URL names; or of whichever the sentinels say is the primary, now and after each
 * fail-over.
 */
export function openRedis(redisUrl: string, options: RedisOptions): Redis {
  const sentinels = sentinelsOf(redisUrl);
  const redis = sentinels ? new Redis({ ...sentinels, ...options }) : new Redis(redisUrl, options);
  // Reconnecting is the client's own work; without a listener each lost connection would be printed.
  redis.on('error', () => undefined);
  return redis;
}

/** @returns undefined of a URL that names a server itself */
export function sentinelsOf(redisUrl: string): RedisOptions | undefined {
  const parts = sentinelUrl.exec(redisUrl);
  if (!parts) return undefined;
  const [, protocol, account = '', hosts = '', name = '', database = '0', query = ''] = parts;
  const [username = '', password = ''] = account.split(':').map(decodeURIComponent);
  const more = new URLSearchParams(query);
  const given = {
    username,
    password,
    sentinelUsername: more.get('sentinelUsername') ?? '',
    sentinelPassword: more.get('sentinelPassword') ?? '',
  };
  return {
    name: decodeURIComponent(name),
    sentinels: hosts.split(',').map(addressOf),
    db: Number(database),
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== '')),
    ...(protocol === 'rediss' ? { tls: {}, sentinelTLS: {}, enableTLSForSentinelMode: true } : {}),
    sentinelCommandTimeout: LONGEST_ANSWER_MS,
    sentinelRetryStrategy: (times) => Math.min(times * 100, LONGEST_PAUSE_MS),
    // A primary that stands still closes nothing: that another has taken its place only the sentinels tell.
    failoverDetector: true,
  };
}

function addressOf(address: string): { host: string; port: number } {
  const [, bracketed, plain, port] = /^(?:\[(.+)\]|([^:]*))(?::(\d+))?$/.exec(address) ?? [];
  return { host: bracketed ?? plain ?? address, port: Number(port ?? SENTINEL_PORT) };
}
