import type { Readable } from 'node:stream';
import pg from 'pg';
import { v7 as uuid } from 'uuid';
import { IndexRetryError, indexLoaded } from '../../../workers/index-children.js';
import type { Context } from '../../context.js';
import { recordSystemAudit } from '../../db/audit.js';
import { refreshNameFrequencies } from '../../db/name-frequencies.js';
import { drawFreeNumbers } from '../../db/numbers.js';
import { CommandError, UsageError } from '../../errors.js';
import { ensureIndex, writeAlias } from '../../search/aliases.js';
import { todayInEngland } from '../child-age.js';
import { type FeedRow, rowProblem } from './feed-row.js';
import { hashRow, type LoadRow, loadBatch } from './load-batch.js';
import { type FeedEntry, type FeedFormat, readFeed } from './read-feed.js';

/** One line of the report. `childId` where the row is a child, `reason` where it was refused. */
export interface ReportLine {
  line: number;
  source_id: string | null;
  outcome: 'created' | 'unchanged' | 'rejected';
  childId: string | null;
  reason: string | null;
}

export interface ImportCounts {
  batchId: string;
  rows: number;
  created: number;
  unchanged: number;
  rejected: number;
  /** Children whose document the index had acknowledged when the import ended. */
  indexed: number;
}

export interface ImportOptions {
  source: string;
  format: FeedFormat;
  /** Takes each line of the report; a returned promise holds the import back. */
  report?: (lines: ReportLine[]) => void | Promise<void>;
  progress?: (counts: ImportCounts) => void;
}

const BATCH = 1_000;
const INDEXING_AT_ONCE = 2;
const UNIQUE_VIOLATION = '23505';

/**
 * Loads a feed without matching: into an empty directory, or beside other sources while nothing is shielded, since a
 * second, open record of a shielded child would give it away. Every row ends in the report; a batch goes in whole or
 * not at all; a run that was broken off is carried on by running it again.
 * @throws UsageError for a file that is no feed, CommandError where loading without matching would be unsafe
 */
export async function importInitial(context: Context, input: Readable, options: ImportOptions): Promise<ImportCounts> {
  const { source } = options;
  if (!/^[a-z0-9][a-z0-9_-]{0,39}$/.test(source)) {
    throw new UsageError('A source is named by up to 40 lower-case letters, digits, hyphens and underscores');
  }
  await refuseBesideShields(context);
  await ensureIndex(context);
  const counts: ImportCounts = { batchId: uuid(), rows: 0, created: 0, unchanged: 0, rejected: 0, indexed: 0 };
  await openBatch(context, source, counts.batchId);
  try {
    await loadAll(context, input, options, counts);
  } catch (error) {
    await closeBatch(context, counts, 'failed');
    throw error;
  }
  await refreshNameFrequencies(context.db);
  await closeBatch(context, counts, 'done');
  const { rows, created, unchanged, rejected } = counts;
  await recordSystemAudit(context.db, { action: 'import', details: { source, rows, created, unchanged, rejected } });
  return counts;
}

/** Brings what a load leaves in many segments into one: searches then ask once where they asked dozens of times. */
export async function mergeSegments(context: Context): Promise<void> {
  const index = writeAlias(context.config.instance);
  await context.elasticsearch.indices.refresh({ index });
  await context.elasticsearch.indices.forcemerge({ index, max_num_segments: 1 }, { requestTimeout: 3_600_000 });
}

async function loadAll(context: Context, input: Readable, options: ImportOptions, counts: ImportCounts): Promise<void> {
  const today = todayInEngland();
  let lines: ReportLine[] = [];
  let batch: { line: number; row: FeedRow }[] = [];
  const indexing = createLane(INDEXING_AT_ONCE);

  const flush = async () => {
    const loaded = await loadRows(context, options.source, counts.batchId, batch);
    await recordRejects(context, counts.batchId, [...lines, ...loaded]);
    await options.report?.([...lines, ...loaded]);
    for (const { outcome } of loaded) counts[outcome]++;
    counts.rejected += lines.length;
    counts.rows += lines.length + loaded.length;
    lines = [];
    batch = [];
    const created = loaded.flatMap((entry) => (entry.outcome === 'created' ? (entry.childId as string) : []));
    // PostgreSQL takes the next batch while Elasticsearch takes the last ones.
    await indexing.start(async () => {
      await indexAll(context, created);
      counts.indexed += created.length;
    });
    options.progress?.(counts);
  };

  for await (const entry of readFeed(input, options.format)) {
    const problem = problemOf(entry, today);
    if (problem === undefined && 'row' in entry) batch.push({ line: entry.line, row: entry.row });
    else {
      const sourceId = 'row' in entry ? entry.row.source_id.slice(0, 100) : null;
      lines.push({ line: entry.line, source_id: sourceId, outcome: 'rejected', childId: null, reason: problem ?? '' });
    }
    if (batch.length + lines.length >= BATCH) await flush();
  }
  await flush();
  await indexing.finish();
  options.progress?.(counts);
}

function problemOf(entry: FeedEntry, today: string): string | undefined {
  if ('problem' in entry) return entry.problem;
  const { line, upTo = line, row } = entry;
  const problem = rowProblem(row, today);
  return problem && upTo > line ? `${problem} (lines ${line} to ${upTo})` : problem;
}

interface Lane {
  /** Starts the work once fewer than the allowed number run. @throws what an earlier work threw */
  start(work: () => Promise<void>): Promise<void>;
  finish(): Promise<void>;
}

