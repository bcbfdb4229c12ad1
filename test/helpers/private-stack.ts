import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readConfig } from '../../src/config.js';
import {
  ensureStack,
  type NodeCount,
  type ServiceName,
  type ServiceUrls,
  stackStatus,
  stopStack,
} from '../../stack/stack.js';
import { until } from './wait.js';

/** PostgreSQL, Redis and Elasticsearch for one test file alone, to be killed at will. */
export interface PrivateStack {
  /** Its folder. */
  home: string;
  /** Stay the same, whatever is killed and restarted. Also an environment for `openDirectory`. */
  urls: ServiceUrls & NodeJS.ProcessEnv;
  /** SIGKILL; returns when the process is gone. */
  kill(name: ServiceName): Promise<void>;
  /** Starts again what was killed, with its data, and returns when it answers. */
  restart(name: ServiceName): Promise<void>;
  /** Its processes stop where they are: connections stay open and nothing answers. */
  pause(name: ServiceName): void;
  resume(name: ServiceName): void;
}

/** Where what was opened is closed at the end; a test is one. */
export interface Teardown {
  teardown(work: () => unknown): void;
}

/** Takes half a minute, most of it Elasticsearch's: name the services if not all are needed. Programs are those downloaded for the stack that the tests run under. */
export async function openPrivateStack(
  t: Teardown,
  services?: ServiceName[],
  nodes: NodeCount = 1,
): Promise<PrivateStack> {
  const home = mkdtempSync(path.join(tmpdir(), 'directory-faults-'));
  // The services run under an account of their own, which has to get in.
  chmodSync(home, 0o755);
  const options = {
    home,
    database: 'directory',
    downloads: path.join(readConfig().home, 'downloads'),
    elasticsearchHeapMb: 512,
    elasticsearchStartsQuickly: true,
    elasticsearchNodes: nodes,
  };
  const paused = new Set<ServiceName>();
  const signal = (name: ServiceName, kind: NodeJS.Signals) => {
    const pid = stackStatus(options).services[name]?.pid ?? null;
    if (pid === null) throw new Error(`${name} does not run`);
    for (const one of kind === 'SIGKILL' ? [pid] : [pid, ...childrenOf(pid)]) process.kill(one, kind);
    return pid;
  };
  const resume = (name: ServiceName) => {
    signal(name, 'SIGCONT');
    paused.delete(name);
  };
  // Where the file dies of an error there is no teardown, and the servers would live on.
  const abandon = () => {
    for (const { pid } of Object.values(stackStatus(options).services)) if (pid !== null) process.kill(pid, 'SIGKILL');
  };
  process.once('exit', abandon);
  t.teardown(async () => {
    for (const name of paused) resume(name);
    await stopStack(home);
    rmSync(home, { recursive: true, force: true });
    process.off('exit', abandon);
  });
  const { urls } = await ensureStack(options, services);
  return {
    home,
    urls: { ...urls },
    async kill(name) {
      const pid = signal(name, 'SIGKILL');
      await until(() => stackStatus(options).services[name]?.pid !== pid);
    },
    async restart(name) {
      await ensureStack(options, [name]);
    },
    pause(name) {
      paused.add(name);
      signal(name, 'SIGSTOP');
    },
    resume,
  };
}

/** PostgreSQL has a process for each connection; Linux alone lists them (proc(5)). */
function childrenOf(pid: number): number[] {
  const listed = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return listed.split(' ').filter(Boolean).map(Number);
}
