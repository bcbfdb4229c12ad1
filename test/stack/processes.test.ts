import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { withLock } from '../../stack/lock.js';
import { choosePorts, isFree, readPorts } from '../../stack/ports.js';
import {
  beginning,
  commandLine,
  launch,
  serverPid,
  stopLaunched,
  stopServer,
  untilReady,
} from '../../stack/processes.js';
import { until } from '../helpers/wait.js';

const node = process.execPath;
const idle = 'setInterval(() => {}, 1000)';

t.test('a pid file counts only while its process runs with the mark on its command line', async (t) => {
  const folder = t.testdir({});
  const pidFile = path.join(folder, 'server.pid');
  t.equal(serverPid(pidFile, folder), undefined, 'no file');
  writeFileSync(pidFile, 'rubbish');
  t.equal(serverPid(pidFile, folder), undefined, 'no number');

  const child = spawn(node, ['-e', idle, folder], { stdio: 'ignore' });
  await once(child, 'spawn');
  writeFileSync(pidFile, `${child.pid}\nmore lines\n`);
  t.equal(serverPid(pidFile, folder), child.pid);
  t.equal(serverPid(pidFile, `${folder}/other`), undefined, 'the pid of somebody else: recycled');

  const stop = (mark: string) => stopServer('Server', serverPid(pidFile, mark), [['SIGTERM', 10]]);
  t.equal(await stop(`${folder}/other`), false, 'whom nobody stops');
  t.equal(child.exitCode ?? child.signalCode, null);
  t.equal(await stop(folder), true);
  t.equal(serverPid(pidFile, folder), undefined);
});

t.test('a stop is over when the server is gone, whatever it takes', async (t) => {
  const folder = t.testdir({});
  const pidFile = path.join(folder, 'server.pid');
  // As servers do: the pid file goes first, then the work is finished.
  const slow = `process.on('SIGTERM', () => { fs.unlinkSync(process.argv[1]); setTimeout(() => process.exit(0), 400); });`;
  const child = spawn(node, ['-e', `${slow} console.log('up'); ${idle}`, pidFile]);
  await once(child.stdout, 'data');
  writeFileSync(pidFile, String(child.pid));
  await stopServer('Server', child.pid, [['SIGTERM', 10]]);
  t.notOk(existsSync(pidFile));
  t.equal(commandLine(child.pid ?? 0), '');

  const stubborn = spawn(node, ['-e', `process.on('SIGTERM', () => {}); console.log('up'); ${idle}`, folder]);
  await once(stubborn.stdout, 'data');
  await stopServer('Server', stubborn.pid, [
    ['SIGTERM', 0.3],
    ['SIGKILL', 10],
  ]);
  if (stubborn.signalCode === null) await once(stubborn, 'exit');
  t.equal(stubborn.signalCode, 'SIGKILL');
});

t.test('a launch that failed is ended with all that it started', async (t) => {
  const folder = t.testdir({});
  const options = { cwd: folder, env: {}, logFile: path.join(folder, 'log'), user: undefined };
  const child = JSON.stringify(`console.log(process.pid); ${idle}`);
  const launcher = `child_process.spawn(process.execPath, ['-e', ${child}], { stdio: 'inherit' }); ${idle}`;
  const launched = launch(node, ['-e', launcher], options);
  let grandchild = Number.NaN;
  while (Number.isNaN(grandchild)) {
    await sleep(20);
    grandchild = Number.parseInt(readFileSync(options.logFile, 'utf8'), 10);
  }
  t.not(commandLine(grandchild), '');
  await stopLaunched('Server', launched, [['SIGKILL', 10]]);
  t.equal(commandLine(grandchild), '');
});

