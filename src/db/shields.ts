import { type Kysely, sql, type Transaction } from 'kysely';
import type pg from 'pg';
import { v7 as uuid } from 'uuid';
import type { ChildRecord } from './children.js';
import { locks } from './locks.js';
import type { Database, KeptDecision, OverrideReason } from './schema.js';

/**
 * Held by who sets a shield; shared by those who make children without comparing them with shielded ones, and by those who
 * give a child an address or a parent (src/db/households.ts).
 */
export interface NewShield {
  childId: string;
  reason: Database['shields']['reason'];
  authority: string;
  reviewOn: string;
  setBy: string;
}

/**
 * Children whose shield stands but is not yet known to be in the index: a search must leave them out by id. So it is with
 * who has been archived since, until the index has forgotten them: whoever is dropped later has taken a candidate's place.
 */
export async function findUnacknowledgedShields(db: Kysely<Database>): Promise<string[]> {
  const rows = await db
    .selectFrom('shields')
    .select('child_id')
    .where('lifted_at', 'is', null)
    .where('index_acknowledged_at', 'is', null)
    .execute();
  return rows.map((row) => row.child_id);
}

/** Shielded children in the archive who were born on that day: the index knows nothing of them. */
export async function findArchivedShields(db: Kysely<Database>, dateOfBirth: string): Promise<string[]> {
  const rows = await db
    .selectFrom('children')
    .innerJoin('shields', 'shields.child_id', 'children.id')
    .select('children.id')
    .where('date_of_birth', '=', dateOfBirth)
    .where('archived_at', 'is not', null)
    .where('lifted_at', 'is', null)
    .execute();
  return rows.map((row) => row.id);
}

/**
 * Lets no shield be set until the client's current transaction has ended.
 * @returns false where one stands already
 */
export async function holdShieldsBack(client: pg.ClientBase): Promise<boolean> {
  await client.query('select pg_advisory_xact_lock_shared($1)', [locks.shields]);
  const { rowCount } = await client.query('select from shields where lifted_at is null limit 1');
  return rowCount === 0;
}

