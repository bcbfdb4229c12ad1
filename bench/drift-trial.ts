import { sql } from 'kysely';
import { readConfig } from '../src/config.js';
import { createContext } from '../src/context.js';
import { readAlias } from '../src/search/aliases.js';
import { compareIndex } from '../src/services/index/compare.js';
import { createHealthReader } from '../src/services/index/health.js';
import { reconcile } from '../src/services/index/reconcile.js';
import { openBenchDirectory, percentile } from './bench-directory.js';
import { contentFaults, corruptIndex, type Fault, hiddenFaults, visibleFaults } from './drift/corrupt.js';

/**
 * Spoils documents of the index at random, and counts what is found and put right:
 * `npm run directory -- stack run -- node --import tsx bench/drift-trial.ts [--children 20000] [--corruptions 200]
 * [--seed 1] [--instance NAME] [--no-sums] [--no-deep]`
 */
const argument = (name: string, usual: number) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? usual : Number(process.argv[at + 1]);
};
const at = process.argv.indexOf('--instance');
const instance = at < 0 ? undefined : process.argv[at + 1];
const wanted = { sums: !process.argv.includes('--no-sums'), deep: !process.argv.includes('--no-deep') };
const children = argument('children', 20_000);
const corruptions = argument('corruptions', 200);
const seed = argument('seed', 1);

// The only checks are those of the trial.
process.env.INDEX_CHECK_MINUTES = '0';
process.env.INDEX_DEEP_CHECK_HOURS = '0';
const directory = await openBenchDirectory({
  children,
  seed: 1,
  ...(instance === undefined ? {} : { instance }),
  say: (line) => console.error(line),
});
const config = readConfig({ ...process.env, ...directory.env });
const context = await createContext(config, { role: 'directory_worker', statementMs: 120_000 });
try {
  const [index = ''] = Object.keys(await context.elasticsearch.indices.getAlias({ name: readAlias(config.instance) }));

  const timed = async <T>(work: () => Promise<T>) => {
    const began = performance.now();
    const done = await work();
    return { done, seconds: Math.round((performance.now() - began) / 10) / 100 };
  };
  const clean = async (deep: boolean) => {
    const { done, seconds } = await timed(() => compareIndex(context, index, { deep }));
    return { seconds, bucketsCompared: done.bucketsCompared, differences: done.differences.length };
  };
  const trial = async (faults: readonly Fault[], count: number, deep: boolean): Promise<Trial> => {
    const { byFault, expected } = await corruptIndex(context, index, { corruptions: count, seed, faults });
    const { done, seconds } = await timed(() => reconcile(context, { deep }));
    const { missing, stale, extra, repaired } = done ?? {};
    const left = await clean(deep);
    const found = { byFault, expected, found: { missing, stale, extra }, repaired, seconds, left };
    console.error(JSON.stringify(found));
    return found;
  };

  const health = await timeHealth();
  const before = await clean(false);
  console.error(JSON.stringify({ health, clean: before }));
  const sums = wanted.sums ? await trial(visibleFaults, corruptions, false) : null;
  // A quarter: each document is read, whether it was spoilt or not.
  const deepFaults = ['wrong bucket', ...hiddenFaults, ...contentFaults] as const;
  const deep = wanted.deep ? await trial(deepFaults, Math.ceil(corruptions / 4), true) : null;
  const wrong = await countWrong(index);
  console.log(JSON.stringify({ children, corruptions, seed, health, clean: before, sums, deep, wrong }));
  if (wrong > 0 || before.differences > 0 || ![sums, deep].every((one) => one === null || isRight(one)))
    process.exitCode = 1;
} finally {
  await context.close();
  await directory.close();
}

type Counts = Record<'missing' | 'stale' | 'extra', number>;
interface Trial {
  byFault: Record<string, number>;
  expected: Counts;
  found: { [Kind in keyof Counts]: number | undefined };
  repaired: number | undefined;
  seconds: number;
  left: { seconds: number; differences: number };
}

function isRight({ expected, found, repaired, left }: Trial): boolean {
  const { missing, stale, extra } = expected;
  const isFound = found.missing === missing && found.stale === stale && found.extra === extra;
  return isFound && repaired === missing + stale + extra && left.differences === 0;
}

/** Milliseconds that the health of the index takes to read. */
async function timeHealth(): Promise<{ status: string; p50Ms: number; p95Ms: number }> {
  const reader = createHealthReader(context);
  try {
    let { status } = await reader.read();
    const times: number[] = [];
    for (let reading = 0; reading < 100; reading++) {
      const began = performance.now();
      ({ status } = await reader.read());
      times.push(performance.now() - began);
    }
    const [p50Ms, p95Ms] = [0.5, 0.95].map((share) => Math.round(percentile(times, share) * 10) / 10);
    return { status, p50Ms: p50Ms as number, p95Ms: p95Ms as number };
  } finally {
    await reader.close();
  }
}

/** Documents that are not at their child's version, and children without one: counted in another way than a check does. */
async function countWrong(index: string): Promise<number> {
  const { db, elasticsearch } = context;
  await elasticsearch.indices.refresh({ index });
  const { rows } = await sql<{ id: string; version: number }>`
    select id, version from children where archived_at is null`.execute(db);
  const expected = new Map(rows.map(({ id, version }) => [id, version]));
  let wrong = 0;
  let { id } = await elasticsearch.openPointInTime({ index, keep_alive: '5m' });
  for (let after: unknown; ; ) {
    const answer = await elasticsearch.search({
      pit: { id, keep_alive: '5m' },
      size: 10_000,
      sort: ['_shard_doc'],
      version: true,
      _source: false,
      docvalue_fields: ['childId'],
      ...(after ? { search_after: after as [number] } : {}),
    });
    id = answer.pit_id ?? id;
    const { hits } = answer.hits;
    for (const hit of hits) {
      const right = expected.get(hit._id ?? '') === hit._version && hit.fields?.childId?.[0] === hit._id;
      if (right) expected.delete(hit._id ?? '');
      else wrong += 1;
    }
    after = hits.at(-1)?.sort;
    if (hits.length < 10_000) break;
  }
  await elasticsearch.closePointInTime({ id });
  return wrong + expected.size;
}
