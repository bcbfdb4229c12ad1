import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { errors } from '@elastic/elasticsearch';
import { v7 as uuid } from 'uuid';
import type { Context } from '../../context.js';
import { recordSystemAudit } from '../../db/audit.js';
import { failAbandonedBatches, type RowCounts, recordBatch } from '../../db/feed-batches.js';
import { refreshNameFrequencies } from '../../db/name-frequencies.js';
import { UsageError } from '../../errors.js';
import { ensureIndex, writeAlias } from '../../search/aliases.js';
import { hasMerged, startMerging } from '../../search/merge-segments.js';
import { todayInEngland } from '../child-age.js';
import { IndexRetryError, indexLoaded } from '../index/write-documents.js';
import { rowProblem } from './feed-row.js';
import { countOutcomes, type Loading, loadRows, type ReportLine, type Rows } from './load-rows.js';
import { type FeedEntry, type FeedFormat, readFeed } from './read-feed.js';

export type { ReportLine } from './load-rows.js';

export interface ImportCounts extends RowCounts {
  batchId: string;
  /** Children whose document the index had acknowledged when the import ended. */
  indexed: number;
}

export interface ImportOptions {
  source: string;
  format: FeedFormat;
  /** Takes the lines of the report, in the order of the file; a returned promise holds the import back. */
  report?: (lines: ReportLine[]) => void | Promise<void>;
  progress?: (counts: ImportCounts) => void;
}

/** Rows of a transaction, and of a request to the index. */
const BATCH = 500;
/** PostgreSQL takes two batches at once while Elasticsearch takes two that are in PostgreSQL: nobody waits for another's answer. */
const LOADING_AT_ONCE = 2;
const INDEXING_AT_ONCE = 2;

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
  await failAbandonedBatches(context.db);
  await ensureIndex(context);
  const counts: ImportCounts = { batchId: uuid(), rows: 0, created: 0, unchanged: 0, rejected: 0, indexed: 0 };
  await recordBatch(context.db, { batchId: counts.batchId, source }, async () => {
    await loadAll(context, input, options, counts);
    await refreshNameFrequencies(context.db);
  });
  const { rows, created, unchanged, rejected } = counts;
  await recordSystemAudit(context.db, { action: 'import', details: { source, rows, created, unchanged, rejected } });
  return counts;
}

/** After a load; returns when it is done. */
export async function mergeSegments(context: Context): Promise<void> {
  const task = await startMerging(context, writeAlias(context.config.instance));
  if (task !== undefined) await hasMerged(context, task);
}

async function loadAll(context: Context, input: Readable, options: ImportOptions, counts: ImportCounts): Promise<void> {
  const today = todayInEngland();
  const loading: Loading = { source: options.source, batchId: counts.batchId, authorities: new Set() };
  const loads = createLane<ReportLine[]>(LOADING_AT_ONCE, async (lines) => {
    await options.report?.(lines);
    const loaded = countOutcomes(lines);
    for (const count of ['rows', 'created', 'unchanged', 'rejected'] as const) counts[count] += loaded[count];
    await indexing.add(
      indexAll(
        context,
        lines.flatMap((line) => (line.outcome === 'created' && line.childId) || []),
      ),
    );
    options.progress?.(counts);
  });
  const indexing = createLane<number>(INDEXING_AT_ONCE, (indexed) => {
    counts.indexed += indexed;
  });

  try {
    let rows: Rows = { sound: [], rejected: [] };
    for await (const entry of readFeed(input, options.format)) {
      sort(entry, rows, today);
      if (rows.sound.length + rows.rejected.length < BATCH) continue;
      await loads.add(loadRows(context, loading, rows));
      rows = { sound: [], rejected: [] };
    }
    await loads.add(loadRows(context, loading, rows));
    await loads.finish();
    await indexing.finish();
  } catch (error) {
    // Nothing may go on behind the back of whoever hears of the failure.
    await Promise.all([loads.idle(), indexing.idle()]);
    throw error;
  }
  options.progress?.(counts);
}

function sort(entry: FeedEntry, rows: Rows, today: string): void {
  const problem = problemOf(entry, today);
  if (problem === undefined && 'row' in entry) rows.sound.push({ line: entry.line, row: entry.row });
  else {
    const sourceId = 'row' in entry ? entry.row.source_id.slice(0, 100) : null;
    rows.rejected.push({
      line: entry.line,
      source_id: sourceId,
      outcome: 'rejected',
      childId: null,
      reason: problem ?? '',
    });
  }
}

function problemOf(entry: FeedEntry, today: string): string | undefined {
  if ('problem' in entry) return entry.problem;
  const { line, upTo = line, row } = entry;
  const problem = rowProblem(row, today);
  return problem && upTo > line ? `${problem} (lines ${line} to ${upTo})` : problem;
}

/** Work that goes on at once, up to a limit, and whose results are taken in order. */
interface Lane<T> {
  /** Takes the oldest results until fewer than the limit are under way. @throws what that work, or its taking, threw */
  add(work: Promise<T>): Promise<void>;
  /** Takes all. */
  finish(): Promise<void>;
  /** Resolves when nothing is under way any more, however it ended. */
  idle(): Promise<void>;
}

function createLane<T>(atOnce: number, take: (result: T) => void | Promise<void>): Lane<T> {
  const running: Promise<T>[] = [];
  const takeUntil = async (most: number) => {
    while (running.length > most) await take(await (running.shift() as Promise<T>));
  };
  return {
    async add(work) {
      // Whoever takes the result hears of a failure; until then it is nobody's.
      work.catch(() => undefined);
      running.push(work);
      await takeUntil(atOnce - 1);
    },
    finish: () => takeUntil(0),
    async idle() {
      await Promise.allSettled(running);
    },
  };
}

/** Indexes in place of a worker. A document that has to wait keeps its outbox entry, so the workers will see to it. */
async function indexAll(context: Context, childIds: string[]): Promise<number> {
  const ATTEMPTS = 5;
  for (let attempt = 1; ; attempt++) {
    try {
      if (childIds.length > 0) await indexLoaded(context, childIds);
      return childIds.length;
    } catch (error) {
      const passing = error instanceof IndexRetryError || error instanceof errors.ElasticsearchClientError;
      if (!passing || attempt === ATTEMPTS) throw error;
      await delay(250 * 2 ** attempt);
    }
  }
}
