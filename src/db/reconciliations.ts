import { type Kysely, sql } from 'kysely';
import { v7 as uuid } from 'uuid';
import { locks } from './locks.js';
import type { Database } from './schema.js';

/** A check of the index against PostgreSQL. Counts are those known so far. */
export interface Reconciliation {
  reconciliationId: string;
  deep: boolean;
  state: 'requested' | 'running' | 'done' | 'failed';
  requestedAt: Date;
  startedAt: Date | null;
  endedAt: Date | null;
  index: string | null;
  records: number;
  documents: number;
  bucketsCompared: number;
  missing: number;
  stale: number;
  extra: number;
  repaired: number;
  reason: string | null;
}

/** Rows of the history are kept by number: a year of checks every five minutes. */
const KEPT = 100_000;
/** Shares of the buckets that checks compare id by id in turn, whatever their sums say. */
export const TURNS = 64;

function reconciliations(db: Kysely<Database>) {
  return db
    .selectFrom('index_reconciliations')
    .select([
      'id as reconciliationId',
      'deep',
      'state',
      'requested_at as requestedAt',
      'started_at as startedAt',
      'ended_at as endedAt',
      'index_name as index',
      'records',
      'documents',
      'buckets_compared as bucketsCompared',
      'missing',
      'stale',
      'extra',
      'repaired',
      'reason',
    ]);
}

/** One that waits already, and is as deep, does for both. @returns its id */
export async function requestReconciliation(
  db: Kysely<Database>,
  { deep, requestedBy = null }: { deep: boolean; requestedBy?: string | null },
): Promise<string> {
  const waiting = await db
    .selectFrom('index_reconciliations')
    .select('id')
    .where('state', '=', 'requested')
    .where('deep', '=', deep)
    .executeTakeFirst();
  if (waiting) return waiting.id;
  const id = uuid();
  await db.insertInto('index_reconciliations').values({ id, deep, requested_by: requestedBy }).execute();
  return id;
}

export async function findRequested(
  db: Kysely<Database>,
): Promise<Pick<Reconciliation, 'reconciliationId' | 'deep'>[]> {
  return db
    .selectFrom('index_reconciliations')
    .select(['id as reconciliationId', 'deep'])
    .where('state', '=', 'requested')
    .orderBy('requested_at')
    .execute();
}

/** Begins one, and says of those that were broken off that they were: whoever begins holds the lock. @returns whose turn it is */
export async function beginReconciliation(db: Kysely<Database>, id: string, indexName: string): Promise<number> {
  await sql`
    update index_reconciliations set state = 'failed', ended_at = now(), reason = 'broken off' where state = 'running'`.execute(
    db,
  );
  await sql`
    delete from index_reconciliations where id in (
      select id from index_reconciliations order by requested_at desc offset ${KEPT})`.execute(db);
  const { rows } = await sql<{ turn: number }>`
    update index_reconciliations set state = 'running', started_at = now(), index_name = ${indexName},
      turn = coalesce((select (turn + 1) % ${TURNS}::int from index_reconciliations
        where turn is not null order by requested_at desc limit 1), 0)
    where id = ${id} returning turn`.execute(db);
  return rows[0]?.turn ?? 0;
}

export type Outcome = Pick<
  Reconciliation,
  'records' | 'documents' | 'bucketsCompared' | 'missing' | 'stale' | 'extra' | 'repaired' | 'reason'
> & { state: 'done' | 'failed' };

export async function endReconciliation(db: Kysely<Database>, id: string, outcome: Outcome): Promise<void> {
  const { bucketsCompared, ...columns } = outcome;
  await db
    .updateTable('index_reconciliations')
    .set({ ...columns, buckets_compared: bucketsCompared, ended_at: new Date() })
    .where('id', '=', id)
    .execute();
}

export async function findReconciliation(db: Kysely<Database>, id: string): Promise<Reconciliation | undefined> {
  return reconciliations(db).where('id', '=', id).executeTakeFirst();
}

/** The latest first. */
export async function listReconciliations(db: Kysely<Database>, limit: number): Promise<Reconciliation[]> {
  return reconciliations(db).orderBy('requested_at', 'desc').limit(limit).execute();
}

export async function findLastDone(db: Kysely<Database>): Promise<Reconciliation | undefined> {
  return reconciliations(db).where('state', '=', 'done').orderBy('requested_at', 'desc').limit(1).executeTakeFirst();
}

/**
 * Does the work while nobody else does such work, here or elsewhere. Should the process die, so does its connection, and
 * with it the lock.
 * @returns undefined, with nothing done, where somebody else is at it
 */
export async function aloneReconciling<T>(db: Kysely<Database>, work: () => Promise<T>): Promise<T | undefined> {
  return db.connection().execute(async (connection) => {
    const { rows } = await sql<{ taken: boolean }>`select pg_try_advisory_lock(${locks.reconciling}) as taken`.execute(
      connection,
    );
    if (!rows[0]?.taken) return undefined;
    try {
      return await work();
    } finally {
      await sql`select pg_advisory_unlock(${locks.reconciling})`.execute(connection);
    }
  });
}
