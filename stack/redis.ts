import { chownSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Redis } from 'ioredis';
import { makeFolder } from './home.js';
import type { Ports } from './ports.js';
import { launch, serverPid, stopLaunched, stopServer, untilReady } from './processes.js';
import { redisProgram } from './redis-programs.js';
import { makeSecret, readSecret } from './secrets.js';
import type { EmbeddedService, StackContext } from './service.js';

const label = 'Redis';

export const redis: EmbeddedService = { label, portNames: ['redis'], pid, start, ready, stop, url };

const folderOf = (home: string) => path.join(home, 'redis');
const settingsOf = (home: string) => path.join(home, 'redis', 'redis.conf');
const logOf = (home: string) => path.join(home, 'redis', 'redis.log');

function pid(home: string): number | undefined {
  return serverPid(path.join(folderOf(home), 'redis.pid'), settingsOf(home));
}

function url(home: string, ports: Ports): string {
  return `redis://:${readSecret(home, 'redis')}@127.0.0.1:${ports.redis}`;
}

async function start(context: StackContext): Promise<void> {
  const program = await redisProgram(context);
  makeFolder(folderOf(context.home), { user: context.user });
  writeSettings(context);
  context.progress(`starting Redis on port ${context.ports.redis}`);
  const launched = launch(program, [settingsOf(context.home)], {
    cwd: folderOf(context.home),
    env: { LC_ALL: 'C' },
    logFile: logOf(context.home),
    user: context.user,
  });
  try {
    await answers(context, () => launched.ended());
  } catch (error) {
    await stopLaunched(label, launched, signals);
    throw error;
  }
}

function writeSettings(context: StackContext): void {
  const folder = folderOf(context.home);
  const settings = {
    bind: '127.0.0.1',
    port: context.ports.redis,
    requirepass: makeSecret(context.home, 'redis'),
    daemonize: 'no',
    dir: JSON.stringify(folder),
    pidfile: JSON.stringify(path.join(folder, 'redis.pid')),
    // The command line names the settings file, by which the server is recognised: it must stay as it is.
    'set-proc-title': 'no',
    // A queue must never lose a job to make room, nor to a crash.
    'maxmemory-policy': 'noeviction',
    appendonly: 'yes',
    save: '""',
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} ${value}`);
  writeFileSync(settingsOf(context.home), `${lines.join('\n')}\n`, { mode: 0o600 });
  if (context.user) chownSync(settingsOf(context.home), context.user.uid, context.user.gid);
}

async function ready(context: StackContext): Promise<void> {
  await answers(context, () => (pid(context.home) === undefined ? 'no process' : undefined));
}

async function answers(context: StackContext, ended: () => string | undefined): Promise<void> {
  const serverUrl = url(context.home, context.ports);
  await untilReady(() => pongs(serverUrl), ended, {
    label,
    logFiles: [logOf(context.home)],
    timeoutSeconds: 120,
    progress: context.progress,
    signal: context.signal,
  });
}

async function pongs(serverUrl: string): Promise<boolean> {
  const client = new Redis(serverUrl, { lazyConnect: true, retryStrategy: () => null, connectTimeout: 3000 });
  client.on('error', () => {});
  try {
    await client.connect();
    return (await client.ping()) === 'PONG';
  } catch {
    return false;
  } finally {
    client.disconnect();
  }
}

const signals: [NodeJS.Signals, number][] = [
  ['SIGTERM', 30],
  ['SIGKILL', 10],
];

function stop(home: string): Promise<boolean> {
  return stopServer(label, pid(home), signals);
}
