import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import { wholeNumber } from '../src/cli/arguments.js';
import { runProgram } from '../src/cli/exit.js';
import { readConfig } from '../src/config.js';
import { CommandError } from '../src/errors.js';
import { stackStatus } from '../stack/stack.js';
import { type BenchDirectory, openBenchDirectory, percentile } from './bench-directory.js';
import { ask, atRate, type Reply, startLoad } from './load.js';
import { fitLine, type Growth, judgeGrowth, type Point, readMemory } from './memory.js';
import { takeChildren } from './own-children.js';
import { setAndLiftShield } from './shields.js';

/**
 * Mixed load for long, and whether the memory of each process stays as it is: docs/load.md.
 * `npm run directory -- stack run -- node --import tsx bench/long-run.ts --minutes 15 --children 100000`
 */
interface Flags {
  children: number;
  instance?: string;
  warmUp: number;
  minutes: number;
  searches: number;
  changes: number;
  out?: string;
}

const SAMPLES = 180;
/** Samples from one full collection to the next: 30 collections. */
const COLLECT_EVERY = 6;
/** A signal is heard in the process's next turn. */
const COLLECTED_WITHIN_MS = 5_000;
const MOST_CHILDREN = 20_000;
/** Are read, verified and shielded, and not changed otherwise. */
const WATCHED = 200;
const READS_PER_SECOND = 5;
const VERIFICATIONS_PER_SECOND = 2;
const HEALTH_PER_SECOND = 1;
const SHIELDS_PER_SECOND = 0.1;
const SHIELD_STANDS_MS = 4_000;
const MOST_WAITING = 8;
const NOT_JUDGED = /, (resident|heap committed|external)$/;

const command = new Command('long-run')
  .option('--children <n>', 'how many', wholeNumber(1_000, 100_000_000), 100_000)
  .option('--instance <name>', 'a directory by name, which is kept')
  .option('--warm-up <n>', 'minutes before anything is measured', wholeNumber(0, 30), 10)
  .option('--minutes <n>', 'how long', wholeNumber(1, 25), 15)
  .option('--searches <n>', 'searches a second', wholeNumber(1, 1_000), 20)
  .option('--changes <n>', 'changes a second', wholeNumber(1, 1_000), 20)
  .option('--out <file>', 'every sample, as JSON')
  .exitOverride()
  .action(run);

await runProgram(() => command.parseAsync());

async function run(flags: Flags): Promise<void> {
  const figures = mkdtempSync(path.join(os.tmpdir(), 'directory-heap-'));
  const directory = await openBenchDirectory({
    ...flags,
    env: {
      HEAP_FIGURES: figures,
      NODE_OPTIONS: `--import ${new URL('collect-on-signal.mjs', import.meta.url)}`,
    },
    say: (line) => console.error(line),
  });
  try {
    const { series, asked } = await underLoad(directory, figures, flags);
    if (flags.out) writeFileSync(flags.out, JSON.stringify(series));
    const hours = flags.minutes / 60;
    const grown = series.map(({ name, points }) => describe(name, points, hours));
    console.log(tell(flags, grown, asked));
    const bad = grown
      .filter(({ growth }) => growth === 'grows' || growth === 'open')
      .map(({ name, growth }) => `${name}: ${growth}`);
    for (const { kind, failed, notSent } of asked)
      if (failed + notSent > 0) bad.push(`${kind}: ${failed} failed, ${notSent} not sent`);
    if (bad.length > 0) throw new CommandError(bad.join('\n'));
  } finally {
    await directory.close();
    rmSync(figures, { recursive: true });
  }
}

async function underLoad(directory: BenchDirectory, figures: string, flags: Flags) {
  const mixed = await startMixedLoad(directory, flags);
  try {
    await delay(flags.warmUp * 60_000);
    mixed.take();
    const series = await sample(directory, figures, flags.minutes * 60);
    return { series, asked: mixed.take() };
  } finally {
    await mixed.stop();
  }
}

