import { type Kysely, sql, type Transaction } from 'kysely';
import { locks } from './locks.js';
import type { Database } from './schema.js';

/** Of a shield as it was set. */
export interface NotedShield {
  shieldId: string;
  reason: Database['shields']['reason'];
  authority: string;
  reviewOn: string;
  setBy: string | null;
}

/** A part of a record that was removed. */
export interface NotedPart {
  part: 'services' | 'involvements';
  id: string;
}

/** An account as it was from then on. */
export interface NotedAccount {
  userId: string;
  role: string;
  authority: string | null;
  mayOverrideShields: boolean;
  closed: boolean;
}

interface Entry {
  sequence: number;
  at: string;
}

interface OfChild extends Entry {
  childId: string;
  number: string;
}

/** What a restored backup must not undo. */
export type Protection =
  | (OfChild & { kind: 'shield' | 'unshield' | 'destroy'; shield: NotedShield | null; details?: null })
  | (OfChild & { kind: 'archive' | 'unarchive'; shield?: null; details?: null })
  | (OfChild & { kind: 'remove'; shield?: null; details: NotedPart })
  | (OfChild & { kind: 'consent'; shield?: null; details: { given: boolean } })
  | (Entry & { kind: 'account'; childId: null; number: null; shield?: null; details: NotedAccount });

/** Entries after that one, in the order in which they were committed. */
export async function findProtections(db: Kysely<Database>, after: number, limit: number): Promise<Protection[]> {
  const { rows } = await sql<Protection>`
    select sequence, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at, kind, child_id as "childId",
      number, shield, details
    from protections where sequence > ${after} order by sequence limit ${limit}`.execute(db);
  return rows;
}

export async function findLastProtection(db: Kysely<Database>): Promise<Protection | undefined> {
  const { rows } = await sql<{ last: number | null }>`select max(sequence) as last from protections`.execute(db);
  const last = rows[0]?.last;
  return last ? (await findProtections(db, last - 1, 1))[0] : undefined;
}

/** Entries with these numbers. */
export async function findProtectionsBetween(db: Kysely<Database>, from: number, to: number): Promise<Protection[]> {
  return findProtections(db, from - 1, Math.max(0, to - from + 1));
}

/** The first entry after that one, where it is older than so many seconds: workers should have written it to their journal. */
export async function findUnexported(
  db: Kysely<Database>,
  after: number,
  seconds: number,
): Promise<{ childId: string | null; number: string | null } | undefined> {
  const { rows } = await sql<{ childId: string | null; number: string | null }>`
    select child_id as "childId", number from protections
    where sequence = ${after + 1} and at < clock_timestamp() - make_interval(secs => ${seconds})`.execute(db);
  return rows[0];
}

export interface Unprotected {
  /**
   * `lifted`: noted as shielded last, and no shield stands. `not-noted`: a shield stands that a restore would not set
   * again. `returned`: destroyed, and there again. `number-free`: destroyed, and the number might be given out again.
   * `destroyed-not-noted`: destroyed, and a restore would bring the record back.
   */
  kind: 'lifted' | 'not-noted' | 'returned' | 'number-free' | 'destroyed-not-noted';
  childId: string;
  number: string;
}

/**
 * Where what stands differs from what was noted last of each child: each shield and each destruction notes itself by a
 * trigger in its own transaction, so there is no moment at which they lawfully do. Whoever was shielded and is not held at all,
 * as after a restore, is no difference. @param limit of each kind
 */
export async function findUnprotected(db: Kysely<Database>, limit: number): Promise<Unprotected[]> {
  const standing = (childId: ReturnType<typeof sql>) =>
    sql`exists (select from shields s where s.child_id = ${childId} and s.lifted_at is null)`;
  // A statement, and so a snapshot, each.
  const looks = [
    sql<Unprotected>`
      select 'lifted' as kind, p.child_id as "childId", p.number from protections p join children c on c.id = p.child_id
      where p.kind = 'shield' and not ${standing(sql`p.child_id`)}
        and not exists (select from protections l where l.child_id = p.child_id and l.sequence > p.sequence
          and l.kind in ('unshield', 'destroy')) limit ${limit}`,
    sql<Unprotected>`
      select 'not-noted' as kind, s.child_id as "childId", c.number from shields s join children c on c.id = s.child_id
      where s.lifted_at is null and (select p.kind from protections p where p.child_id = s.child_id
        and p.kind in ('shield', 'unshield', 'destroy') order by p.sequence desc limit 1) is distinct from 'shield' limit ${limit}`,
    sql<Unprotected>`
      select 'returned' as kind, c.id as "childId", c.number from (
        select c.id, c.number from protections p join children c on c.id = p.child_id where p.kind = 'destroy'
        union select c.id, c.number from protections p join children c on c.number = p.number where p.kind = 'destroy'
      ) c limit ${limit}`,
    sql<Unprotected>`
      select 'number-free' as kind, p.child_id as "childId", p.number from protections p
      where p.kind = 'destroy' and not exists (
        select from destroyed_numbers d where d.number = p.number and d.child_id = p.child_id) limit ${limit}`,
    sql<Unprotected>`
      select 'destroyed-not-noted' as kind, d.child_id as "childId", d.number from destroyed_numbers d
      where not exists (select from protections p where p.kind = 'destroy' and p.child_id = d.child_id) limit ${limit}`,
  ];
  const found: Unprotected[] = [];
  for (const look of looks) found.push(...(await look.execute(db)).rows);
  return found;
}

/** How many shields stand. */
export async function countStandingShields(db: Kysely<Database>): Promise<number> {
  const { rows } = await sql<{ shields: number }>`
    select count(*)::int as shields from shields where lifted_at is null`.execute(db);
  return rows[0]?.shields ?? 0;
}

/** From here to the end of the transaction nobody notes anything, and what is done here is not noted a second time. */
export async function beginReplay(trx: Transaction<Database>): Promise<void> {
  await sql`select pg_advisory_xact_lock(${locks.protections})`.execute(trx);
  await sql`set local directory.replaying = 'on'`.execute(trx);
}

export async function insertProtection(trx: Transaction<Database>, entry: Protection): Promise<void> {
  const shield = entry.shield ? JSON.stringify(entry.shield) : null;
  const details = entry.details ? JSON.stringify(entry.details) : null;
  await sql`
    insert into protections (sequence, at, kind, child_id, number, shield, details)
    values (${entry.sequence}, ${entry.at}::timestamptz, ${entry.kind}, ${entry.childId}, ${entry.number}, ${shield}::jsonb,
      ${details}::jsonb)`.execute(trx);
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

/** Notes a shield that stands though its lifting was noted last: another restore is to set it again. */
export async function noteStandingShield(trx: Transaction<Database>, childId: string): Promise<void> {
  await sql`
    insert into protections (sequence, kind, child_id, number, shield)
    select (select max(sequence) + 1 from protections), 'shield', c.id, c.number, jsonb_build_object('shieldId', s.id,
      'reason', s.reason, 'authority', s.authority, 'reviewOn', s.review_on, 'setBy', s.set_by)
    from shields s join children c on c.id = s.child_id where c.id = ${childId} and s.lifted_at is null`.execute(trx);
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