/** Within `holdHouseholds` of src/db/households.ts: then nobody who holds shields back is at work. */
export async function insertShield(trx: Transaction<Database>, shield: NewShield): Promise<string> {
  const id = uuid();
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

export async function findStandingShield(
  db: Kysely<Database>,
  childId: string,
): Promise<{ shieldId: string } | undefined> {
  return db
    .selectFrom('shields')
    .select('id as shieldId')
    .where('child_id', '=', childId)
    .where('lifted_at', 'is', null)
    .executeTakeFirst();
}

/** The record as it was when the standing shield was set; undefined where its history does not tell. */
export async function findRecordWhenShielded(
  db: Kysely<Database>,
  childId: string,
): Promise<Partial<ChildRecord> | undefined> {
  // Both moments are those of the one transaction that set it.
  const { rows } = await sql<{ before: Partial<ChildRecord> | null }>`
    select h.change->'before' as before from shields s
    join child_history h on h.child_id = s.child_id and h.changed_at = s.set_at
    where s.child_id = ${childId} and s.lifted_at is null and h.change->>'action' = 'shield'`.execute(db);
  return rows[0]?.before ?? undefined;
}

export interface Decided {
  shieldId: string;
  childId: string;
  decision: KeptDecision;
  shares: string[];
}

export async function insertDecisions(
  trx: Transaction<Database>,
  decisions: Decided[],
  by: { userId: string; reason: string },
): Promise<void> {
  if (decisions.length === 0) return;
  await trx
    .insertInto('shield_decisions')
    .values(
      decisions.map(({ shieldId, childId, decision, shares }) => ({
        id: uuid(),
        shield_id: shieldId,
        child_id: childId,
        decision,
        shares,
        reason: by.reason,
        decided_by: by.userId,
      })),
    )
    .execute();
}

/** The latest decision on each child that was decided on under the child's standing shield, by that child's id. */
export async function findDecisions(db: Kysely<Database>, childId: string): Promise<Map<string, KeptDecision>> {
  const rows = await db
    .selectFrom('shield_decisions')
    .innerJoin('shields', 'shields.id', 'shield_decisions.shield_id')
    .select(['shield_decisions.child_id', 'shield_decisions.decision'])
    .where('shields.child_id', '=', childId)
    .where('shields.lifted_at', 'is', null)
    .orderBy('shield_decisions.id')
    .execute();
  return new Map(rows.map((row) => [row.child_id, row.decision]));
}

export interface Review {
  shieldId: string;
  childId: string;
  number: string;
  givenNames: string;
  familyName: string;
  reason: Database['shields']['reason'];
  setAt: Date;
  reviewOn: string;
  undecided: number;
}

/** Children on whom the last word was that nothing is decided yet. */
const undecided = sql<number>`
  select count(*) from (
    select distinct on (d.child_id) d.decision from shield_decisions d
    where d.shield_id = shields.id order by d.child_id, d.id desc
  ) last where decision = 'undecided'`;

/**
 * Standing shields of an authority's children whose review falls before a day, or that left decisions open, the longest
 * due first. None is ever left out: a shield does not lapse.
 * @param after the last of the page before
 */
export async function listReviews(
  db: Kysely<Database>,
  authority: string,
  { before, after, limit }: { before: string; after?: { reviewOn: string; shieldId: string }; limit: number },
): Promise<Review[]> {
  return db
    .selectFrom('shields')
    .innerJoin('children', 'children.id', 'shields.child_id')
    .innerJoin('child_names', (join) =>
      join.onRef('child_names.child_id', '=', 'children.id').on('child_names.kind', '=', 'current'),
    )
    .select([
      'shields.id as shieldId',
      'shields.child_id as childId',
      'children.number',
      'child_names.given_names as givenNames',
      'child_names.family_name as familyName',
      'shields.reason',
      'shields.set_at as setAt',
      'shields.review_on as reviewOn',
      sql<number>`(${undecided})::int`.as('undecided'),
    ])
    .where('shields.lifted_at', 'is', null)
    .where('children.authority', '=', authority)
    .where((eb) => eb.or([eb('shields.review_on', '<', before), sql<boolean>`(${undecided}) > 0`]))
    .$if(after !== undefined, (query) =>
      query.where(sql<boolean>`(shields.review_on, shields.id) > (${after?.reviewOn}::date, ${after?.shieldId}::uuid)`),
    )
    .orderBy('shields.review_on')
    .orderBy('shields.id')
    .limit(limit)
    .execute();
}

export interface NewOverride {
  shieldId: string;
  childId: string;
  authority: string;
  userId: string;
  reason: OverrideReason;
}

export async function insertOverride(trx: Transaction<Database>, override: NewOverride): Promise<void> {
  await trx
    .insertInto('shield_overrides')
    .values({
      id: uuid(),
      shield_id: override.shieldId,
      child_id: override.childId,
      authority: override.authority,
      user_id: override.userId,
      reason: override.reason,
    })
    .execute();
}

/** How often somebody has looked past shields within the hour. */
export async function countLateOverrides(trx: Transaction<Database>, userId: string): Promise<number> {
  const { rows } = await sql<{ looks: number }>`
    select count(*)::int as looks from shield_overrides
    where user_id = ${userId} and overridden_at > now() - interval '1 hour'`.execute(trx);
  return rows[0]?.looks ?? 0;
}

export interface Override {
  overrideId: string;
  childId: string;
  at: Date;
  reason: OverrideReason;
  userId: string;
  name: string;
  authority: string | null;
}

/** Looks past the shields that an authority answered for, the latest first. @param after id of the last of the page before */
export async function listOverrides(
  db: Kysely<Database>,
  authority: string,
  { after, limit }: { after?: string; limit: number },
): Promise<Override[]> {
  return db
    .selectFrom('shield_overrides')
    .innerJoin('users', 'users.id', 'shield_overrides.user_id')
    .select([
      'shield_overrides.id as overrideId',
      'shield_overrides.child_id as childId',
      'shield_overrides.overridden_at as at',
      'shield_overrides.reason',
      'users.id as userId',
      'users.name',
      'users.authority',
    ])
    .where('shield_overrides.authority', '=', authority)
    .$if(after !== undefined, (query) => query.where('shield_overrides.id', '<', after ?? ''))
    .orderBy('shield_overrides.id', 'desc')
    .limit(limit)
    .execute();
}
