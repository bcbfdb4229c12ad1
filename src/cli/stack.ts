import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import {
  ensureStack,
  type NodeCount,
  nodeCounts,
  type RunningStack,
  type ServiceUrls,
  type StackStatus,
  stackStatus,
  stopStack,
} from '../../stack/stack.js';
import { type Config, readConfig } from '../config.js';
import { CommandError } from '../errors.js';

/** The embedded PostgreSQL, Redis and Elasticsearch. */
export function stackCommand(): Command {
  const stack = new Command('stack').description('the embedded PostgreSQL, Redis and Elasticsearch');
  // So that `stack run` leaves the options of the command that it runs alone.
  stack.enablePositionalOptions();
  stack
    .command('up')
    .description('start what does not run and print the URLs; Ctrl-C stops what this command started')
    .option('--detach', 'return when everything is ready, and leave it running')
    .option('--nodes <n>', 'of Elasticsearch, 1 or 3; a stack keeps the number that it was made with', nodeCount)
    .action((options: { detach?: boolean; nodes?: NodeCount }) => up(readConfig(), options));
  stack
    .command('down')
    .description('stop what runs; the data stays')
    .action(() => down(readConfig()));
  stack
    .command('status')
    .description('what runs, and where')
    .option('--json', 'one JSON object')
    .action((options: { json?: boolean }) => status(readConfig(), options.json ?? false));
  stack
    .command('run')
    .description('run a command with the services up and their URLs in its environment; then stop what this started')
    .argument('<command...>', 'the command and its arguments')
    .passThroughOptions()
    .allowUnknownOption()
    .action((command: string[]) => runWith(readConfig(), command));
  return stack;
}

async function up(config: Config, { detach, nodes }: { detach?: boolean; nodes?: NodeCount }): Promise<void> {
  const breakOff = new AbortController();
  const asked = new Promise<void>((resolve) => {
    onEnding(() => {
      breakOff.abort(new CommandError('broken off; what had been started is stopped'));
      resolve();
    });
  });
  const running = await start(config, breakOff.signal, nodes);
  console.log(linesOf(running.urls).join('\n'));
  if (detach) return;
  say(`up; Ctrl-C stops ${running.started.join(', ') || 'nothing, for all of it ran before'}`);
  // Neither a promise nor a signal's listener keeps a process alive; a timer does.
  const alive = setInterval(() => {}, 60_000);
  await asked;
  clearInterval(alive);
  await stopStarted(config, running);
}

async function down(config: Config): Promise<void> {
  const stopped = await stopStack(config.home);
  say(stopped.length > 0 ? `stopped ${stopped.join(', ')}` : 'nothing was running');
}

function status(config: Config, json: boolean): void {
  const { urls, services } = stackStatus({ home: config.home, database: config.instance, given: givenOf(config) });
  if (json) {
    console.log(JSON.stringify({ ...urls, services }));
    return;
  }
  const lines = Object.entries(services).map(([name, service]) => {
    const where = service.state === 'running' ? `pid ${service.pid}, port ${service.port}` : '';
    return `${name.padEnd(15)} ${service.state.padEnd(8)} ${where}`.trimEnd();
  });
  console.log([...lines, ...linesOf(urls)].join('\n'));
}

async function runWith(config: Config, [program = '', ...args]: string[]): Promise<void> {
  const breakOff = new AbortController();
  let child: ChildProcess | undefined;
  onEnding((signal) => {
    if (!child) breakOff.abort(new CommandError('broken off; what had been started is stopped'));
    // A terminal's Ctrl-C reaches the command by itself; twice would cut its own ending short.
    else if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  });
  const running = await start(config, breakOff.signal);
  try {
    const env = { ...process.env, ...running.urls, DIRECTORY_HOME: config.home };
    child = spawn(program, args, { stdio: 'inherit', env });
    process.exitCode = await exitOf(child, program);
  } finally {
    await stopStarted(config, running);
  }
}

/** The exit code as a shell gives it: 128 and the signal's number for a command that a signal ended. */
async function exitOf(child: ChildProcess, program: string): Promise<number> {
  try {
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    return code ?? 128 + (signal ? constants.signals[signal] : 0);
  } catch (error) {
    throw new CommandError(`${program} can't be run: ${(error as Error).message}`);
  }
}

function start(config: Config, signal: AbortSignal, nodes?: NodeCount): Promise<RunningStack> {
  return ensureStack({
    home: config.home,
    database: config.instance,
    given: givenOf(config),
    progress: say,
    signal,
    ...(nodes ? { elasticsearchNodes: nodes } : {}),
  });
}

async function stopStarted(config: Config, running: RunningStack): Promise<void> {
  if (running.started.length === 0) return;
  const stopped = await stopStack(config.home, running.started);
  say(`stopped ${stopped.join(', ')}`);
}

function nodeCount(text: string): NodeCount {
  const count = nodeCounts.find((one) => String(one) === text);
  if (!count) throw new InvalidArgumentError(`It takes ${nodeCounts.join(' or ')}.`);
  return count;
}

function givenOf(config: Config): ServiceUrls {
  const { databaseUrl, redisUrl, elasticsearchUrl } = config.services;
  return { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, ELASTICSEARCH_URL: elasticsearchUrl };
}

/** As a shell or an env file takes them. */
const linesOf = (urls: StackStatus['urls']) => Object.entries(urls).map(([name, url]) => `${name}=${url ?? ''}`);

/** From now on a signal that asks this process to end is only told to `heard`. */
function onEnding(heard: (signal: NodeJS.Signals) => void): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, heard);
}

function say(line: string): void {
  process.stderr.write(`stack: ${line}\n`);
}
