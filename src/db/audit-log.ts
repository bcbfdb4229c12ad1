import { type Kysely, sql } from 'kysely';
import pg from 'pg';
import type { Access } from '../caller.js';
import { type AuditEvent, type AuditRow, auditRow } from './audit.js';
import type { Database } from './schema.js';

/**
 * Writes what requests looked at. Whoever comes while rows are on their way to the disk waits, and goes with all who have
 * come by then, in one statement: each waits for its own row, and a busy directory does not wait once for every row.
 */
export interface AuditLog {
  /** Resolves once PostgreSQL has the event on disk. Await it before the answer leaves. */
  record(access: Access, event: AuditEvent): Promise<void>;
}

interface Waiting {
  row: AuditRow;
  written(): void;
  failed(error: unknown): void;
}

const MOST_AT_ONCE = 64;
/** Nobody waits longer than this and for one more write. */
const LONG_MS = 1_000;
/** Data exceptions and violated constraints: the fault is in a row. */
const OF_A_ROW = /^2[23]/;

export function createAuditLog(db: Kysely<Database>): AuditLog {
  const waiting: Waiting[] = [];
  let writing = false;

  async function writeAll(): Promise<void> {
    if (writing) return;
    writing = true;
    while (waiting.length > 0) {
      const began = performance.now();
      const error = await write(db, waiting.splice(0, MOST_AT_ONCE));
      // Else they would wait for the same once more. After a connection that broke off at once the next one may do.
      if (error && performance.now() - began > LONG_MS) for (const { failed } of waiting.splice(0)) failed(error);
    }
    writing = false;
  }

  return {
    record: (access, event) =>
      new Promise((written, failed) => {
        waiting.push({ row: auditRow(access, event), written, failed });
        void writeAll();
      }),
  };
}

/** Never fails itself: each who waits is told. @returns an error that is no row's fault */
async function write(db: Kysely<Database>, batch: Waiting[]): Promise<unknown> {
  try {
    await insertRows(
      db,
      batch.map(({ row }) => row),
    );
  } catch (error) {
    // A row that can't be written is not to take the others with it.
    const ofRow = error instanceof pg.DatabaseError && OF_A_ROW.test(error.code ?? '');
    if (batch.length === 1 || !ofRow) {
      for (const { failed } of batch) failed(error);
      return ofRow ? undefined : error;
    }
    for (const [at, one] of batch.entries()) {
      const lasting = await write(db, [one]);
      if (!lasting) continue;
      for (const { failed } of batch.slice(at + 1)) failed(lasting);
      return lasting;
    }
    return undefined;
  }
  for (const { written } of batch) written();
  return undefined;
}

/** One text however many rows, so that it is prepared once. */
async function insertRows(db: Kysely<Database>, rows: AuditRow[]): Promise<void> {
  const all = <K extends keyof AuditRow>(column: K) => rows.map((row) => row[column]);
  await sql`
    insert into audit_events
      (actor, user_id, role, organisation_id, authority, on_behalf_of, action, reason, child_ids, request_id, details)
    select 'user', user_id, role, organisation_id, authority, on_behalf_of, action, reason, child_ids::uuid[], request_id, details
    from unnest(${all('user_id')}::uuid[], ${all('role')}::text[], ${all('organisation_id')}::uuid[],
      ${all('authority')}::text[], ${all('on_behalf_of')}::uuid[], ${all('action')}::text[], ${all('reason')}::text[],
      ${rows.map((row) => `{${row.child_ids}}`)}::text[], ${all('request_id')}::text[], ${all('details')}::jsonb[])
      as event (user_id, role, organisation_id, authority, on_behalf_of, action, reason, child_ids, request_id, details)`.execute(
    db,
  );
}
