import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import pg from 'pg';
import t from 'tap';
import { isFree, readPorts } from '../../stack/ports.js';
import { commandLine } from '../../stack/processes.js';
import {
  defaultHome,
  ensureStack,
  type RunningStack,
  type ServiceName,
  type StackOptions,
  stackStatus,
  stopStack,
} from '../../stack/stack.js';

/** A blank in the path, since people's folders have them. Downloads are those of the stack that the tests run under. */
const home = mkdtempSync(path.join(tmpdir(), 'child directory '));
chmodSync(home, 0o755);
const told: string[] = [];
const options: StackOptions = {
  home,
  database: 'directory_of_test',
  downloads: path.join(defaultHome(process.env, path.resolve('.')), 'downloads'),
  elasticsearchHeapMb: 512,
  elasticsearchStartsQuickly: true,
  progress: (line) => told.push(line),
};
const names: ServiceName[] = ['postgres', 'redis', 'elasticsearch'];

t.teardown(async () => {
  await stopStack(home);
  rmSync(home, { recursive: true, force: true });
});

t.test('a service that others supply is passed through and never started', async (t) => {
  const given = {
    DATABASE_URL: 'postgres://db.example/x',
    REDIS_URL: 'redis://queue.example',
    ELASTICSEARCH_URL: 'http://index.example:9200',
  };
  t.same(await ensureStack({ ...options, given }), { urls: given, started: [], pids: {} });
  t.match(stackStatus({ ...options, given }), { urls: given, services: { redis: { state: 'given', pid: null } } });
  t.match(
    stackStatus({ ...options, given: { REDIS_URL: '' } }).services.redis,
    { state: 'stopped' },
    'empty is not given',
  );
});

t.test('a start that fails or is broken off leaves nothing running', async (t) => {
  const env = { ...process.env, ES_JAVA_HOME: '/nowhere' };
  const withoutMaven = { ...options, downloads: path.join(home, 'none'), env: { ...env, PATH: '' } };
  await t.rejects(ensureStack(withoutMaven), { name: 'StackError' });
  t.same(processesOf(home), []);

  const breakOff = new AbortController();
  const reason = new Error('broken off');
  const progress = (line: string) => {
    if (line.startsWith('elasticsearch: starting')) setTimeout(() => breakOff.abort(reason), 1500);
  };
  await t.rejects(ensureStack({ ...options, progress, signal: breakOff.signal }), reason);
  t.same(processesOf(home), []);
});

t.test('the stack starts once, survives SIGKILL on its ports with its data, and stops whole', async (t) => {
  const [one, two] = await Promise.all([ensureStack(options), ensureStack(options)]);
  t.same([...one.started, ...two.started].sort(), [...names].sort(), 'two that ask at once share one start');
  t.same(one.urls, two.urls);
  t.match(stackStatus(options), {
    urls: one.urls,
    services: { postgres: { state: 'running', pid: one.pids.postgres } },
  });

  await write(one.urls);
  for (const name of names) await kill(one, name);
  t.match(stackStatus(options), {
    urls: { DATABASE_URL: null, REDIS_URL: null, ELASTICSEARCH_URL: null },
    services: { postgres: { state: 'stopped' }, redis: { state: 'stopped' }, elasticsearch: { state: 'stopped' } },
  });
  const back = await ensureStack(options);
  t.same(back.urls, one.urls, 'the same ports and passwords');
  t.same(back.started, names);
  await t.resolveMatch(read(back.urls), { postgres: 'kept', redis: 'kept', elasticsearch: 'kept' });

  await kill(back, 'redis');
  const port = readPorts(path.join(home, 'ports.json')).redis ?? 0;
  while (!(await isFree(port))) await sleep(20);
  const stranger = createServer().listen(port, '127.0.0.1');
  await once(stranger, 'listening');
  await t.rejects(ensureStack(options), { name: 'StackError', message: new RegExp(`^Port ${port}, on which redis`) });
  t.equal(stackStatus(options).services.postgres.state, 'running', 'what ran before goes on');
  stranger.close();
  await once(stranger, 'close');
  t.same((await ensureStack(options)).started, ['redis']);

  const busy = new pg.Client({ connectionString: back.urls.DATABASE_URL });
  busy.on('error', () => {});
  await busy.connect();
  // It may yet be answered: a server's children outlive it until they look up from their work.
  const query = busy.query('select count(*) from generate_series(1, 20000000)').catch(() => {});
  process.kill(back.pids.postgres ?? 0, 'SIGKILL');
  const again = await ensureStack(options);
  t.same(again.started, ['postgres'], 'at once, under load: neither the dying server nor its children mislead');
  await query;
  await busy.end().catch(() => {});
  t.equal((await read(again.urls)).postgres, 'kept');

  const ports = Object.values(readPorts(path.join(home, 'ports.json')));
  t.same((await stopStack(home)).sort(), [...names].sort());
  t.same(processesOf(home), []);
  t.same(
    await Promise.all(ports.map(isFree)),
    ports.map(() => true),
  );
  t.same(await stopStack(home), [], 'stopping twice is no error');
  for (const file of ['secrets/postgres', 'secrets/redis']) {
    const secret = readFileSync(path.join(home, file), 'utf8');
    t.notOk(
      told.some((line) => line.includes(secret)),
      'no password is told',
    );
  }
});

