import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from '@elastic/elasticsearch';
import pg from 'pg';
import { percentile } from '../../../bench/bench-directory.js';
import {
  LONGEST_MS,
  type Load,
  type LoadFigures,
  type Reply,
  readLoadChildren,
  startLoad,
} from '../../../bench/load.js';
import { runDirectory } from '../../../src/cli/processes.js';
import { databaseOf } from '../../../src/config.js';
import { createRandom } from '../../../src/generator/random.js';
import { readAlias } from '../../../src/search/aliases.js';
import { openPrivateStack, type Teardown } from '../../helpers/private-stack.js';
import { until } from '../../helpers/wait.js';
import { compareWhole, countLost, type Differences } from './compare.js';
import { type FaultName, faultNames, faults, type Site } from './faults.js';
import { startProcess } from './processes.js';
import { type ShieldWatch, startShieldWatch } from './shields.js';

export interface TrialOptions {
  children: number;
  seed: number;
  /** How often each of the faults strikes: first all in turn, then all at random. */
  rounds: number;
  faults: readonly FaultName[];
  holdSeconds: number;
  changesPerSecond: number;
  searchesPerSecond: number;
  say: (line: string) => void;
  signal?: AbortSignal;
}

/** What came of one fault. */
export interface Struck {
  fault: FaultName;
  acknowledged: number;
  /** Acknowledged by the API and not in PostgreSQL. */
  lost: number;
  /** From the return of what was struck until the index was equal to PostgreSQL, document by document. */
  equalAfter: number;
  differences: Differences;
  probes: number;
  shown: number;
  /** Without an end in time, though the API that was asked ran all the while. */
  unanswered: number;
  searched: number;
  missed: number;
  /** Changes and searches that were refused or broken off. */
  failed: number;
  /** Requests that were due and not sent, since too many waited for their answers. */
  held: number;
  slowestMs: number;
  changesPerSecond: number;
  searchP95: number;
}

const INSTANCE = 'faults';
const AUTHORITY = 'Northvale';
const WATCHED = 6;
const LOAD_CHILDREN = 20_000;
const BEFORE_SECONDS = 2;
const AFTER_SECONDS = 1;
/** Where it takes longer the trial goes on and tells so. */
const EQUAL_AT_MOST_SECONDS = 120;
export const EQUAL_WITHIN_SECONDS = 30;

