import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@elastic/elasticsearch';
import { Redis } from 'ioredis';
import type pg from 'pg';
import { readAlias, writeAlias } from '../../../src/search/aliases.js';
import type { ServiceName } from '../../../stack/stack.js';
import type { PrivateStack } from '../../helpers/private-stack.js';
import { until } from '../../helpers/wait.js';
import { findLeader, type TrialProcess } from './processes.js';

/** Everything that can be struck. */
export interface Site {
  stack: PrivateStack;
  apis: TrialProcess[];
  workers: TrialProcess[];
  pool: pg.Pool;
  elasticsearch: Client;
  instance: string;
  /** How long what stands still, or refuses, does so. */
  holdSeconds: number;
  /** A number from 0 to 1, to choose by. */
  random(): number;
}

/** Strikes; resolves when what was struck has come back. */
type Fault = (site: Site) => Promise<void>;

export const faults = {
  'worker killed': ({ workers, random }) => restarted(oneOf(workers, random)),
  'API killed': ({ apis, random }) => restarted(oneOf(apis, random)),
  'leading relay killed': async (site) => restarted(await leaderOf(site)),
  'Elasticsearch killed': ({ stack }) => serviceRestarted(stack, 'elasticsearch'),
  'Redis killed': ({ stack }) => serviceRestarted(stack, 'redis'),
  'PostgreSQL killed': ({ stack }) => serviceRestarted(stack, 'postgres'),
  'Redis wiped': async ({ stack }) => {
    const redis = new Redis(stack.urls.REDIS_URL);
    await redis.flushall();
    redis.disconnect();
  },
  'index deleted': async (site) => {
    await site.elasticsearch.indices.delete({ index: await indexOf(site) });
    // Back is what has been made anew, as searches see it.
    await until(() => site.elasticsearch.indices.existsAlias({ name: readAlias(site.instance) }), { seconds: 300 });
  },
  'index read-only': async (site) => {
    const index = await indexOf(site);
    const block = (value: true | null) =>
      site.elasticsearch.indices.putSettings({ index, settings: { 'index.blocks.read_only_allow_delete': value } });
    await block(true);
    await delay(site.holdSeconds * 1_000);
    await block(null);
  },
  'worker stands still': (site) => stoodStill(site, oneOf(site.workers, site.random)),
  'leading relay stands still': async (site) => stoodStill(site, await leaderOf(site)),
  'API stands still': (site) => stoodStill(site, oneOf(site.apis, site.random)),
  'Elasticsearch stands still': (site) => serviceStoodStill(site, 'elasticsearch'),
  'Redis stands still': (site) => serviceStoodStill(site, 'redis'),
  'PostgreSQL stands still': (site) => serviceStoodStill(site, 'postgres'),
} satisfies Record<string, Fault>;

export type FaultName = keyof typeof faults;
export const faultNames = Object.keys(faults) as FaultName[];

async function restarted(struck: TrialProcess): Promise<void> {
  await struck.kill();
  await struck.start();
}

async function serviceRestarted(stack: PrivateStack, name: ServiceName): Promise<void> {
  await stack.kill(name);
  await stack.restart(name);
}

async function stoodStill({ holdSeconds }: Site, struck: TrialProcess): Promise<void> {
  struck.pause();
  await delay(holdSeconds * 1_000);
  struck.goOn();
}

async function serviceStoodStill({ stack, holdSeconds }: Site, name: ServiceName): Promise<void> {
  stack.pause(name);
  await delay(holdSeconds * 1_000);
  stack.resume(name);
}

function oneOf<T>(some: readonly T[], random: () => number): T {
  return some[Math.floor(random() * some.length)] as T;
}

/** @throws when none leads for ten seconds */
function leaderOf({ pool, workers }: Site): Promise<TrialProcess> {
  return until(() => findLeader(pool, workers));
}

async function indexOf({ elasticsearch, instance }: Site): Promise<string> {
  const [name] = Object.keys(await elasticsearch.indices.getAlias({ name: writeAlias(instance) }));
  if (!name) throw new Error('there is no index');
  return name;
}
