import { type Kysely, sql, type Transaction } from 'kysely';
import type { Database } from './schema.js';

/** Of a shield as it was set. */
export interface NotedShield {
  shieldId: string;
  reason: Database['shields']['reason'];
  authority: string;
  reviewOn: string;
  setBy: string | null;
}

/** What a restored backup must not undo. */
export interface Protection {
  sequence: number;
  at: string;
  kind: 'shield' | 'unshield' | 'destroy';
  childId: string;
  number: string;
  shield: NotedShield | null;
}

const PROTECTION_LOCK = 7_203_160;

/** Entries after that one, in the order in which they were committed. */
export async function findProtections(db: Kysely<Database>, after: number, limit: number): Promise<Protection[]> {
  const { rows } = await sql<Protection>`
    select sequence, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at, kind, child_id as "childId",
      number, shield
    from protections where sequence > ${after} order by sequence limit ${limit}`.execute(db);
  return rows;
}

export async function findLastProtection(db: Kysely<Database>): Promise<Protection | undefined> {
  const { rows } = await sql<{ last: number | null }>`select max(sequence) as last from protections`.execute(db);
  const last = rows[0]?.last;
  return last ? (await findProtections(db, last - 1, 1))[0] : undefined;
}

/** From here to the end of the transaction nobody notes anything, and what is done here is not noted a second time. */
export async function beginReplay(trx: Transaction<Database>): Promise<void> {
  await sql`select pg_advisory_xact_lock(${PROTECTION_LOCK})`.execute(trx);
  await sql`set local directory.replaying = 'on'`.execute(trx);
}

export async function insertProtection(trx: Transaction<Database>, entry: Protection): Promise<void> {
  const shield = entry.shield && JSON.stringify(entry.shield);
  await sql`
    insert into protections (sequence, at, kind, child_id, number, shield)
    values (${entry.sequence}, ${entry.at}::timestamptz, ${entry.kind}, ${entry.childId}, ${entry.number}, ${shield}::jsonb)`.execute(
    trx,
  );
}

/** Sets the shield anew, by whoever set it where they are known here, for whichever authority is. */
export async function insertNotedShield(
  trx: Transaction<Database>,
  childId: string,
  shield: NotedShield,
): Promise<void> {
  await sql`
    insert into shields (id, child_id, reason, authority, review_on, set_by)
    select ${shield.shieldId}, c.id, ${shield.reason}, coalesce((select code from authorities where code = ${shield.authority}), c.authority),
      ${shield.reviewOn}::date, (select u.id from users u where u.id = ${shield.setBy}::uuid)
    from children c where c.id = ${childId}`.execute(trx);
}

/** The number alone, of a child whom this database never held. */
export async function insertTombstone(
  trx: Transaction<Database>,
  child: { childId: string; number: string },
): Promise<void> {
  await sql`
    insert into destroyed_numbers (number, child_id, version) values (${child.number}, ${child.childId}, 1)
    on conflict do nothing`.execute(trx);
}

/**
 * Whoever was signed in when the backup was made may have been shut out since: also by a token of the identity provider, or
 * verified on the telephone.
 */
export async function revokeEverySession(trx: Transaction<Database>): Promise<void> {
  await sql`update users set tokens_not_before = now()`.execute(trx);
  await trx.updateTable('sessions').set({ revoked_at: new Date() }).where('revoked_at', 'is', null).execute();
}
