import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import type { Client } from '@elastic/elasticsearch';
import type pg from 'pg';
import { projectRoot } from '../src/config.js';

/** What the figures depend on beside the code. */
export interface Machine {
  cores: number;
  processor: string;
  memoryMb: number;
  /** Processes that wanted to run in the last minute of the bench, its own among them. */
  load: number;
  node: string;
  postgres: string;
  elasticsearch: string;
}

export async function describeMachine(pool: pg.Pool, elasticsearch: Client): Promise<Machine> {
  const { rows } = await pool.query<{ server_version: string }>('show server_version');
  const { nodes } = await elasticsearch.nodes.info();
  return {
    cores: os.cpus().length,
    processor: os.cpus()[0]?.model.trim() ?? '',
    memoryMb: Math.round(os.totalmem() / 2 ** 20),
    load: Math.round((os.loadavg()[0] ?? 0) * 10) / 10,
    node: process.versions.node,
    postgres: rows[0]?.server_version.split(' ')[0] ?? '',
    elasticsearch: Object.values(nodes)[0]?.version ?? '',
  };
}

export interface Memory {
  /** Resident memory of the API process, now and at most; null where the system does not say. */
  apiMb: number | null;
  apiPeakMb: number | null;
  elasticsearchHeapMb: number;
  elasticsearchHeapLimitMb: number;
}

export async function measureMemory(apiPid: number, elasticsearch: Client): Promise<Memory> {
  const { nodes } = await elasticsearch.nodes.stats({ metric: 'jvm' });
  const heaps = Object.values(nodes).map((node) => node.jvm?.mem);
  const inMb = (bytes: number) => Math.round(bytes / 2 ** 20);
  return {
    apiMb: residentMb(apiPid, 'VmRSS'),
    apiPeakMb: residentMb(apiPid, 'VmHWM'),
    elasticsearchHeapMb: inMb(heaps.reduce((sum, heap) => sum + (heap?.heap_used_in_bytes ?? 0), 0)),
    elasticsearchHeapLimitMb: inMb(heaps.reduce((sum, heap) => sum + (heap?.heap_max_in_bytes ?? 0), 0)),
  };
}

function residentMb(pid: number, line: 'VmRSS' | 'VmHWM'): number | null {
  try {
    const kilobytes = new RegExp(`^${line}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return kilobytes && Math.round(Number(kilobytes[1]) / 1024);
  } catch {
    return null;
  }
}

/** The commit that is measured, with a plus where files have changed since; null outside a repository. */
export function currentCommit(): string | null {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: projectRoot, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') ? '+' : '');
  } catch {
    return null;
  }
}