t.test('with the whole stack down a port that was taken is exchanged', async (t) => {
  const port = readPorts(path.join(home, 'ports.json')).redis ?? 0;
  const stranger = createServer().listen(port, '127.0.0.1');
  t.teardown(() => stranger.close());
  await once(stranger, 'listening');
  const running = await ensureStack(options, ['redis']);
  t.not(new URL(running.urls.REDIS_URL).port, String(port));
  t.equal(running.urls.DATABASE_URL, '', 'what was not asked for is not there');
  t.same(await stopStack(home), ['redis']);
});

t.test('"stack run" lends a command the URLs, its signals and its exit code', async (t) => {
  const entry = `
    const { Command } = await import('commander');
    const { stackCommand } = await import('./src/cli/stack.ts');
    await new Command('directory').version('1').addCommand(stackCommand()).parseAsync(process.argv.slice(1), { from: 'user' });`;
  const env = {
    ...process.env,
    DATABASE_URL: 'postgres://db.example/x',
    REDIS_URL: 'redis://queue.example',
    ELASTICSEARCH_URL: 'http://index.example:9200',
  };
  const command = (...args: string[]) =>
    spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', entry, 'stack', ...args], { env });
  const told = command(
    'run',
    '--',
    process.execPath,
    '-e',
    'console.log(process.env.REDIS_URL, process.argv[1]); process.exit(7)',
    '--',
    '--version',
  );
  let output = '';
  told.stdout.on('data', (chunk) => (output += chunk));
  t.same(await once(told, 'close'), [7, null]);
  t.equal(output, 'redis://queue.example --version\n');

  const long = command(
    'run',
    '--',
    process.execPath,
    '-e',
    "process.on('SIGTERM', () => process.exit(9)); console.log('up'); setInterval(() => {}, 1000)",
  );
  await once(long.stdout, 'data');
  long.kill('SIGTERM');
  t.same(await once(long, 'close'), [9, null]);

  const status = command('status', '--json');
  output = '';
  status.stdout.on('data', (chunk) => (output += chunk));
  t.same(await once(status, 'close'), [0, null]);
  t.match(JSON.parse(output), { REDIS_URL: 'redis://queue.example', services: { postgres: { state: 'given' } } });
});

async function write(urls: RunningStack['urls']): Promise<void> {
  const client = new pg.Client({ connectionString: urls.DATABASE_URL });
  await client.connect();
  await client.query("create table kept (value text); insert into kept values ('kept')");
  await client.end();
  const queue = new Redis(urls.REDIS_URL);
  await queue.set('kept', 'kept');
  // Redis writes its log to the disk once a second; this waits until it has.
  await queue.call('WAITAOF', 1, 0, 0).catch(() => sleep(1100));
  queue.disconnect();
  const put = await fetch(`${urls.ELASTICSEARCH_URL}/kept/_doc/1`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: '{"value":"kept"}',
  });
  if (!put.ok) throw new Error(`Elasticsearch: ${put.status}`);
}

async function read(urls: RunningStack['urls']): Promise<Partial<Record<ServiceName, unknown>>> {
  const client = new pg.Client({ connectionString: urls.DATABASE_URL });
  await client.connect();
  const rows = await client.query('select value from kept');
  await client.end();
  const queue = new Redis(urls.REDIS_URL);
  const kept = await queue.get('kept');
  queue.disconnect();
  const got = await fetch(`${urls.ELASTICSEARCH_URL}/kept/_doc/1`);
  const document = (await got.json()) as { _source: { value: string } };
  return { postgres: rows.rows[0].value, redis: kept, elasticsearch: document._source.value };
}

async function kill(stack: RunningStack, name: ServiceName): Promise<void> {
  const pid = stack.pids[name];
  if (pid === undefined) throw new Error(`${name} has no pid`);
  process.kill(pid, 'SIGKILL');
  while (stackStatus(options).services[name]?.pid === pid) await sleep(20);
}

/** Every process whose command line names the folder: servers, launchers, and the children of neither. */
function processesOf(folder: string): string[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map((entry) => commandLine(Number(entry)))
    .filter((line) => line.includes(folder));
}