interface Asked {
  kind: string;
  answered: number;
  failed: number;
  notSent: number;
  p50: number;
  p95: number;
}

async function startMixedLoad(directory: BenchDirectory, { searches, changes }: Flags) {
  const { url } = directory;
  const { children, managerToken, practitionerToken } = await takeChildren(directory, MOST_CHILDREN);
  const callCentreToken = await directory.token('call-centre', 'Northvale');
  const dataTeamToken = await directory.token('data-team', 'Northvale');
  const watched = children.splice(0, WATCHED);
  const load = startLoad({
    urls: [url],
    children,
    managerToken,
    practitionerToken,
    changesPerSecond: changes,
    searchesPerSecond: searches,
    seed: 1,
  });
  let turn = 0;
  const next = () => watched[turn++ % watched.length] as (typeof watched)[number];
  const kinds = [
    repeatedly('reads', READS_PER_SECOND, () =>
      ask(url, { method: 'GET', route: `/v1/children/${next().childId}`, token: practitionerToken }),
    ),
    repeatedly('verifications', VERIFICATIONS_PER_SECOND, () => {
      const { childId, givenNames, familyName, dateOfBirth } = next();
      const body = { subject: 'child', childId, claims: { givenNames, familyName, dateOfBirth } };
      return ask(url, { method: 'POST', route: '/v1/verifications', token: callCentreToken, body });
    }),
    repeatedly('health of the index', HEALTH_PER_SECOND, () =>
      ask(url, { method: 'GET', route: '/v1/index/health', token: dataTeamToken }),
    ),
    repeatedly('shields, put and lifted', SHIELDS_PER_SECOND, () =>
      setAndLiftShield({ url, managerToken }, next().childId, SHIELD_STANDS_MS),
    ),
  ];
  return {
    take(): Asked[] {
      const { changeMs, changesFailed, changesQueued, searchMs, searchesFailed, missed, held } = load.take();
      return [
        // Those not sent are of both kinds.
        { kind: 'searches', answered: searchMs.length, failed: searchesFailed + missed, notSent: held, ...p(searchMs) },
        {
          kind: 'changes',
          answered: changeMs.length + changesQueued,
          failed: changesFailed,
          notSent: 0,
          ...p(changeMs),
        },
        ...kinds.map((kind) => kind.take()),
      ];
    },
    async stop() {
      await Promise.all([load.stop(), ...kinds.map((kind) => kind.stop())]);
    },
  };
}

function repeatedly(kind: string, perSecond: number, send: () => Promise<Reply>) {
  let figures = { times: [] as number[], failed: 0, notSent: 0 };
  const work = async () => {
    const reply = await send();
    if (reply.kind === 'answered' && reply.status < 300) figures.times.push(reply.ms);
    else figures.failed++;
  };
  const running = atRate(perSecond, MOST_WAITING, work, () => void figures.notSent++);
  return {
    take(): Asked {
      const { times, failed, notSent } = figures;
      figures = { times: [], failed: 0, notSent: 0 };
      return { kind, answered: times.length, failed, notSent, ...p(times) };
    },
    stop: () => running.stop(),
  };
}

interface Series {
  name: string;
  points: Point[];
}

async function sample({ apiPid, workerPid }: BenchDirectory, figures: string, seconds: number): Promise<Series[]> {
  const sources = [
    ...memoryOf('api', apiPid),
    ...heapOf('api', apiPid, figures),
    ...memoryOf('worker', workerPid),
    ...heapOf('worker', workerPid, figures),
    ...serversOf(),
  ];
  const series = sources.map(({ name }) => ({ name, points: [] as Point[] }));
  const began = performance.now();
  const everyMs = Math.max(1_000, (seconds * 1_000) / SAMPLES);
  for (let at = 0; at * everyMs < seconds * 1_000; at++) {
    await delay(Math.max(0, began + at * everyMs - performance.now()));
    for (const [order, { read, every }] of sources.entries()) {
      if (at % every > 0) continue;
      const hours = (performance.now() - began) / 3_600_000;
      series[order]?.points.push({ hours, megabytes: await read() });
    }
  }
  return series;
}