t.test('a server that dies at its start is told with the last lines of its log', async (t) => {
  const folder = t.testdir({});
  const logFile = path.join(folder, 'log');
  const script = 'for (let i = 1; i < 10; i++) console.log("line " + i); process.exit(3)';
  const start = () => launch(node, ['-e', script], { cwd: folder, env: {}, logFile, user: undefined });
  const launched = start();
  const waiting = { label: 'Redis', logFiles: [logFile], timeoutSeconds: 20, progress: () => {} };
  await t.rejects(
    untilReady(async () => false, launched.ended, waiting),
    {
      name: 'StackError',
      message:
        /^Redis ended while it started \(exit code 3\)\.\nThe last lines of .*log:\n {2}line 5\n {2}line 6\n {2}line 7\n {2}line 8\n {2}line 9$/,
    },
  );
  const again = start();
  while (again.ended() === undefined) await sleep(20);
  t.ok(existsSync(`${logFile}.previous`), 'the log of the start before is kept');

  await t.rejects(
    untilReady(
      async () => false,
      () => undefined,
      { ...waiting, timeoutSeconds: 0.5 },
    ),
    { name: 'StackError', message: /^Redis runs but has not answered for 0.5 s/ },
  );
  const missing = launch(path.join(folder, 'no-such-program'), [], { cwd: folder, env: {}, logFile, user: undefined });
  await t.rejects(
    untilReady(async () => false, missing.ended, waiting),
    { name: 'StackError', message: /ENOENT/ },
  );
  const breakOff = new AbortController();
  const reason = new Error('broken off');
  setTimeout(() => breakOff.abort(reason), 50);
  await t.rejects(
    untilReady(
      async () => false,
      () => undefined,
      { ...waiting, signal: breakOff.signal },
    ),
  );
});

t.test('one at a time holds a lock, and a dead owner does not keep it', async (t) => {
  const folder = t.testdir({});
  const file = path.join(folder, 'stack.lock');
  let inside = 0;
  let most = 0;
  const work = async () => {
    inside++;
    most = Math.max(most, inside);
    await sleep(30);
    inside--;
  };
  await Promise.all([1, 2, 3, 4].map(() => withLock(file, work)));
  t.equal(most, 1);
  t.notOk(existsSync(file));
  await t.rejects(
    withLock(file, () => Promise.reject(new Error('work failed'))),
    { message: 'work failed' },
  );
  t.notOk(existsSync(file), 'given back when the work fails');

  const owner = spawn(node, ['-e', idle], { stdio: 'ignore' });
  await once(owner, 'spawn');
  writeFileSync(file, `${owner.pid} ${beginning(owner.pid ?? 0)}`);
  const told: number[] = [];
  let looks = 0;
  const watched = {
    waiting: (pid: number) => told.push(pid),
    // Asked for after each look that found the lock taken.
    get signal() {
      looks++;
      return undefined;
    },
  };
  const waited = withLock(file, async () => 'had it', watched);
  await until(() => looks >= 3);
  owner.kill('SIGKILL');
  t.equal(await waited, 'had it');
  t.same(told, [owner.pid], 'whoever waits is told for whom, once');

  writeFileSync(file, `${process.pid} not-when-this-process-began`);
  t.equal(await withLock(file, async () => 'broken'), 'broken', 'a recycled pid is not the owner');
  writeFileSync(file, '');
  t.equal(await withLock(file, async () => 'broken'), 'broken', 'nor is nobody');
  const breakOff = AbortSignal.timeout(200);
  writeFileSync(file, `${process.pid} ${beginning(process.pid)}`);
  await t.rejects(
    withLock(file, async () => {}, { signal: breakOff }),
    'waiting can be broken off',
  );
});

t.test('ports are remembered; a stranger on one is told, or avoided while nobody relies on it', async (t) => {
  const folder = t.testdir({});
  const file = path.join(folder, 'ports.json');
  const told: string[] = [];
  const choose = (inUse: boolean) =>
    choosePorts({ file, names: ['redis', 'postgres'], inUse, patienceMs: 300, progress: (line) => told.push(line) });
  const first = await choose(false);
  t.not(first.redis, first.postgres);
  t.ok([first.redis, first.postgres].every((port) => port !== undefined && port >= 15_000 && port < 32_000));
  t.same(await choose(true), first);
  t.same(readPorts(file), first);

  const stranger = await listen(first.redis ?? 0);
  t.teardown(() => stranger.close());
  t.equal(await isFree(first.redis ?? 0), false);
  await t.rejects(choose(true), {
    name: 'StackError',
    message: new RegExp(`^Port ${first.redis}, on which redis .* is taken by another program`),
  });
  setTimeout(() => stranger.close(), 100);
  t.same(await choose(true), first, 'one that is about to come free is waited for');
  await holdAgain(stranger, first.redis);
  const second = await choose(false);
  t.equal(second.postgres, first.postgres);
  t.not(second.redis, first.redis);
  t.match(told, [`redis: port ${first.redis} is taken, now on ${second.redis}`]);
  t.same(JSON.parse(readFileSync(file, 'utf8')), second);
});

async function holdAgain(server: Server, port = 0): Promise<void> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
}

async function listen(port: number): Promise<Server> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