/** Services, two APIs and two workers of its own; under load, the faults one by one. Everything that it made ends by `teardown`. */
export async function runTrial(t: Teardown, options: TrialOptions): Promise<Struck[]> {
  const { say, seed } = options;
  const stack = await openPrivateStack(t);
  const folder = mkdtempSync(path.join(tmpdir(), 'directory-trial-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const databaseUrl = databaseOf(stack.urls.DATABASE_URL, INSTANCE);
  const env = environment(stack.urls, databaseUrl, folder);
  say(`loading ${options.children} children`);
  await loadChildren(options, env, folder);

  const pool = new pg.Pool({ connectionString: databaseUrl, max: 2 });
  pool.on('error', () => undefined);
  t.teardown(() => pool.end());
  await pool.query('insert into authorities (code, name) values ($1, $1) on conflict do nothing', [AUTHORITY]);
  // One management team may change them all.
  await pool.query('update children set authority = $1', [AUTHORITY]);
  const elasticsearch = new Client({ node: stack.urls.ELASTICSEARCH_URL, requestTimeout: 30_000 });
  t.teardown(() => elasticsearch.close());
  const start = async (kind: 'serve' | 'work', number: number) => {
    const started = await startProcess(kind, env, path.join(folder, `${kind}-${number}.log`));
    t.teardown(() => started.end());
    return started;
  };
  const [firstApi, secondApi, firstWorker, secondWorker] = await Promise.all([
    start('serve', 1),
    start('serve', 2),
    start('work', 1),
    start('work', 2),
  ]);
  const apis = [firstApi, secondApi];
  const workers = [firstWorker, secondWorker];
  const random = createRandom(seed, 70);
  const site: Site = {
    stack,
    apis,
    workers,
    pool,
    elasticsearch,
    instance: INSTANCE,
    holdSeconds: options.holdSeconds,
    random,
  };

  const tokens = {
    managerToken: await tokenOf('management-team', env),
    practitionerToken: await tokenOf('practitioner', env),
  };
  const known = await readLoadChildren(databaseUrl, LOAD_CHILDREN + WATCHED);
  let unanswered = 0;
  let slowestMs = 0;
  const heard = (reply: Reply, url: string, askedAt: number) => {
    if (apis.find((api) => api.url === url)?.wasAway(askedAt)) return;
    slowestMs = Math.max(slowestMs, reply.ms);
    if (reply.kind === 'unanswered') unanswered++;
  };
  const urls = apis.map((api) => api.url);
  const load = startLoad({ ...options, ...tokens, urls, children: known.slice(WATCHED), heard });
  t.teardown(() => load.stop());
  const shields = startShieldWatch({
    ...tokens,
    urls,
    children: known.slice(0, WATCHED),
    probesPerSecond: 5,
    seed,
    heard,
  });
  t.teardown(() => shields.stop());

  const outcomes: Struck[] = [];
  for (const fault of orderOf(options, random)) {
    options.signal?.throwIfAborted();
    load.take();
    shields.take();
    unanswered = 0;
    slowestMs = 0;
    load.goOnChanging();
    shields.goOnChanging();
    const began = performance.now();
    await delay(BEFORE_SECONDS * 1_000);
    await faults[fault](site);
    const returned = performance.now();
    await delay(AFTER_SECONDS * 1_000);
    const seconds = (performance.now() - began) / 1_000;
    const differences = await untilEqual(site, [load, shields], options.signal);
    const equalAfter = (performance.now() - returned) / 1_000;
    const outcome = await tell(fault, site, load, shields, { seconds, equalAfter, differences });
    outcomes.push({ ...outcome, unanswered, slowestMs });
    say(`${fault}: equal after ${equalAfter.toFixed(1)} s, ${outcome.lost} of ${outcome.acknowledged} lost`);
  }
  return outcomes;
}

function environment(urls: NodeJS.ProcessEnv, databaseUrl: string, folder: string): NodeJS.ProcessEnv {
  return {
    ...urls,
    DATABASE_URL: databaseUrl,
    DIRECTORY_INSTANCE: INSTANCE,
    LOG_LEVEL: 'info',
    AUTH_JWT_SECRET: 'a secret that only this trial knows of',
    // Two accounts ask everything.
    RATE_LIMIT_SEARCHES_PER_MINUTE: '0',
    RATE_LIMIT_ORGANISATION_PER_MINUTE: '0',
    AUDIT_ALERT_EMPTY_SEARCHES: '0',
    AUDIT_ALERT_CHILDREN: '0',
    AUDIT_ALERT_CHILDREN_SHOWN: '0',
    AUDIT_HEADS_FILE: path.join(folder, 'audit-heads.ndjson'),
    PROTECTION_JOURNAL_FILE: path.join(folder, 'protections.ndjson'),
  };
}

async function loadChildren({ children, seed }: TrialOptions, env: NodeJS.ProcessEnv, folder: string): Promise<void> {
  const feed = path.join(folder, 'children.csv');
  const quietly = { ...env, LOG_LEVEL: 'error' };
  await runDirectory(['migrate'], quietly);
  await runDirectory(['generate', '--children', String(children), '--seed', String(seed), '--out', feed], quietly);
  await runDirectory(['import', '--source', 'trial', '--initial', '--json', feed], quietly);
  rmSync(feed);
}

async function tokenOf(role: string, env: NodeJS.ProcessEnv): Promise<string> {
  const quietly = { ...env, LOG_LEVEL: 'error' };
  await runDirectory(['user', 'add', '--username', role, '--role', role, '--authority', AUTHORITY], quietly);
  return (await runDirectory(['token', '--username', role, '--minutes', '60'], quietly)).trim();
}

function orderOf({ faults: chosen, rounds }: TrialOptions, random: () => number): FaultName[] {
  const inTurn = [...chosen];
  const atRandom = Array.from(
    { length: chosen.length * (rounds - 1) },
    () => chosen[Math.floor(random() * chosen.length)] as FaultName,
  );
  return [...inTurn, ...atRandom];
}

/** Lets the changes rest, so that there is something to be equal to, and compares until nothing differs or the time is over. */
async function untilEqual(
  { pool, elasticsearch, instance }: Site,
  changing: { pauseChanges(): Promise<void> }[],
  signal?: AbortSignal,
) {
  let last: Differences = { children: 0, missing: 0, wrong: 0, extra: 0 };
  await Promise.all(changing.map((one) => one.pauseChanges()));
  const look = async () => {
    signal?.throwIfAborted();
    const { rowCount } = await pool.query('select from outbox limit 1');
    if (rowCount !== 0) return false;
    last = await compareWhole(pool, elasticsearch, readAlias(instance));
    return last.missing + last.wrong + last.extra === 0;
  };
  await until(look, { seconds: EQUAL_AT_MOST_SECONDS, every: 100 }).catch(() => undefined);
  return last;
}

interface Times {
  seconds: number;
  equalAfter: number;
  differences: Differences;
}

async function tell(fault: FaultName, { pool }: Site, load: Load, shields: ShieldWatch, times: Times) {
  const figures: LoadFigures = load.take();
  const { probes, shown } = shields.take();
  return {
    fault,
    acknowledged: figures.acknowledged.length,
    lost: await countLost(pool, figures.acknowledged),
    equalAfter: times.equalAfter,
    differences: times.differences,
    probes,
    shown,
    searched: figures.searched,
    missed: figures.missed,
    failed: figures.changesFailed + figures.searchesFailed,
    held: figures.held,
    changesPerSecond: figures.acknowledged.length / times.seconds,
    searchP95: percentile(figures.searchMs, 0.95),
  };
}

/** What must not be, in words; empty where all is well. */
export function breachesOf(outcomes: readonly Struck[], chosen: readonly FaultName[] = faultNames): string[] {
  const breaches: string[] = [];
  for (const fault of chosen)
    if (!outcomes.some((one) => one.fault === fault)) breaches.push(`${fault}: was not tried`);
  for (const { fault, ...one } of outcomes) {
    const { children, missing, wrong, extra } = one.differences;
    const must = (holds: boolean, breach: string) => void (holds || breaches.push(`${fault}: ${breach}`));
    must(one.acknowledged > 0 && one.searched > 0 && one.probes > 0 && children > 0, 'nothing was going on');
    must(one.lost === 0, `${one.lost} changes lost`);
    must(missing + wrong + extra === 0, `${missing} documents missing, ${wrong} wrong, ${extra} too many`);
    must(one.equalAfter <= EQUAL_WITHIN_SECONDS, `equal only after ${one.equalAfter.toFixed(1)} s`);
    must(one.shown === 0, `${one.shown} times something hidden was shown`);
    must(one.unanswered === 0, `${one.unanswered} requests without an end within ${LONGEST_MS / 1_000} s`);
    must(one.missed === 0, `${one.missed} children not found`);
  }
  return breaches;
}

export function tableOf(outcomes: readonly Struck[]): string {
  const row = (cells: (string | number)[]) => `| ${cells.join(' | ')} |`;
  const head = [
    'fault',
    'changes acknowledged',
    'a second',
    'lost',
    'documents',
    'wrong',
    'equal after, s',
    'probes',
    'hidden shown',
    'searches',
    'not found',
    'refused or broken off',
    'not sent',
    'without an end',
    'slowest answer, s',
    'searches p95, ms',
  ];
  return [
    row(head),
    row(head.map((_, at) => (at === 0 ? '---' : '---:'))),
    ...outcomes.map((one) =>
      row([
        one.fault,
        one.acknowledged,
        Math.round(one.changesPerSecond),
        one.lost,
        one.differences.children,
        one.differences.missing + one.differences.wrong + one.differences.extra,
        one.equalAfter.toFixed(1),
        one.probes,
        one.shown,
        one.searched,
        one.missed,
        one.failed,
        one.held,
        one.unanswered,
        (one.slowestMs / 1_000).toFixed(1),
        Math.round(one.searchP95),
      ]),
    ),
  ].join('\n');
}
