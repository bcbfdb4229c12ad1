import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { readConfig } from '../../src/config.js';
import { choosePorts } from '../../stack/ports.js';
import { redisProgram } from '../../stack/redis-programs.js';
import type { Teardown } from './private-stack.js';
import { until } from './wait.js';

const NAME = 'directory';
const PASSWORD = 'of the servers';
const SENTINEL_PASSWORD = 'of the sentinel';

/** A primary with a replica, and a sentinel that makes the one of the other within seconds. */
export interface SentinelRedis {
  /** Names, before the sentinel, another that is not there. */
  url: string;
  /** Returns when the replica has all that the primary was told until now. */
  replicated(): Promise<void>;
  /** SIGKILL or SIGSTOP of the primary, whichever that is. */
  strike(signal: 'SIGKILL' | 'SIGSTOP'): Promise<void>;
  /** Returns when the sentinel has found another primary than that which was struck. */
  failedOver(): Promise<void>;
  /** Starts what was struck again, as the replica of the primary that there is now. */
  replace(): Promise<void>;
}

export async function openSentinelRedis(t: Teardown): Promise<SentinelRedis> {
  const folder = mkdtempSync(path.join(tmpdir(), 'directory-sentinel-'));
  const running = new Map<number, ChildProcess>();
  const killAll = () => running.forEach((server) => void server.kill('SIGKILL'));
  // Where the file dies of an error there is no teardown.
  process.once('exit', killAll);
  t.teardown(async () => {
    const ended = [...running.values()].filter(lives).map((server) => once(server, 'exit'));
    killAll();
    await Promise.all(ended);
    rmSync(folder, { recursive: true, force: true });
    process.off('exit', killAll);
  });
  const context = { home: folder, downloads: path.join(readConfig().home, 'downloads'), env: process.env };
  const rest = {
    user: undefined,
    ports: {},
    database: '',
    elasticsearchHeapMb: 0,
    elasticsearchNodes: 1,
    elasticsearchStartsQuickly: false,
  };
  const progress = () => undefined;
  const program = await redisProgram({ ...context, ...rest, progress });
  const names = ['one', 'other', 'sentinel'];
  const file = path.join(folder, 'ports.json');
  const ports = await choosePorts({ file, names, inUse: false, patienceMs: 0, progress });
  const [one, other, sentinel] = names.map((name) => ports[name] as number) as [number, number, number];

  const clients: Redis[] = [];
  t.teardown(() => clients.forEach((client) => void client.disconnect()));
  const clientOf = (port: number, password = PASSWORD) => {
    const client = new Redis({
      port,
      password,
      maxRetriesPerRequest: 2,
      retryStrategy: () => 100,
      commandTimeout: 1_000,
    });
    client.on('error', () => undefined);
    clients.push(client);
    return client;
  };
  const launch = (port: number, args: string[]) => {
    running.set(port, spawn(program, args, { cwd: folder, stdio: 'ignore' }));
  };
  const launchServer = (port: number, primary?: number) => {
    const settings = {
      port,
      bind: '127.0.0.1',
      requirepass: PASSWORD,
      masterauth: PASSWORD,
      save: '',
      dbfilename: `${port}.rdb`,
      'maxmemory-policy': 'noeviction',
      'repl-diskless-sync': 'yes',
      'repl-diskless-sync-delay': 0,
      ...(primary === undefined ? {} : { replicaof: `127.0.0.1 ${primary}` }),
    };
    const file = path.join(folder, `${port}.conf`);
    writeFileSync(file, linesOf(settings));
    launch(port, [file]);
  };
  const replicates = async (port: number) =>
    until(async () => /^master_link_status:up/m.test(await clientOfReplica(port).info('replication')), { seconds: 15 });
  const replicaClients = new Map<number, Redis>();
  const clientOfReplica = (port: number) => {
    const known = replicaClients.get(port) ?? clientOf(port);
    replicaClients.set(port, known);
    return known;
  };

  launchServer(one);
  launchServer(other, one);
  await replicates(other);
  const file2 = path.join(folder, 'sentinel.conf');
  writeFileSync(
    file2,
    `port ${sentinel}\nbind 127.0.0.1\nrequirepass "${SENTINEL_PASSWORD}"\nsentinel monitor ${NAME} 127.0.0.1 ${one} 1\n` +
      `sentinel auth-pass ${NAME} "${PASSWORD}"\nsentinel down-after-milliseconds ${NAME} 1000\nsentinel failover-timeout ${NAME} 2000\n`,
  );
  launch(sentinel, [file2, '--sentinel']);
  const asked = clientOf(sentinel, SENTINEL_PASSWORD);
  /** The sentinel knows of a replica that could take over. */
  const knowsReplica = () =>
    until(
      async () => {
        const replicas = (await asked.call('SENTINEL', 'replicas', NAME)) as string[][];
        return replicas.some((fields) => {
          const of = (name: string) => fields[fields.indexOf(name) + 1];
          return of('flags') === 'slave' && of('master-link-status') === 'ok';
        });
      },
      { seconds: 20 },
    );
  await knowsReplica();

  let primary = one;
  const standby = () => (primary === one ? other : one);
  return {
    url:
      `redis+sentinel://:${encodeURIComponent(PASSWORD)}@127.0.0.1:9,127.0.0.1:${sentinel}/${NAME}` +
      `?sentinelPassword=${encodeURIComponent(SENTINEL_PASSWORD)}`,
    async replicated() {
      const client = clientOf(primary);
      const offset = async (port: number) =>
        Number(
          /^(?:slave_repl_offset|master_repl_offset):(\d+)/m.exec(await clientOfReplica(port).info('replication'))?.[1],
        );
      const told = Number(/^master_repl_offset:(\d+)/m.exec(await client.info('replication'))?.[1]);
      await until(async () => (await offset(standby())) >= told);
    },
    async strike(signal) {
      const server = running.get(primary) as ChildProcess;
      const ended = signal === 'SIGKILL' ? once(server, 'exit') : undefined;
      server.kill(signal);
      await ended;
    },
    async failedOver() {
      await until(
        async () => {
          const address = (await asked.call('SENTINEL', 'get-master-addr-by-name', NAME)) as [string, string];
          return Number(address[1]) === standby();
        },
        { seconds: 20 },
      );
      primary = standby();
    },
    async replace() {
      const port = standby();
      const server = running.get(port) as ChildProcess;
      if (lives(server)) {
        server.kill('SIGKILL');
        await once(server, 'exit');
      }
      launchServer(port, primary);
      await replicates(port);
      await knowsReplica();
    },
  };
}

function lives(server: ChildProcess): boolean {
  return server.exitCode === null && server.signalCode === null;
}

function linesOf(settings: Record<string, string | number>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} ${name === 'replicaof' ? value : JSON.stringify(String(value))}\n`)
    .join('');
}
