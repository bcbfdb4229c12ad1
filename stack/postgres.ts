import { chownSync, existsSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { StackError } from './errors.js';
import { makeFolder } from './home.js';
import type { Ports } from './ports.js';
import { type PostgresPrograms, postgresPrograms } from './postgres-programs.js';
import { commandLine, launch, logTail, serverPid, stopLaunched, stopServer, untilReady } from './processes.js';
import { run } from './run.js';
import { makeSecret, readSecret } from './secrets.js';
import type { EmbeddedService, StackContext } from './service.js';

const label = 'PostgreSQL';
const superuser = 'directory';

export const postgres: EmbeddedService = { label, portNames: ['postgres'], pid, start, ready, stop, url };

const folderOf = (home: string) => path.join(home, 'postgres');
const dataOf = (home: string) => path.join(home, 'postgres', 'data');
const pidFileOf = (home: string) => path.join(dataOf(home), 'postmaster.pid');
const logOf = (home: string) => path.join(home, 'postgres', 'postgres.log');

function pid(home: string): number | undefined {
  return serverPid(pidFileOf(home), dataOf(home));
}

function url(home: string, ports: Ports, database: string): string {
  return `postgres://${superuser}:${readSecret(home, 'postgres')}@127.0.0.1:${ports.postgres}/${database}`;
}

async function start(context: StackContext): Promise<void> {
  const programs = await postgresPrograms(context);
  makeFolder(folderOf(context.home), { user: context.user });
  await initialise(context, programs);
  writeSettings(context);
  removeRecycledPid(context.home);
  context.progress(`starting PostgreSQL ${programs.major} on port ${context.ports.postgres}`);
  await launchServer(context, programs);
}

/** Makes the cluster aside and moves it into place, so that an interrupted initdb is never taken for data. */
async function initialise(context: StackContext, programs: PostgresPrograms): Promise<void> {
  const data = dataOf(context.home);
  if (existsSync(data)) {
    const madeBy = Number(readFileSync(path.join(data, 'PG_VERSION'), 'utf8'));
    if (madeBy === programs.major) return;
    throw new StackError(
      `The data in ${data} is PostgreSQL ${madeBy}'s, and the PostgreSQL here is ${programs.major}.\n` +
        `Move that folder away to begin with an empty database, or set DATABASE_URL to a PostgreSQL ${madeBy}.`,
    );
  }
  context.progress('making the database cluster');
  const partial = `${data}.partial`;
  rmSync(partial, { recursive: true, force: true });
  const passwordFile = path.join(folderOf(context.home), 'password');
  writeOwn(passwordFile, makeSecret(context.home, 'postgres'), context);
  // C.UTF-8 sorts by code point and knows every letter, alike on every machine; from 17 on PostgreSQL brings its own.
  const libc = process.platform === 'darwin' ? 'en_US.UTF-8' : 'C.UTF-8';
  const locale = [
    `--locale=${libc}`,
    ...(programs.major >= 17 ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8'] : []),
  ];
  const ran = await run(
    path.join(programs.folder, 'initdb'),
    ['-D', partial, '-U', superuser, `--pwfile=${passwordFile}`, '--auth=scram-sha-256', '--encoding=UTF8', ...locale],
    { cwd: folderOf(context.home), user: context.user, signal: context.signal },
  ).finally(() => unlinkSync(passwordFile));
  if (ran?.code !== 0) throw new StackError(`initdb failed: ${ran?.output.trim().split('\n').slice(-3).join('\n')}`);
  renameSync(partial, data);
}

function writeSettings(context: StackContext): void {
  const settings = {
    listen_addresses: '127.0.0.1',
    port: context.ports.postgres,
    // TCP alone: a socket's path may be at most 107 characters, and the home may lie deep.
    unix_socket_directories: '',
    max_connections: 200,
    // For a machine of a few cores and gigabytes that also takes bulk loads: few checkpoints, indices built in memory.
    shared_buffers: '512MB',
    effective_cache_size: '2GB',
    work_mem: '16MB',
    maintenance_work_mem: '256MB',
    max_wal_size: '4GB',
    checkpoint_timeout: '15min',
    random_page_cost: 1.1,
    // Audit entries must have reached the disk before an answer leaves.
    synchronous_commit: 'on',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_checkpoints: 'off',
    // A failed statement's text and values are personal data: they stay out of the log.
    log_min_messages: 'log',
    log_min_error_statement: 'panic',
    log_error_verbosity: 'terse',
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'`);
  writeOwn(path.join(dataOf(context.home), 'postgresql.conf'), `${lines.join('\n')}\n`, context);
  writeOwn(path.join(dataOf(context.home), 'pg_hba.conf'), 'host all all 127.0.0.1/32 scram-sha-256\n', context);
}

function writeOwn(file: string, content: string, context: StackContext): void {
  writeFileSync(file, content, { mode: 0o600 });
  if (context.user) chownSync(file, context.user.uid, context.user.gid);
}

/**
 * PostgreSQL itself passes over a dead server's pid file, but refuses to start if the pid has been given to another
 * process of the same account. If that one is a PostgreSQL too, it is left to PostgreSQL to refuse.
 */
function removeRecycledPid(home: string): void {
  const file = pidFileOf(home);
  if (!existsSync(file)) return;
  const owner = commandLine(Number.parseInt(readFileSync(file, 'utf8'), 10));
  if (owner !== '' && !owner.includes('postgres')) unlinkSync(file);
}

async function launchServer(context: StackContext, programs: PostgresPrograms): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const launched = launch(path.join(programs.folder, 'postgres'), ['-D', dataOf(context.home)], {
      cwd: folderOf(context.home),
      env: { LC_ALL: 'C' },
      logFile: logOf(context.home),
      user: context.user,
    });
    try {
      await answers(context, () => launched.ended());
      return;
    } catch (error) {
      await stopLaunched(label, launched, signals);
      // After a SIGKILL the old server's children hold its memory until each notices.
      const held = logTail(logOf(context.home), 10).includes('still in use');
      if (!held || Date.now() > deadline || context.signal?.aborted) throw error;
    }
  }
}

async function ready(context: StackContext): Promise<void> {
  await answers(context, () => (pid(context.home) === undefined ? 'no process' : undefined));
  await createDatabase(url(context.home, context.ports, 'postgres'), context.database);
}

/** Recovery after a SIGKILL in the middle of a bulk load may take minutes. */
async function answers(context: StackContext, ended: () => string | undefined): Promise<void> {
  const serverUrl = url(context.home, context.ports, 'postgres');
  await untilReady(() => accepts(serverUrl), ended, {
    label,
    logFiles: [logOf(context.home)],
    timeoutSeconds: 300,
    progress: context.progress,
    signal: context.signal,
  });
}

async function accepts(serverUrl: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: serverUrl, connectionTimeoutMillis: 3000 });
  // Without a listener, a connection that breaks off would end this process.
  client.on('error', () => {});
  try {
    await client.connect();
    return true;
  } catch (error) {
    if ((error as { code?: string }).code !== '28P01') return false;
    throw new StackError(
      'PostgreSQL refuses the password in the stack folder, secrets/postgres.\n' +
        'Put the right one back, or move the folder postgres away to begin with an empty database.',
    );
  } finally {
    await client.end().catch(() => {});
  }
}

async function createDatabase(serverUrl: string, database: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    const found = await client.query('select 1 from pg_database where datname = $1', [database]);
    if (found.rowCount === 0) await client.query(`create database ${pg.escapeIdentifier(database)}`);
  } finally {
    await client.end();
  }
}

/** SIGTERM would wait for every client to leave: SIGINT ends their sessions, SIGQUIT does not even checkpoint. */
const signals: [NodeJS.Signals, number][] = [
  ['SIGINT', 60],
  ['SIGQUIT', 10],
  ['SIGKILL', 10],
];

function stop(home: string): Promise<boolean> {
  return stopServer(label, pid(home), signals);
}
