import { type Kysely, sql, type Transaction } from 'kysely';
import type pg from 'pg';
import { v7 as uuid } from 'uuid';
import type { Database } from './schema.js';

/** Held by who sets a shield, and shared by those who make children without comparing them with shielded ones. */
const SHIELD_LOCK = 7_203_130;

export interface NewShield {
  childId: string;
  reason: Database['shields']['reason'];
  authority: string;
  reviewOn: string;
  setBy: string;
}

/**
 * Children whose shield stands but is not yet known to be in the index: a search must leave them out by id. Archived
 * ones are in no index, and in no answer.
 */
export async function findUnacknowledgedShields(db: Kysely<Database>): Promise<string[]> {
  const rows = await db
    .selectFrom('shields')
    .innerJoin('children', 'children.id', 'shields.child_id')
    .select('child_id')
    .where('lifted_at', 'is', null)
    .where('index_acknowledged_at', 'is', null)
    .where('archived_at', 'is', null)
    .execute();
  return rows.map((row) => row.child_id);
}

/**
 * Lets no shield be set until the client's current transaction has ended.
 * @returns false where one stands already
 */
export async function holdShieldsBack(client: pg.ClientBase): Promise<boolean> {
  await client.query('select pg_advisory_xact_lock_shared($1)', [SHIELD_LOCK]);
  const { rowCount } = await client.query('select from shields where lifted_at is null limit 1');
  return rowCount === 0;
}

/** Waits for those who hold shields back. */
export async function insertShield(trx: Transaction<Database>, shield: NewShield): Promise<string> {
  const id = uuid();
  await sql`select pg_advisory_xact_lock(${SHIELD_LOCK})`.execute(trx);
  await trx
    .insertInto('shields')
    .values({
      id,
      child_id: shield.childId,
      reason: shield.reason,
      authority: shield.authority,
      review_on: shield.reviewOn,
      set_by: shield.setBy,
      lifted_by: null,
      lifted_at: null,
      index_acknowledged_at: null,
    })
    .execute();
  return id;
}

export async function updateShield(
  trx: Transaction<Database>,
  childId: string,
  shield: Pick<NewShield, 'reason' | 'reviewOn'>,
): Promise<void> {
  await trx
    .updateTable('shields')
    .set({ reason: shield.reason, review_on: shield.reviewOn })
    .where('child_id', '=', childId)
    .where('lifted_at', 'is', null)
    .execute();
}

export async function liftShield(trx: Transaction<Database>, childId: string, liftedBy: string): Promise<void> {
  await sql`
    update shields set lifted_at = now(), lifted_by = ${liftedBy}
    where child_id = ${childId} and lifted_at is null`.execute(trx);
}
