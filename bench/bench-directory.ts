import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Client } from '@elastic/elasticsearch';
import pg from 'pg';
import { runDirectory, startDirectory } from '../src/cli/processes.js';
import { readConfig } from '../src/config.js';
import { resolveServices } from '../src/service-urls.js';

/** A directory of its own for a bench: API and worker in processes of theirs, as in production. */
export interface BenchDirectory {
  url: string;
  env: NodeJS.ProcessEnv;
  folder: string;
  /** An access token of a new account. */
  token(role: string, authority: string): Promise<string>;
  close(): Promise<void>;
}

/** Uses the running stack. @param children how many generated children are loaded */
export async function openBenchDirectory(children: number): Promise<BenchDirectory> {
  const instance = `bench_${process.pid}`;
  const config = readConfig({ ...process.env, DIRECTORY_INSTANCE: instance });
  const urls = resolveServices(config);
  const folder = mkdtempSync(path.join(os.tmpdir(), 'directory-bench-'));
  const env = {
    DIRECTORY_INSTANCE: instance,
    DATABASE_URL: urls.databaseUrl,
    REDIS_URL: urls.redisUrl,
    ELASTICSEARCH_URL: urls.elasticsearchUrl,
    LOG_LEVEL: 'warn',
  };
  await runDirectory(['migrate'], env);
  if (children > 0) {
    const feed = path.join(folder, 'children.csv');
    await runDirectory(['generate', '--children', String(children), '--seed', '1', '--out', feed], env);
    process.stderr.write(await runDirectory(['import', '--source', 'bench', '--initial', feed], env));
  }
  const worker = await startDirectory(['work'], env, path.join(folder, 'worker.log'), /^working/);
  const api = await startDirectory(['serve', '--port', '0'], env, path.join(folder, 'api.log'), /^listening on/);
  let accounts = 0;
  return {
    url: api.line.replace('listening on ', ''),
    env,
    folder,
    async token(role, authority) {
      accounts += 1;
      const username = `bench-${role}-${accounts}`;
      await runDirectory(['user', 'add', '--username', username, '--role', role, '--authority', authority], env);
      return (await runDirectory(['token', '--username', username, '--minutes', '60'], env)).trim();
    },
    async close() {
      await api.stop();
      await worker.stop();
      await drop(urls.databaseUrl, urls.elasticsearchUrl, instance);
      rmSync(folder, { recursive: true, force: true });
    },
  };
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
