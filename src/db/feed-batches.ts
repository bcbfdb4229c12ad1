import { type Kysely, sql } from 'kysely';
import type pg from 'pg';
import { locks } from './locks.js';
import type { Database } from './schema.js';

export interface NewBatch {
  batchId: string;
  source: string;
}

/** What became of the rows of a feed. */
export interface RowCounts {
  rows: number;
  created: number;
  unchanged: number;
  rejected: number;
}

/**
 * Runs an import that is on record as running while it does run: a lock by the batch's id, on a connection of its own,
 * goes with the process, however that ends.
 */
export async function recordBatch(db: Kysely<Database>, batch: NewBatch, work: () => Promise<void>): Promise<void> {
  const { batchId, source } = batch;
  await db.connection().execute(async (held) => {
    await sql`select pg_advisory_lock(hashtextextended(${batchId}, ${locks.feedBatches}))`.execute(held);
    try {
      await held
        .insertInto('sources')
        .values({ name: source })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
      await held
        .insertInto('feed_batches')
        .values({ id: batchId, source, state: 'running', initial: true, ended_at: null })
        .execute();
      try {
        await work();
      } catch (error) {
        // Where not even this can be written, the next import or worker will.
        await endBatch(db, batchId, 'failed').catch(() => undefined);
        throw error;
      }
      await endBatch(db, batchId, 'done');
    } finally {
      await sql`select pg_advisory_unlock(hashtextextended(${batchId}, ${locks.feedBatches}))`
        .execute(held)
        .catch(() => undefined);
    }
  });
}

async function endBatch(db: Kysely<Database>, batchId: string, state: 'done' | 'failed'): Promise<void> {
  await db.updateTable('feed_batches').set({ state, ended_at: new Date() }).where('id', '=', batchId).execute();
}

/** Marks as failed whatever is on record as running and runs no more: its process was killed. @returns how many */
export async function failAbandonedBatches(db: Kysely<Database>): Promise<number> {
  const { numAffectedRows } = await sql`
    update feed_batches set state = 'failed', ended_at = now()
    where state = 'running' and pg_try_advisory_xact_lock(hashtextextended(id::text, ${locks.feedBatches}))`.execute(
    db,
  );
  return Number(numAffectedRows ?? 0);
}

/** Adds to a batch what became of some of its rows, in the transaction that made it so. */
export async function addToBatch(
  client: pg.PoolClient,
  batchId: string,
  counts: RowCounts,
  rejects: { line: number; reason: string }[],
): Promise<void> {
  const { rows, created, unchanged, rejected } = counts;
  if (rejects.length > 0) {
    await client.query(
      'insert into feed_rejects (batch_id, line, reason) select $1, line, reason from unnest($2::int[], $3::text[]) r (line, reason)',
      [batchId, rejects.map((reject) => reject.line), rejects.map((reject) => reject.reason)],
    );
  }
  await client.query(
    `update feed_batches set rows = rows + $2, created = created + $3, unchanged = unchanged + $4, rejected = rejected + $5
     where id = $1`,
    [batchId, rows, created, unchanged, rejected],
  );
}
