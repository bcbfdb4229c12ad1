import { setTimeout as delay } from 'node:timers/promises';
import { Client, type estypes } from '@elastic/elasticsearch';
import { Command } from 'commander';
import type pg from 'pg';
import { wholeNumber } from '../src/cli/arguments.js';
import { runProgram } from '../src/cli/exit.js';
import { readAlias } from '../src/search/aliases.js';
import { openBenchDirectory, percentile } from './bench-directory.js';
import { openKept } from './kept.js';
import { openOurs } from './peers/ours.js';
import type { System } from './peers/system.js';
import { type BenchQuery, prepareQueries } from './queries.js';

/**
 * What live changes do to a merged index, and what it costs to keep its segments few, by merge policy: docs/bench.md.
 * `npm run directory -- stack run -- node --import tsx bench/live-writes.ts --children 1000000 --instance million`
 */
interface Flags {
  children: number;
  instance?: string;
  changes: number;
  seconds: number;
}

type Policy = Record<string, number | string | null>;

/** Settings below index.merge.policy; null is Elasticsearch's own choice. */
const policies: Record<string, Policy> = {
  usual: { segments_per_tier: null, floor_segment: null },
  'four a tier': { segments_per_tier: 4, floor_segment: null },
  'two a tier': { segments_per_tier: 2, floor_segment: null },
};
const WARM_UP = 3_000;
const SEARCHES_BEFORE = 400;
const SAMPLE_EVERY_MS = 1_000;

const command = new Command('live-writes')
  .option('--children <n>', 'how many', wholeNumber(100, 100_000_000), 100_000)
  .option('--instance <name>', 'a directory by name, which is kept')
  .option('--changes <n>', 'children changed a second', wholeNumber(1, 1_000), 100)
  .option('--seconds <n>', 'how long, for each policy', wholeNumber(5, 3_600), 60)
  .exitOverride()
  .action(run);

await runProgram(() => command.parseAsync());

async function run(flags: Flags): Promise<void> {
  const directory = await openBenchDirectory(flags);
  const pool = await openKept(directory.urls.databaseUrl, 4);
  const elasticsearch = new Client({ node: directory.urls.elasticsearchUrl, requestTimeout: 600_000 });
  const ours = await openOurs({ directory, pool, elasticsearch, clients: 1, say: () => undefined });
  const index = readAlias(directory.instance);
  try {
    const queries = await prepareQueries(pool, directory.load, 4_000);
    const { rows } = await pool.query<{ id: string }>('select id from children order by random() limit 50000');
    const childIds = rows.map(({ id }) => id);
    const next = inTurn(queries);
    await searchesOf(ours, next, WARM_UP);
    const lines: string[] = [];
    for (const [name, policy] of Object.entries(policies)) {
      await elasticsearch.indices.putSettings({ index, settings: settingsOf(policy) });
      await elasticsearch.indices.forcemerge({ index, max_num_segments: 1 });
      const before = await searchesOf(ours, next, SEARCHES_BEFORE);
      const during = await underChanges(flags, pool, elasticsearch, index, childIds, ours, next);
      lines.push(
        `| ${name} | ${pair(before)} | ${pair(during.times)} | ${during.segments} | ${during.mostSegments} | ${during.mergedMb} | ${during.mergeSeconds} | ${during.indexed} |`,
      );
    }
    console.log(
      [
        `${directory.load.children} children, ${flags.changes} changes a second for ${flags.seconds} s, one client searching`,
        '',
        '| policy | p50 / p95 merged, ms | p50 / p95 under changes, ms | segments, mean | at most | merged MB | merging s | changes |',
        '|---|---|---|---|---|---|---|---|',
        ...lines,
      ].join('\n'),
    );
  } finally {
    // As index-mappings/ has it, however far this came.
    await elasticsearch.indices.putSettings({ index, settings: settingsOf(policies['four a tier'] as Policy) });
    await ours.close();
    await elasticsearch.close();
    await pool.end();
    await directory.close();
  }
}

function settingsOf(policy: Policy): estypes.IndicesIndexSettings {
  return Object.fromEntries(Object.entries(policy).map(([name, value]) => [`index.merge.policy.${name}`, value]));
}

function inTurn(queries: BenchQuery[]): () => BenchQuery {
  let at = 0;
  return () => queries[at++ % queries.length] as BenchQuery;
}

async function searchesOf(ours: System, next: () => BenchQuery, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let at = 0; at < count; at++) times.push(await timed(ours, next()));
  return times;
}

async function timed(ours: System, query: BenchQuery): Promise<number> {
  const asked = performance.now();
  await ours.ask(query);
  return performance.now() - asked;
}

async function underChanges(
  { changes, seconds }: Flags,
  pool: pg.Pool,
  elasticsearch: Client,
  index: string,
  childIds: string[],
  ours: System,
  next: () => BenchQuery,
) {
  const statsBefore = await statsOf(elasticsearch, index);
  const ends = performance.now() + seconds * 1_000;
  const counts: number[] = [];
  const sampling = (async () => {
    while (performance.now() < ends) {
      counts.push((await statsOf(elasticsearch, index)).segments);
      await delay(SAMPLE_EVERY_MS);
    }
  })();
  let indexed = 0;
  const changing = (async () => {
    while (performance.now() < ends) {
      const from = performance.now();
      const some = Array.from({ length: changes }, () => childIds[indexed++ % childIds.length] as string);
      await changeAll(pool, some);
      await delay(Math.max(0, 1_000 - (performance.now() - from)));
    }
  })();
  const times: number[] = [];
  while (performance.now() < ends) times.push(await timed(ours, next()));
  await Promise.all([sampling, changing]);
  const statsAfter = await statsOf(elasticsearch, index);
  return {
    times,
    indexed,
    segments: Math.round(counts.reduce((sum, count) => sum + count, 0) / counts.length),
    mostSegments: Math.max(...counts),
    mergedMb: Math.round((statsAfter.mergedBytes - statsBefore.mergedBytes) / 2 ** 20),
    mergeSeconds: Math.round((statsAfter.mergeMs - statsBefore.mergeMs) / 100) / 10,
  };
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

async function statsOf(elasticsearch: Client, index: string) {
  const { _all } = await elasticsearch.indices.stats({ index, metric: ['segments', 'merge'] });
  return {
    segments: _all.total?.segments?.count ?? 0,
    mergedBytes: _all.total?.merges?.total_size_in_bytes ?? 0,
    mergeMs: _all.total?.merges?.total_time_in_millis ?? 0,
  };
}

function pair(times: number[]): string {
  return [0.5, 0.95].map((share) => percentile(times, share).toFixed(1)).join(' / ');
}
