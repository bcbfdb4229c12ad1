import { stackStatus } from '../stack/stack.js';
import { type Config, databaseOf } from './config.js';
import { CommandError } from './errors.js';

export interface ServiceUrls {
  databaseUrl: string;
  redisUrl: string;
  elasticsearchUrl: string;
}

const nameOf = {
  databaseUrl: 'PostgreSQL (DATABASE_URL)',
  redisUrl: 'Redis (REDIS_URL)',
  elasticsearchUrl: 'Elasticsearch (ELASTICSEARCH_URL)',
} as const satisfies Record<keyof ServiceUrls, string>;

/**
 * Where PostgreSQL, Redis and Elasticsearch are: as given by the environment, else the running embedded stack.
 * @param needed the services that the caller can't do without; default all
 * @throws CommandError naming what is neither given nor running
 */
export function resolveServices<Name extends keyof ServiceUrls = keyof ServiceUrls>(
  config: Config,
  needed: readonly Name[] = Object.keys(nameOf) as Name[],
): Pick<ServiceUrls, Name> {
  const { services: given } = config;
  if (needed.every((name) => given[name])) return given;
  const { urls: running } = stackStatus({ home: config.home, database: config.instance });
  const urls = {
    databaseUrl: given.databaseUrl || (running.DATABASE_URL && databaseOf(running.DATABASE_URL, config.instance)) || '',
    redisUrl: given.redisUrl || running.REDIS_URL || '',
    elasticsearchUrl: given.elasticsearchUrl || running.ELASTICSEARCH_URL || '',
  };
  const missing = needed.filter((name) => !urls[name]).map((name) => nameOf[name]);
  if (missing.length === 0) return urls;
  throw new CommandError(
    `Not running and not given by the environment: ${missing.join(', ')}.\nStart the embedded stack with: npm run directory -- stack up --detach`,
  );
}
