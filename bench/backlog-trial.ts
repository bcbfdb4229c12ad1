import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import type pg from 'pg';
import { wholeNumber } from '../src/cli/arguments.js';
import { runProgram } from '../src/cli/exit.js';
import { type DirectoryProcess, startDirectory } from '../src/cli/processes.js';
import { CommandError } from '../src/errors.js';
import { openBenchDirectory, percentile } from './bench-directory.js';
import { compare } from './compare.js';
import { openKept } from './kept.js';
import { ask, atRate, type LoadChild, type LoadFigures, startLoad } from './load.js';
import { takeChildren } from './own-children.js';
import { setShield } from './shields.js';

/**
 * A backlog of changes is worked off while searches go on and shields are set: docs/load.md.
 * `npm run directory -- stack run -- node --import tsx bench/backlog-trial.ts --children 1000000 --instance million --backlog 1000000`
 */
interface Flags {
  children: number;
  instance?: string;
  backlog: number;
  workers: number;
  searches: number;
  shields: number;
}

const MOST_CHILDREN = 20_000;
const WARM_UP_MS = 5_000;
const BEFORE_MS = 20_000;
const CHANGES_AT_ONCE = 5_000;
const LOOK_MS = 20;
/** Between two shields, each set when the last is acknowledged. */
const SHIELD_PAUSE_MS = 500;
const HEALTH_PER_SECOND = 2;
/** A shield that takes longer, while others wait before it, has not overtaken them. */
const OVERTAKES_WITHIN_MS = 5_000;
const LONGEST_MS = 60 * 60_000;

const command = new Command('backlog-trial')
  .option('--children <n>', 'how many', wholeNumber(1_000, 100_000_000), 20_000)
  .option('--instance <name>', 'a directory by name, which is kept')
  .option('--backlog <n>', 'changes that wait, of all children in turn', wholeNumber(1, 100_000_000), 20_000)
  .option('--workers <n>', 'processes that work them off', wholeNumber(1, 8), 1)
  .option('--searches <n>', 'searches a second', wholeNumber(1, 1_000), 20)
  .option('--shields <n>', 'shields set meanwhile, at most', wholeNumber(0, 1_000), 5)
  .exitOverride()
  .action(run);

await runProgram(() => command.parseAsync());

async function run(flags: Flags): Promise<void> {
  // A check of the index would be work beside the trial's.
  const env = { INDEX_CHECK_MINUTES: '0', INDEX_DEEP_CHECK_HOURS: '0' };
  const directory = await openBenchDirectory({ ...flags, env, say: (line) => console.error(line) });
  const pool = await openKept(directory.urls.databaseUrl, 2);
  const workers: DirectoryProcess[] = [];
  const running: { stop(): Promise<unknown> }[] = [];
  try {
    const { children, managerToken, practitionerToken } = await takeChildren(directory, MOST_CHILDREN);
    const dataTeamToken = await directory.token('data-team', 'Northvale');
    const toShield = children.splice(0, flags.shields);
    await untilSettled(pool);
    const load = startLoad({
      urls: [directory.url],
      children,
      managerToken,
      practitionerToken,
      changesPerSecond: 0,
      searchesPerSecond: flags.searches,
      seed: 1,
    });
    running.push(load);
    await delay(WARM_UP_MS);
    load.take();
    await delay(BEFORE_MS);
    const before = load.take();

    await directory.stopWorker();
    console.error(`making ${flags.backlog} changes`);
    await change(pool, flags.backlog);
    const pending = await count(pool, 'select count(*) from outbox');
    const health = watchHealth(directory.url, dataTeamToken);
    running.push(health);
    load.take();
    const began = performance.now();
    const start = async (number: number) =>
      workers.push(await startDirectory(['work'], directory.env, `${directory.folder}/work-${number}.log`, /^working/));
    await Promise.all(Array.from({ length: flags.workers }, (_, number) => start(number + 1)));
    const startSeconds = (performance.now() - began) / 1_000;
    const shields = await shieldInTurn(pool, { url: directory.url, managerToken }, toShield);
    await untilSettled(pool);
    const seconds = (performance.now() - began) / 1_000;
    const during = load.take();
    const healthDuring = await health.stop();
    await delay(BEFORE_MS);
    const after = load.take();
    await load.stop();
    const differences = await compare(directory);
    console.log(
      JSON.stringify({
        children: directory.load.children,
        changes: flags.backlog,
        pending,
        workers: flags.workers,
        startSeconds: round(startSeconds),
        drainSeconds: round(seconds),
        perSecond: Math.round(pending / seconds),
        searches: { before: figures(before), during: figures(during), after: figures(after) },
        p95Ratio: Math.round((percentile(during.searchMs, 0.95) / percentile(before.searchMs, 0.95)) * 100) / 100,
        shields,
        health: healthDuring,
        ...differences,
      }),
    );
    const late = shields.filter(({ ms }) => ms > OVERTAKES_WITHIN_MS).length;
    if (late > 0) throw new CommandError(`${late} shields did not overtake the backlog`);
    const { searchesFailed, missed } = during;
    const bad =
      searchesFailed + missed + healthDuring.failed + differences.missing + differences.stale + differences.extra;
    if (bad > 0) throw new CommandError('Searches or health calls failed, or the index differs from PostgreSQL');
  } finally {
    for (const one of running) await one.stop();
    for (const worker of workers) await worker.stop();
    await pool.end();
    await directory.close();
  }
}

