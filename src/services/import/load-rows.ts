import pg from 'pg';
import { v7 as uuid } from 'uuid';
import type { Context } from '../../context.js';
import { addToBatch, type RowCounts } from '../../db/feed-batches.js';
import { drawFreeNumbers } from '../../db/numbers.js';
import { holdShieldsBack } from '../../db/shields.js';
import { CommandError } from '../../errors.js';
import type { FeedRow } from './feed-row.js';
import { hashRow, type LoadRow, loadBatch } from './load-batch.js';

/** One line of the report. `childId` where the row is a child, `reason` where it was refused. */
export interface ReportLine {
  line: number;
  source_id: string | null;
  outcome: 'created' | 'unchanged' | 'rejected';
  childId: string | null;
  reason: string | null;
}

/** Rows of a feed that go in together or not at all. */
export interface Rows {
  /** Checked: to be loaded unless known. */
  sound: { line: number; row: FeedRow }[];
  rejected: ReportLine[];
}

/** Which import they belong to. */
export interface Loading {
  source: string;
  batchId: string;
  /** Authorities that are known to be on record: few, and in every row. */
  authorities: Set<string>;
}

/** Two of the same feed at once, or two that take the same number, get into each other's way. With fresh eyes the rows sort out. */
const PASSING = ['23505', '40P01'];
const ATTEMPTS = 4;

/**
 * Loads the rows that are new, and puts on record what became of all, in one transaction.
 * @returns the outcome of each row, in the order of the file
 * @throws CommandError once a shield stands
 */
export async function loadRows(context: Context, loading: Loading, rows: Rows): Promise<ReportLine[]> {
  for (let attempt = 1; ; attempt++) {
    const numbers = await drawFreeNumbers(context.db, rows.sound.length);
    const client = await context.pool.connect();
    try {
      await client.query('begin');
      await refuseBesideShields(client);
      const { outcomes, fresh } = await sortOut(client, loading, rows.sound, numbers);
      const authorities = await addAuthorities(client, loading, fresh);
      await loadBatch(client, loading.source, loading.batchId, fresh);
      const lines = [...rows.rejected, ...outcomes].sort((a, b) => a.line - b.line);
      const rejects = lines.flatMap(({ line, reason }) => (reason === null ? [] : [{ line, reason }]));
      await addToBatch(client, loading.batchId, countOutcomes(lines), rejects);
      await client.query('commit');
      for (const code of authorities) loading.authorities.add(code);
      return lines;
    } catch (error) {
      await client.query('rollback').catch(() => undefined);
      const passing = error instanceof pg.DatabaseError && PASSING.includes(error.code ?? '');
      if (!passing || attempt === ATTEMPTS) throw error;
    } finally {
      client.release();
    }
  }
}

export function countOutcomes(lines: ReportLine[]): RowCounts {
  const counts = { rows: lines.length, created: 0, unchanged: 0, rejected: 0 };
  for (const { outcome } of lines) counts[outcome]++;
  return counts;
}

/** In each batch again: the directory may be in use, and a shield set, while a file of hours is read. */
async function refuseBesideShields(client: pg.PoolClient): Promise<void> {
  if (await holdShieldsBack(client)) return;
  throw new CommandError(
    'This directory holds shielded children. Loading without matching could give one of them a second, open record, so --initial is refused.',
  );
}

interface Known {
  source_id: string;
  child_id: string;
  batch_id: string;
  row_hash: Buffer;
}

async function sortOut(
  client: pg.PoolClient,
  { source, batchId }: Loading,
  rows: Rows['sound'],
  numbers: string[],
): Promise<{ outcomes: ReportLine[]; fresh: LoadRow[] }> {
  const { rows: known } = await client.query<Known>(
    'select source_id, child_id, batch_id, row_hash from source_records where source = $1 and source_id = any($2)',
    [source, rows.map(({ row }) => row.source_id)],
  );
  const bySourceId = new Map(known.map((record) => [record.source_id, record]));
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

/** @returns those that are on record once the transaction has been committed */
async function addAuthorities(client: pg.PoolClient, { authorities }: Loading, fresh: LoadRow[]): Promise<string[]> {
  const codes = new Set(fresh.map(({ row }) => row.authority));
  const added = [...codes].filter((code) => code !== '' && !authorities.has(code)).sort();
  if (added.length > 0) {
    await client.query(
      'insert into authorities (code, name) select code, code from unnest($1::text[]) code on conflict do nothing',
      [added],
    );
  }
  return added;
}
