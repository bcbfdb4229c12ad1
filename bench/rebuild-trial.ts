import { setTimeout as delay } from 'node:timers/promises';
import { Client } from '@elastic/elasticsearch';
import { Command } from 'commander';
import type pg from 'pg';
import { wholeNumber } from '../src/cli/arguments.js';
import { runProgram } from '../src/cli/exit.js';
import { type DirectoryProcess, runDirectory, startDirectory } from '../src/cli/processes.js';
import type { RebuildView } from '../src/schemas/index-rebuilds.js';
import { openBenchDirectory, percentile } from './bench-directory.js';
import { compare } from './compare.js';
import { openKept } from './kept.js';
import { openOurs } from './peers/ours.js';
import { type BenchQuery, prepareQueries } from './queries.js';

/**
 * Rebuilds the index of a directory under changes and searches: how long it takes, what searches feel of it, and what is lost.
 * `npm run directory -- stack run -- node --import tsx bench/rebuild-trial.ts --children 1000000 --instance million`
 */
interface Flags {
  children: number;
  instance?: string;
  changes: number;
  searches: number;
  crash?: boolean;
}

const WARM_UP = 2_000;
const BEFORE_MS = 60_000;
const LONGEST_MS = 20 * 60_000;

const command = new Command('rebuild-trial')
  .option('--children <n>', 'how many', wholeNumber(100, 100_000_000), 100_000)
  .option('--instance <name>', 'a directory by name, which is kept')
  .option('--changes <n>', 'children changed a second', wholeNumber(1, 1_000), 100)
  .option('--searches <n>', 'searches a second', wholeNumber(1, 1_000), 20)
  .option('--crash', 'kill the worker half-way with SIGKILL, and start another at once')
  .exitOverride()
  .action(run);

await runProgram(() => command.parseAsync());

async function run(flags: Flags): Promise<void> {
  const directory = await openBenchDirectory({ ...flags, say: (line) => console.error(line) });
  const pool = await openKept(directory.urls.databaseUrl, 4);
  const elasticsearch = new Client({ node: directory.urls.elasticsearchUrl, requestTimeout: 600_000 });
  const ours = await openOurs({ directory, pool, elasticsearch, clients: 1, say: () => undefined });
  let second: DirectoryProcess | undefined;
  const crash = async () => {
    process.kill(directory.workerPid, 'SIGKILL');
    second = await startDirectory(['work'], directory.env, `${directory.folder}/second.log`, /^working/);
  };
  const ending = new AbortController();
  const background: Promise<unknown>[] = [];
  try {
    const queries = await prepareQueries(pool, directory.load, 2_000);
    const { rows } = await pool.query<{ id: string }>('select id from children order by random() limit 50000');
    const next = inTurn(queries);
    for (let at = 0; at < WARM_UP; at++) await ours.ask(next());

    const searching = { times: [] as number[] };
    let changed = 0;
    background.push(
      each(1_000 / flags.searches, ending.signal, async () => {
        const asked = performance.now();
        await ours.ask(next());
        searching.times.push(performance.now() - asked);
      }),
      each(1_000, ending.signal, async () => {
        const some = Array.from({ length: flags.changes }, () => rows[changed++ % rows.length]?.id as string);
        await changeAll(pool, some);
      }),
    );
    await delay(BEFORE_MS);
    const before = searching.times;
    searching.times = [];
    const began = performance.now();
    const started = JSON.parse(await runDirectory(['index', 'rebuild', '--json'], directory.env)) as RebuildView;
    const rebuild = await watch(pool, started.rebuildId, began, flags.crash ? crash : undefined);
    const seconds = (performance.now() - began) / 1_000;
    const during = searching.times;
    searching.times = [];
    await delay(BEFORE_MS);
    const after = searching.times;
    ending.abort();
    await Promise.all(background);

    const settled = await untilSettled(pool);
    const differences = await compare(directory);
    console.log(
      JSON.stringify({
        children: directory.load.children,
        changesPerSecond: flags.changes,
        changed,
        searchesPerSecond: flags.searches,
        crashed: flags.crash === true,
        state: rebuild.state,
        seconds: Math.round(seconds * 10) / 10,
        copySeconds: rebuild.copySeconds,
        repaired: rebuild.repaired,
        before: figures(before),
        during: figures(during),
        after: figures(after),
        p95Ratio: Math.round((percentile(during, 0.95) / percentile(before, 0.95)) * 100) / 100,
        settledSeconds: settled,
        ...differences,
      }),
    );
  } finally {
    ending.abort();
    await Promise.allSettled(background);
    await second?.stop();
    await ours.close();
    await elasticsearch.close();
    await pool.end();
    await directory.close();
  }
}

/** As often as that, one after another: what takes longer is not made up for. */
async function each(everyMs: number, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    const from = performance.now();
    await work();
    await delay(Math.max(0, everyMs - (performance.now() - from)));
  }
}

interface Watched {
  state: string;
  copySeconds: number;
  repaired: number;
}

/** @param crash is called half-way */
async function watch(
  pool: pg.Pool,
  rebuildId: string,
  began: number,
  crash: (() => Promise<void>) | undefined,
): Promise<Watched> {
  let toCome = crash;
  for (;;) {
    const { rows } = await pool.query(
      `select state, copied, total, repaired, extract(epoch from copied_at - started_at) as copy_seconds from rebuilds where id = $1`,
      [rebuildId],
    );
    const { state, copied, total, repaired, copy_seconds: copySeconds } = rows[0];
    if (!['running', 'checking'].includes(state))
      return { state, copySeconds: Math.round(Number(copySeconds)), repaired: Number(repaired) };
    if (toCome && Number(total) > 0 && Number(copied) > Number(total) / 2) {
      await toCome();
      toCome = undefined;
    }
    if (performance.now() - began > LONGEST_MS) throw new Error('the rebuild did not end');
    await delay(250);
  }
}

/** As a correction does, as far as the index can tell: next version, a place in the outbox. */
async function changeAll(pool: pg.Pool, childIds: string[]): Promise<void> {
  await pool.query(
    `with changed as (update children set version = version + 1 where id = any($1::uuid[]) returning id, version)
     insert into outbox (child_id, version, urgent) select id, version, false from changed
     on conflict (child_id) do update set version = greatest(outbox.version, excluded.version), claimed_at = null`,
    [childIds],
  );
}

async function untilSettled(pool: pg.Pool): Promise<number> {
  const began = performance.now();
  for (;;) {
    const { rows } = await pool.query('select from outbox limit 1');
    if (rows.length === 0) return Math.round((performance.now() - began) / 100) / 10;
    await delay(100);
  }
}

function figures(times: number[]) {
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => Math.round(percentile(times, share) * 10) / 10);
  return { searches: times.length, p50, p95, p99 };
}

function inTurn(queries: BenchQuery[]): () => BenchQuery {
  let at = 0;
  return () => queries[at++ % queries.length] as BenchQuery;
}
