import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Client } from '@elastic/elasticsearch';
import { Command, InvalidArgumentError } from 'commander';
import { calendarDay, wholeNumber } from '../src/cli/arguments.js';
import { runProgram } from '../src/cli/exit.js';
import { createProgress } from '../src/cli/progress.js';
import { CommandError } from '../src/errors.js';
import { safeError } from '../src/logger.js';
import { openBenchDirectory } from './bench-directory.js';
import { drawChart } from './chart.js';
import { openKept } from './kept.js';
import { openFloor } from './peers/floor.js';
import { openNaive } from './peers/naive.js';
import { openOurs } from './peers/ours.js';
import type { Surroundings, System } from './peers/system.js';
import { openTrgm } from './peers/trgm.js';
import { prepareQueries } from './queries.js';
import { page, type Report, recallOf, speedOf, stepsOf, tables } from './report.js';
import { currentCommit, describeMachine, measureMemory } from './surroundings.js';
import { queriesNeeded, timeSystems } from './time-systems.js';

/** `npm run bench -- --help`; docs/bench.md */
interface Flags {
  children: number;
  queries: number;
  seed?: number;
  asOf?: string;
  clients: number[];
  seconds: number;
  instance?: string;
  keep?: boolean;
  systems: SystemName[];
  out: string;
}

const openers = { ours: openOurs, trgm: openTrgm, naive: openNaive, floor: openFloor } satisfies Record<
  string,
  (surroundings: Surroundings) => Promise<System>
>;
type SystemName = keyof typeof openers;
const systemNames = Object.keys(openers) as SystemName[];

const MOST_CLIENTS = 64;
const SAY_EVERY_MS = 15_000;

const command = new Command('bench')
  .description('the directory, its peers and the floor, asked the same about the same children')
  .option('--children <n>', 'how many', wholeNumber(100, 100_000_000), 100_000)
  .option('--queries <n>', 'asked of each system at each number of clients', wholeNumber(1, 20_000), 1000)
  .option('--seed <s>', 'of the generator (default: 1, or that of the instance)', wholeNumber(0, 2 ** 32 - 1))
  .option('--as-of <date>', 'day on which all are under 18 (default: today, or that of the instance)', calendarDay)
  .option('--clients <list>', 'how many ask at once', clientList, [1, 4, 16])
  .option(
    '--seconds <n>',
    'a system is asked no longer than this at each number of clients',
    wholeNumber(1, 86_400),
    120,
  )
  .option('--instance <name>', 'a directory by name, which is kept: what it holds already is not loaded again')
  .option('--keep', 'leave a nameless directory behind as well, and say its name')
  .option('--systems <list>', 'which', systemList, systemNames)
  .option('--out <folder>', 'where the report goes', 'docs/bench')
  .exitOverride()
  .action(bench);

await runProgram(() => command.parseAsync());

async function bench(flags: Flags): Promise<void> {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => interrupted.abort(new CommandError('broken off')));
  const say = (line: string) => process.stderr.write(`bench: ${line}\n`);
  const directory = await openBenchDirectory({ ...flags, say });
  const pool = await openKept(directory.urls.databaseUrl, 2);
  // Merging what millions left takes minutes; what is measured has a limit of its own.
  const elasticsearch = new Client({ node: directory.urls.elasticsearchUrl, requestTimeout: 3_600_000 });
  const systems: System[] = [];
  try {
    if (flags.keep) say(`instance ${directory.instance}`);
    say('making queries');
    const queries = await prepareQueries(pool, directory.load, queriesNeeded(flags));
    const surroundings = { directory, pool, elasticsearch, clients: Math.max(...flags.clients), say };
    for (const name of flags.systems) {
      interrupted.signal.throwIfAborted();
      systems.push(await openers[name](surroundings));
    }
    // Of all systems' tables: what PostgreSQL would do by itself in the minutes after a load, in the middle of the measurement.
    say('vacuuming');
    await pool.query('vacuum (analyze)');
    await pool.query('checkpoint');
    const meter = createMeter(systems.length * flags.clients.length * flags.queries, say);
    const heard = new Set<string>();
    const runs = await timeSystems(systems, queries, {
      ...flags,
      signal: interrupted.signal,
      progress: meter.update,
      failed(system, error) {
        // The first of each tells enough.
        if (!heard.has(system)) say(`${system} failed: ${JSON.stringify(safeError(error))}`);
        heard.add(system);
      },
    }).finally(meter.stop);
    const sizes: Report['sizes'] = {};
    for (const system of systems) sizes[system.name] = await system.size();
    const report: Report = {
      command: commandLine(process.argv.slice(2)),
      commit: currentCommit(),
      date: new Date().toISOString().slice(0, 10),
      machine: await describeMachine(pool, elasticsearch),
      load: directory.load,
      memory: await measureMemory(directory.apiPid, elasticsearch),
      sizes,
      recall: flags.systems.map((system) => recallOf(runs, system)),
      speed: speedOf(runs),
      steps: stepsOf(runs),
    };
    console.log(tables(report));
    write(report, path.resolve(flags.out), flags.children);
    say(`report in ${flags.out}`);
  } finally {
    for (const system of systems) await system.close();
    await elasticsearch.close();
    await pool.end();
    await directory.close();
  }
}

function write(report: Report, folder: string, children: number): void {
  const { machine } = report;
  const name = `bench-${children}`;
  const title = `A search among ${report.load.children.toLocaleString('en-GB')} children`;
  const subtitle = `Names and date of birth, with errors; ${machine.cores} cores, all systems asked in turn; ${report.date}`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, `${name}.json`), `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(path.join(folder, `${name}.svg`), drawChart(report.speed, title, subtitle));
  writeFileSync(path.join(folder, `${name}.md`), page(report, `${name}.svg`));
}

/** A bar on a terminal, a line now and then elsewhere. */
function createMeter(total: number, say: (line: string) => void) {
  const bar = createProgress('bench', total);
  let said = performance.now();
  return {
    update(done: number, note: string) {
      bar.update(done, note);
      if (process.stderr.isTTY || performance.now() - said < SAY_EVERY_MS) return;
      said = performance.now();
      say(`${Math.floor((done / total) * 100)}%, ${note}`);
    },
    stop: () => bar.stop(),
  };
}

/** As somebody else would give it, who has folders of their own. */
function commandLine(args: string[]): string {
  const own = args.filter((arg, at) => arg !== '--out' && args[at - 1] !== '--out' && !arg.startsWith('--out='));
  return ['npm run bench', ...(own.length > 0 ? ['--', ...own] : [])].join(' ');
}

function clientList(text: string): number[] {
  const clients = text.split(',').map(Number);
  if (clients.length > 10 || clients.some((count) => !Number.isInteger(count) || count < 1 || count > MOST_CLIENTS))
    throw new InvalidArgumentError(`It takes numbers from 1 to ${MOST_CLIENTS}, with commas between.`);
  return clients;
}

function systemList(text: string): SystemName[] {
  const names = text.split(',');
  if (names.some((name) => !(systemNames as string[]).includes(name)))
    throw new InvalidArgumentError(`It takes ${systemNames.join(', ')}, with commas between.`);
  return systemNames.filter((name) => names.includes(name));
}
