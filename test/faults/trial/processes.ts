import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import type pg from 'pg';
import { type DirectoryProcess, startDirectory } from '../../../src/cli/processes.js';

/** An API or a worker that is killed and comes back, stands still and goes on. */
export interface TrialProcess {
  pid(): number;
  /** Of an API; the same after each start. */
  url: string;
  kill(): Promise<void>;
  start(): Promise<void>;
  pause(): void;
  goOn(): void;
  /** Whether it was gone, or stood still, at some time since. */
  wasAway(since: number): boolean;
  end(): Promise<void>;
}

export async function startProcess(
  kind: 'serve' | 'work',
  env: NodeJS.ProcessEnv,
  logFile: string,
): Promise<TrialProcess> {
  let running: DirectoryProcess;
  let url = '';
  let away = false;
  let paused = false;
  let lastAway = Number.NEGATIVE_INFINITY;
  const goes = (yes: boolean) => {
    away = !yes;
    lastAway = performance.now();
  };
  const start = async () => {
    const port = url === '' ? '0' : new URL(url).port;
    const args = kind === 'serve' ? ['serve', '--port', port] : ['work'];
    const started = await startDirectory(args, env, logFile, kind === 'serve' ? /^listening on/ : /^working/);
    running = started;
    if (kind === 'serve') url = started.line.replace('listening on ', '');
    goes(true);
  };
  const signal = (name: NodeJS.Signals) => process.kill(running.pid, name);
  await start();
  return {
    pid: () => running.pid,
    get url() {
      return url;
    },
    async kill() {
      goes(false);
      signal('SIGKILL');
      // Its end is waited for, and nothing is sent to what has ended.
      await running.stop();
    },
    start,
    pause() {
      goes(false);
      paused = true;
      signal('SIGSTOP');
    },
    goOn() {
      signal('SIGCONT');
      paused = false;
      goes(true);
    },
    wasAway: (since) => away || lastAway >= since,
    async end() {
      // One that stands still would not hear that it is to end.
      if (paused) signal('SIGCONT');
      await running.stop();
    },
  };
}

/** The process whose relay holds the lock, found by the port of its connection (Linux: proc(5)). */
export async function findLeader(pool: pg.Pool, processes: readonly TrialProcess[]): Promise<TrialProcess | undefined> {
  const { rows } = await pool.query<{ port: number }>(
    `select a.client_port as port from pg_stat_activity a join pg_locks l using (pid)
     where a.application_name = 'directory-relay' and l.locktype = 'advisory' and l.granted
       and a.datname = current_database()`,
  );
  const sockets = readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1);
  const inodes = rows.flatMap(({ port }) => {
    const hex = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
    return sockets.map((line) => line.trim().split(/\s+/)).flatMap((f) => (f[1]?.endsWith(hex) ? [f[9]] : []));
  });
  return processes.find((one) => {
    const folder = `/proc/${one.pid()}/fd`;
    return readdirSync(folder).some((name) => {
      try {
        return inodes.some((inode) => readlinkSync(path.join(folder, name)) === `socket:[${inode}]`);
      } catch {
        return false;
      }
    });
  });
}