interface Source {
  name: string;
  /** Is read at every so many'th sample. */
  every: number;
  read(): number | Promise<number>;
}

function memoryOf(name: string, pid: number, tree = false): Source[] {
  return [
    { name: `${name}, own memory`, every: 1, read: () => readMemory(pid, tree).own },
    { name: `${name}, resident`, every: 1, read: () => readMemory(pid, tree).resident },
  ];
}

/**
 * Of what is reachable alone: a heap that is never collected whole grows for minutes. Beside it what V8 has from the
 * operating system for its heap, and what buffers take outside of it: own memory beyond both is the allocator's.
 */
function heapOf(name: string, pid: number, figures: string): Source[] {
  const file = path.join(figures, `${pid}.json`);
  const read = (): { collections: number; heapUsed: number; heapTotal: number; external: number } =>
    existsSync(file)
      ? JSON.parse(readFileSync(file, 'utf8'))
      : { collections: 0, heapUsed: 0, heapTotal: 0, external: 0 };
  return [
    {
      name: `${name}, heap after collection`,
      every: COLLECT_EVERY,
      async read() {
        const { collections } = read();
        process.kill(pid, 'SIGWINCH');
        const deadline = performance.now() + COLLECTED_WITHIN_MS;
        while (read().collections === collections) {
          if (performance.now() > deadline) throw new CommandError(`${name} has not collected its garbage`);
          await delay(20);
        }
        return read().heapUsed / 2 ** 20;
      },
    },
    { name: `${name}, heap committed`, every: COLLECT_EVERY, read: () => read().heapTotal / 2 ** 20 },
    { name: `${name}, external`, every: COLLECT_EVERY, read: () => read().external / 2 ** 20 },
  ];
}

/** Those of the embedded stack: of others nothing is known here. */
function serversOf(): Source[] {
  const { services } = stackStatus({ home: readConfig().home, database: '' });
  return (['postgres', 'redis', 'elasticsearch'] as const).flatMap((name) => {
    const pid = services[name]?.pid ?? null;
    return pid === null ? [] : memoryOf(name, pid, name === 'postgres');
  });
}

interface Grown {
  name: string;
  growth: Growth | 'not judged';
  start: number;
  end: number;
  perHour: number;
  from: number;
  to: number;
}

/**
 * Resident memory is told and not judged: with files and shared buffers in it, it rises to a bound of the server's. Nor are
 * the parts of own memory, which is judged whole.
 */
function describe(name: string, points: Point[], hours: number): Grown {
  const line = fitLine(points);
  return { name, ...line, growth: NOT_JUDGED.test(name) ? 'not judged' : judgeGrowth(line, hours) };
}

function tell({ children, warmUp, minutes, searches, changes }: Flags, grown: Grown[], asked: Asked[]): string {
  return [
    `${children} children, ${minutes} minutes after ${warmUp} to warm up; ${searches} searches and ${changes} changes a second and what else there is`,
    '',
    '| memory | start, MB | end, MB | MB an hour | 95% | |',
    '|---|---|---|---|---|---|',
    ...grown.map(({ name, start, end, perHour, from, to, growth }) => {
      const [first, last, ...slope] = [start, end, perHour, from, to].map((value) => value.toFixed(1));
      return `| ${name} | ${first} | ${last} | ${slope[0]} | ${slope[1]} to ${slope[2]} | ${growth} |`;
    }),
    '',
    '| asked | answered | failed | not sent | p50, ms | p95, ms |',
    '|---|---|---|---|---|---|',
    ...asked.map(
      (one) => `| ${one.kind} | ${one.answered} | ${one.failed} | ${one.notSent} | ${one.p50} | ${one.p95} |`,
    ),
  ].join('\n');
}

function p(times: number[]) {
  const [p50 = Number.NaN, p95 = Number.NaN] = [0.5, 0.95].map(
    (share) => Math.round(percentile(times, share) * 10) / 10,
  );
  return { p50, p95 };
}
