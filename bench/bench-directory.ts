import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Client } from '@elastic/elasticsearch';
import pg from 'pg';
import { runDirectory, startDirectory } from '../src/cli/processes.js';
import { readConfig } from '../src/config.js';
import { migrateToLatest } from '../src/db/migrate.js';
import { CommandError } from '../src/errors.js';
import { resolveServices, type ServiceUrls } from '../src/service-urls.js';
import { todayInEngland } from '../src/services/child-age.js';
import { keep, openKept, recall } from './kept.js';

export interface BenchOptions {
  /** How many generated children are loaded. */
  children: number;
  seed?: number;
  /** Day on which all of them are under 18; today by default. */
  asOf?: string;
  /** A directory by name, which is kept: where it holds that many children already, nothing is loaded. */
  instance?: string;
  /** Leave a nameless directory behind as well. */
  keep?: boolean;
  /** Settings of API and worker beside those that every bench has. */
  env?: NodeJS.ProcessEnv;
  say?: (line: string) => void;
}

/** What the load of a directory took, as `directory import` tells it. */
export interface LoadFacts {
  children: number;
  seed: number;
  asOf: string;
  /** Null where the children were loaded by somebody else. */
  measured: { seconds: number; perSecond: number; peakMb: number } | null;
}

/** A directory of its own for a bench: API and worker in processes of theirs, as in production. */
export interface BenchDirectory {
  instance: string;
  url: string;
  urls: ServiceUrls;
  env: NodeJS.ProcessEnv;
  folder: string;
  load: LoadFacts;
  /** Process id of the API. */
  apiPid: number;
  /** Process id of the worker. */
  workerPid: number;
  /** From here on the index hears of nothing. */
  stopWorker(): Promise<void>;
  /** An access token of an account that is made for it once. */
  token(role: string, authority: string): Promise<string>;
  close(): Promise<void>;
}

/** Uses the running stack. */
export async function openBenchDirectory(options: BenchOptions): Promise<BenchDirectory> {
  const instance = options.instance ?? `bench_${process.pid}`;
  const isKept = options.instance !== undefined || (options.keep ?? false);
  const config = readConfig({ ...process.env, DIRECTORY_INSTANCE: instance });
  const urls = resolveServices(config);
  const folder = mkdtempSync(path.join(os.tmpdir(), 'directory-bench-'));
  const env = {
    DIRECTORY_INSTANCE: instance,
    DATABASE_URL: urls.databaseUrl,
    REDIS_URL: urls.redisUrl,
    ELASTICSEARCH_URL: urls.elasticsearchUrl,
    LOG_LEVEL: 'warn',
    // One account asks everything.
    RATE_LIMIT_SEARCHES_PER_MINUTE: '0',
    RATE_LIMIT_ORGANISATION_PER_MINUTE: '0',
    AUDIT_ALERT_EMPTY_SEARCHES: '0',
    AUDIT_ALERT_CHILDREN: '0',
    AUDIT_ALERT_CHILDREN_SHOWN: '0',
    AUDIT_HEADS_FILE: path.join(folder, 'audit-heads.ndjson'),
    ...(isKept ? {} : { PROTECTION_JOURNAL_FILE: path.join(folder, 'protection-journal.ndjson') }),
    ...options.env,
  };
  const running: { stop(): Promise<void> }[] = [];
  const close = async () => {
    await Promise.all(running.map((started) => started.stop()));
    if (!isKept) await drop(urls.databaseUrl, urls.elasticsearchUrl, instance);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await migrateToLatest(urls.databaseUrl);
    const load = await loadOnce(options, urls.databaseUrl, env, folder);
    const start = async (args: string[], ready: RegExp) => {
      const started = await startDirectory(args, env, path.join(folder, `${args[0]}.log`), ready);
      running.push(started);
      return started;
    };
    const working = start(['work'], /^working/);
    // Waited for below, so that neither is left behind when the other does not start.
    working.catch(() => undefined);
    const api = await start(['serve', '--port', '0'], /^listening on/).finally(() => working.catch(() => undefined));
    const worker = await working;
    return {
      instance,
      url: api.line.replace('listening on ', ''),
      urls,
      env,
      folder,
      load,
      apiPid: api.pid,
      workerPid: worker.pid,
      stopWorker: () => worker.stop(),
      async token(role, authority) {
        const username = `bench-${role}`;
        if (!(await hasUser(urls.databaseUrl, username)))
          await runDirectory(['user', 'add', '--username', username, '--role', role, '--authority', authority], env);
        return (await runDirectory(['token', '--username', username, '--minutes', '60'], env)).trim();
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** @throws CommandError where the directory holds other children than those asked for */
async function loadOnce(
  options: BenchOptions,
  databaseUrl: string,
  env: NodeJS.ProcessEnv,
  folder: string,
): Promise<LoadFacts> {
  const { children, seed = 1, asOf = todayInEngland(), say } = options;
  const pool = await openKept(databaseUrl);
  try {
    const loaded = (await recall<LoadFacts>(pool, 'load')) ?? (await loadedByOthers(pool, seed, asOf));
    if (loaded) {
      const sameSeed = options.seed === undefined || loaded.seed === options.seed;
      // Of a feed some days old, a few have come of age before it was loaded.
      if (sameSeed && loaded.children <= children && loaded.children >= children * 0.999) return loaded;
      throw new CommandError(
        `This directory holds ${loaded.children} children of seed ${loaded.seed}: give another --instance`,
      );
    }
    if (children === 0) return { children, seed, asOf, measured: null };
    const feed = path.join(folder, 'children.csv');
    say?.(`making ${children} children`);
    const size = ['--children', String(children), '--seed', String(seed), '--as-of', asOf];
    await runDirectory(['generate', ...size, '--out', feed], env);
    say?.(`loading ${children} children`);
    const counts = JSON.parse(await runDirectory(['import', '--source', 'bench', '--initial', '--json', feed], env));
    rmSync(feed);
    const { seconds, perSecond, peakMb } = counts as NonNullable<LoadFacts['measured']>;
    say?.(`loaded in ${seconds} s, ${perSecond} a second, at most ${peakMb} MB`);
    const load = { children, seed, asOf, measured: { seconds, perSecond, peakMb } };
    await keep(pool, 'load', load);
    return load;
  } finally {
    await pool.end();
  }
}

async function loadedByOthers(pool: pg.Pool, seed: number, asOf: string): Promise<LoadFacts | undefined> {
  const { rows } = await pool.query<{ children: string }>(
    'select count(*) as children from children where archived_at is null',
  );
  const children = Number(rows[0]?.children);
  return children === 0 ? undefined : { children, seed, asOf, measured: null };
}

async function hasUser(databaseUrl: string, username: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query('select from users where username = $1', [username])).rowCount === 1;
  } finally {
    await client.end();
  }
}

async function drop(databaseUrl: string, elasticsearchUrl: string, instance: string): Promise<void> {
  const elasticsearch = new Client({ node: elasticsearchUrl });
  const indices = Object.keys(await elasticsearch.indices.get({ index: `${instance}-*`, allow_no_indices: true }));
  if (indices.length > 0) await elasticsearch.indices.delete({ index: indices });
  await elasticsearch.close();
  const url = new URL(databaseUrl);
  url.pathname = '/postgres';
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  await client.query(`drop database if exists ${instance} with (force)`);
  await client.end();
}

/** The value below which `share` of the values lie. */
export function percentile(values: number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}