/** As corrections do, as far as the index can tell: next version, its history, a place in the outbox or the one that the child has. */
async function change(pool: pg.Pool, changes: number): Promise<void> {
  let last = '00000000-0000-0000-0000-000000000000';
  for (let made = 0; made < changes; ) {
    const { rows } = await pool.query<{ last: string | null; made: string }>(
      `with due as (
         select id from children where id > $1::uuid and archived_at is null order by id limit $2
       ), changed as (
         update children c set version = version + 1 from due where c.id = due.id returning c.id, c.version
       ), noted as (
         insert into child_history (child_id, version, reason, change)
         select id, version, 'record-maintenance', '{"action": "bench"}' from changed
       ), queued as (
         insert into outbox (child_id, version, urgent) select id, version, false from changed order by id
         on conflict (child_id) do update set version = greatest(outbox.version, excluded.version), claimed_at = null
       )
       select max(id::text) as last, count(*) as made from changed`,
      [last, Math.min(CHANGES_AT_ONCE, changes - made)],
    );
    const found = Number(rows[0]?.made);
    if (found === 0 && last.startsWith('00000000-0000')) throw new CommandError('There are no children');
    made += found;
    // After the last child the first is changed once more.
    last = found === 0 ? '00000000-0000-0000-0000-000000000000' : (rows[0]?.last ?? '');
  }
}

interface Shielded {
  /** From the answer to the shield until the index has acknowledged it. */
  ms: number;
  /** Changes made before it that waited still. */
  waiting: number;
}

async function shieldInTurn(
  pool: pg.Pool,
  shielding: { url: string; managerToken: string },
  children: LoadChild[],
): Promise<Shielded[]> {
  const shielded: Shielded[] = [];
  for (const { childId } of children) {
    // One that nothing waits before would overtake nothing.
    if ((await count(pool, 'select count(*) from (select from outbox limit 1) one')) === 0) break;
    const reply = await setShield(shielding, childId);
    if (reply.kind !== 'answered' || reply.status !== 200) throw new CommandError('A shield was not set');
    const set = performance.now();
    const acknowledged = () =>
      pool.query(
        'select from shields where child_id = $1 and lifted_at is null and index_acknowledged_at is not null',
        [childId],
      );
    while ((await acknowledged()).rowCount === 0) {
      if (performance.now() - set > LONGEST_MS) throw new CommandError('A shield was never acknowledged');
      await delay(LOOK_MS);
    }
    const ms = Math.round(performance.now() - set);
    const waiting = await count(
      pool,
      `select count(*) from outbox where not urgent and changed_at <
         (select set_at from shields where child_id = $1 and lifted_at is null)`,
      [childId],
    );
    shielded.push({ ms, waiting });
    await delay(SHIELD_PAUSE_MS);
  }
  return shielded;
}

/** What the data team is told meanwhile, and how soon. */
function watchHealth(url: string, token: string) {
  const times: number[] = [];
  const statuses: Record<string, number> = {};
  let failed = 0;
  let notSent = 0;
  const look = async () => {
    const [health, ready] = await Promise.all([
      ask(url, { method: 'GET', route: '/v1/index/health', token }),
      ask(url, { method: 'GET', route: '/health/ready', token }),
    ]);
    if (health.kind !== 'answered' || health.status !== 200) failed++;
    else {
      times.push(health.ms);
      const { status = 'none' } = health.body ?? {};
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
    if (ready.kind !== 'answered' || ready.status !== 200) failed++;
  };
  const looking = atRate(HEALTH_PER_SECOND, 8, look, () => void notSent++);
  return {
    async stop() {
      await looking.stop();
      const [p50, p95] = [0.5, 0.95].map((share) => round(percentile(times, share)));
      return { calls: times.length, failed, notSent, p50, p95, statuses };
    },
  };
}

async function untilSettled(pool: pg.Pool): Promise<void> {
  const began = performance.now();
  while ((await pool.query('select from outbox limit 1')).rowCount !== 0) {
    if (performance.now() - began > LONGEST_MS) throw new CommandError('The backlog was not worked off');
    await delay(100);
  }
}

async function count(pool: pg.Pool, query: string, values: unknown[] = []): Promise<number> {
  const { rows } = await pool.query<{ count: string }>(query, values);
  return Number(rows[0]?.count);
}

function figures({ searchMs, searchesFailed, missed, held }: LoadFigures) {
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => round(percentile(searchMs, share)));
  return { searches: searchMs.length, failed: searchesFailed, missed, notSent: held, p50, p95, p99 };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