function createLane(atOnce: number): Lane {
  const running = new Set<Promise<void>>();
  let failed: { error: unknown } | undefined;
  return {
    async start(work) {
      while (running.size >= atOnce) await Promise.race(running);
      if (failed) throw failed.error;
      const run: Promise<void> = work()
        .catch((error: unknown) => {
          failed ??= { error };
        })
        .finally(() => running.delete(run));
      running.add(run);
    },
    async finish() {
      await Promise.all(running);
      if (failed) throw failed.error;
    },
  };
}

/** Loads the rows that are new, in one transaction. @returns the outcome of each row, in order */
async function loadRows(
  context: Context,
  source: string,
  batchId: string,
  rows: { line: number; row: FeedRow }[],
): Promise<ReportLine[]> {
  if (rows.length === 0) return [];
  for (let attempt = 1; ; attempt++) {
    const client = await context.pool.connect();
    try {
      await client.query('begin');
      const { outcomes, fresh } = await sortOut(client, context, source, batchId, rows);
      await addAuthorities(client, fresh);
      await loadBatch(client, source, batchId, fresh);
      await client.query('commit');
      return outcomes;
    } catch (error) {
      await client.query('rollback').catch(() => undefined);
      // Somebody took a number, or the same feed runs twice: with fresh eyes the rows sort out.
      if (error instanceof pg.DatabaseError && error.code === UNIQUE_VIOLATION && attempt < 3) continue;
      throw error;
    } finally {
      client.release();
    }
  }
}

interface Known {
  source_id: string;
  child_id: string;
  batch_id: string;
  row_hash: Buffer;
}

async function sortOut(
  client: pg.PoolClient,
  context: Context,
  source: string,
  batchId: string,
  rows: { line: number; row: FeedRow }[],
): Promise<{ outcomes: ReportLine[]; fresh: LoadRow[] }> {
  const { rows: known } = await client.query<Known>(
    'select source_id, child_id, batch_id, row_hash from source_records where source = $1 and source_id = any($2)',
    [source, rows.map(({ row }) => row.source_id)],
  );
  const bySourceId = new Map(known.map((record) => [record.source_id, record]));
  const numbers = await drawFreeNumbers(context.db, rows.length);
  const fresh: LoadRow[] = [];
  const outcomes = rows.map(({ line, row }, position): ReportLine => {
    const report = { line, source_id: row.source_id };
    const hash = hashRow(row);
    const earlier = bySourceId.get(row.source_id);
    if (!earlier) {
      const childId = uuid();
      fresh.push({ line, row, childId, number: numbers[position] as string, hash });
      bySourceId.set(row.source_id, { source_id: row.source_id, child_id: childId, batch_id: batchId, row_hash: hash });
      return { ...report, outcome: 'created', childId, reason: null };
    }
    if (earlier.batch_id === batchId) {
      return { ...report, outcome: 'rejected', childId: null, reason: 'source_id: occurs before in this file' };
    }
    if (earlier.row_hash.equals(hash))
      return { ...report, outcome: 'unchanged', childId: earlier.child_id, reason: null };
    const reason = 'source_id: known with other values, which loading without matching does not change';
    return { ...report, outcome: 'rejected', childId: null, reason };
  });
  return { outcomes, fresh };
}

async function addAuthorities(client: pg.PoolClient, fresh: LoadRow[]): Promise<void> {
  const codes = [...new Set(fresh.map(({ row }) => row.authority).filter((code) => code !== ''))];
  if (codes.length === 0) return;
  await client.query(
    'insert into authorities (code, name) select code, code from unnest($1::text[]) code on conflict do nothing',
    [codes.sort()],
  );
}

/** Indexes in place of a worker. A document that has to wait keeps its outbox entry, so the workers will see to it. */
async function indexAll(context: Context, childIds: string[]): Promise<void> {
  const ATTEMPTS = 5;
  for (let attempt = 1; ; attempt++) {
    try {
      await indexLoaded(context, childIds);
      return;
    } catch (error) {
      if (!(error instanceof IndexRetryError) || attempt === ATTEMPTS) throw error;
      await new Promise((resolve) => setTimeout(resolve, 250 * 2 ** attempt));
    }
  }
}

async function refuseBesideShields(context: Context): Promise<void> {
  const shield = await context.db
    .selectFrom('shields')
    .select('id')
    .where('lifted_at', 'is', null)
    .limit(1)
    .executeTakeFirst();
  if (shield) {
    throw new CommandError(
      'This directory holds shielded children. Loading without matching could give one of them a second, open record, so --initial is refused.',
    );
  }
}

async function openBatch(context: Context, source: string, batchId: string): Promise<void> {
  await context.db
    .insertInto('sources')
    .values({ name: source })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  await context.db
    .insertInto('feed_batches')
    .values({ id: batchId, source, state: 'running', initial: true, ended_at: null })
    .execute();
}

async function closeBatch(context: Context, counts: ImportCounts, state: 'done' | 'failed'): Promise<void> {
  const { rows, created, unchanged, rejected } = counts;
  await context.db
    .updateTable('feed_batches')
    .set({ state, rows, created, unchanged, rejected, ended_at: new Date() })
    .where('id', '=', counts.batchId)
    .execute();
}

async function recordRejects(context: Context, batchId: string, lines: ReportLine[]): Promise<void> {
  const rejected = lines.filter((line) => line.outcome === 'rejected');
  if (rejected.length === 0) return;
  await context.db
    .insertInto('feed_rejects')
    .values(rejected.map(({ line, reason }) => ({ batch_id: batchId, line, reason: reason ?? '' })))
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}
