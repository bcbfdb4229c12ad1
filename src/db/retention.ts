import { type Kysely, sql, type Transaction } from 'kysely';
import { v7 as uuid } from 'uuid';
import type { Database } from './schema.js';

/** The last day on which whoever reaches an age, or was archived, or died, is due: each YYYY-MM-DD. */
export interface ArchiveDays {
  /** Born on it or before: 18 by now. */
  bornFor18: string;
  bornFor25: string;
  diedBy: string;
}

/** The last day on which whoever is destroyed now was archived, and, of those whom a consent keeps, was born: each YYYY-MM-DD. */
export interface DestroyDays {
  archivedOn: string;
  bornFor25: string;
}

export type ArchiveCause = 'at-18' | 'at-25' | 'after-death';

/**
 * A shielded child by the date of birth alone, which everybody is shown: that somebody is archived can be told by anybody, and
 * would tell of a death or a consent, which are hidden.
 */
const shielded = sql`exists (select from shields s where s.child_id = children.id and s.lifted_at is null)`;
const dueBy = ({ bornFor18, bornFor25, diedBy }: ArchiveDays) => sql`
  archived_at is null and ((died_on <= ${diedBy} and not ${shielded}) or (date_of_birth <= ${bornFor18}
    and (consent_to_25_at is null or date_of_birth <= ${bornFor25} or ${shielded})))`;
const causeOf = ({ bornFor25, diedBy }: ArchiveDays) => sql<ArchiveCause>`
  case when ${shielded} then 'at-18' when died_on <= ${diedBy} then 'after-death' when date_of_birth <= ${bornFor25} and consent_to_25_at is not null then 'at-25'
    else 'at-18' end`;
/** The first moment of a day in England. */
const startOf = (day: string) => sql`(${day}::date::timestamp at time zone 'Europe/London')`;
/** A team did, by hand: whoever comes of age meanwhile is kept no longer for a consent, or what resembles them would tell of it. */
const archivedBefore18 = sql`(archived_at at time zone 'Europe/London')::date < date_of_birth + interval '18 years'`;
/** Six years after 25, where a shielded child is archived at 18 in spite of a consent to stay, and lives. */
const dueForDestruction = ({ archivedOn, bornFor25 }: DestroyDays) => sql`
  archived_at < ${startOf(archivedOn)} + interval '1 day'
    and (consent_to_25_at is null or died_on is not null or date_of_birth <= ${bornFor25}
      or ${archivedBefore18} or not ${shielded})`;

export async function countDueForArchive(db: Kysely<Database>, days: ArchiveDays): Promise<Map<ArchiveCause, number>> {
  const { rows } = await sql<{ cause: ArchiveCause; children: number }>`
    select ${causeOf(days)} as cause, count(*)::int as children from children where ${dueBy(days)} group by 1`.execute(
    db,
  );
  return new Map(rows.map(({ cause, children }) => [cause, children]));
}

export async function countDueForDestruction(db: Kysely<Database>, days: DestroyDays): Promise<number> {
  const { rows } = await sql<{ children: number }>`
    select count(*)::int as children from children where ${dueForDestruction(days)}`.execute(db);
  return rows[0]?.children ?? 0;
}

export interface Archived {
  childId: string;
  cause: ArchiveCause;
}

/**
 * Archives some of those who are due, as of that day, with their history and their place in the outbox. Whoever is being
 * changed at the moment is left for the next time.
 */
export async function archiveSome(
  trx: Transaction<Database>,
  days: ArchiveDays,
  { today, limit }: { today: string; limit: number },
): Promise<Archived[]> {
  // Of a restored backup it does the same again: the journal notes what people have archived.
  await sql`set local directory.retention = 'on'`.execute(trx);
  const { rows } = await sql<Archived & { version: number }>`
    with due as (
      select id, ${causeOf(days)} as cause from children where ${dueBy(days)} limit ${limit} for update skip locked
    )
    update children c set archived_at = ${startOf(today)}, version = version + 1, updated_at = now()
    from due where c.id = due.id returning c.id as "childId", c.version, due.cause`.execute(trx);
  if (rows.length === 0) return [];
  await sql`
    insert into child_history (child_id, version, reason, change)
    select id, version, 'retention', jsonb_build_object('action', 'archive', 'parts', array['archived'], 'cause', cause)
    from unnest(${rows.map((row) => row.childId)}::uuid[], ${rows.map((row) => row.version)}::bigint[],
      ${rows.map((row) => row.cause)}::text[]) as archived (id, version, cause)`.execute(trx);
  await queueAll(trx, rows);
  return rows;
}

/**
 * Takes out of the archive who was put there at 18 by a shield that stands no more, in spite of a consent to stay. Whom a
 * team has archived stays there.
 */
export async function unarchiveKept(trx: Transaction<Database>, childId: string, bornFor25: string): Promise<void> {
  await sql`
    update children c set archived_at = null
    where c.id = ${childId} and c.archived_at is not null and c.died_on is null
      and c.consent_to_25_at is not null and c.date_of_birth > ${bornFor25}
      and (select h.change->>'cause' from child_history h where h.child_id = c.id
        and h.change->>'action' in ('archive', 'archive-child') order by h.version desc limit 1) = 'at-18'`.execute(
    trx,
  );
}

export interface Destroyed {
  childId: string;
  number: string;
}

/**
 * Destroys some of those who were archived on that day or before. What remains of each is its number, which is never given out
 * again, and the id under which the index may still know it.
 */
export async function destroySome(trx: Transaction<Database>, days: DestroyDays, limit: number): Promise<Destroyed[]> {
  const { rows } = await sql<Destroyed & { version: number }>`
    select id as "childId", number, version + 1 as version from children
    where ${dueForDestruction(days)} limit ${limit} for update skip locked`.execute(trx);
  await destroyChildren(trx, rows);
  return rows;
}

/** @property version the one at which the index forgets the child */
export async function destroyChildren(
  trx: Transaction<Database>,
  children: (Destroyed & { version: number })[],
): Promise<void> {
  if (children.length === 0) return;
  const ids = children.map((child) => child.childId);
  await trx
    .insertInto('destroyed_numbers')
    .values(children.map(({ childId, number, version }) => ({ number, child_id: childId, version })))
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  // An entry that named the child as a candidate is as old as its archiving, and holds what resembles it.
  await sql`
    delete from matching_queue where child_id = any(${ids}::uuid[]) or candidate_ids && ${ids}::uuid[]
      or row->>'childId' = any(${ids}::text[])`.execute(trx);
  await sql`delete from idempotency_keys where child_id = any(${ids}::uuid[])`.execute(trx);
  await sql`delete from dead_letters where child_id = any(${ids}::uuid[])`.execute(trx);
  await sql`
    update index_builds set queued_up_to = null where queued_up_to = any(${ids}::uuid[]) and queued_at is not null`.execute(
    trx,
  );
  // All that hangs on the child goes with it.
  await sql`delete from children where id = any(${ids}::uuid[])`.execute(trx);
  await queueAll(trx, children);
}

/** In the order of their ids, so that two who do so do not wait for each other. */
async function queueAll(trx: Transaction<Database>, children: { childId: string; version: number }[]): Promise<void> {
  await sql`
    insert into outbox (child_id, version)
    select id, version from unnest(${children.map((child) => child.childId)}::uuid[],
      ${children.map((child) => child.version)}::bigint[]) as changed (id, version) order by id
    on conflict (child_id) do update set version = greatest(outbox.version, excluded.version), claimed_at = null`.execute(
    trx,
  );
}

export interface RetentionCounts {
  archivedAt18: number;
  archivedAt25: number;
  archivedAfterDeath: number;
  destroyed: number;
  auditRows: number;
}

export interface RetentionRun extends RetentionCounts {
  runId: string;
  on: string;
  dryRun: boolean;
  state: 'running' | 'done' | 'failed';
  startedAt: Date;
  endedAt: Date | null;
}

export async function startRun(db: Kysely<Database>, run: { on: string; dryRun: boolean }): Promise<string> {
  const id = uuid();
  await db.insertInto('retention_runs').values({ id, on_day: run.on, dry_run: run.dryRun, ended_at: null }).execute();
  return id;
}

/** Adds to the counts of a run, in the transaction of what is counted. */
export async function countIntoRun(db: Kysely<Database>, runId: string, done: Partial<RetentionCounts>): Promise<void> {
  await sql`
    update retention_runs set archived_at_18 = archived_at_18 + ${done.archivedAt18 ?? 0},
      archived_at_25 = archived_at_25 + ${done.archivedAt25 ?? 0},
      archived_after_death = archived_after_death + ${done.archivedAfterDeath ?? 0},
      destroyed = destroyed + ${done.destroyed ?? 0}, audit_rows = audit_rows + ${done.auditRows ?? 0}
    where id = ${runId}`.execute(db);
}

export async function endRun(db: Kysely<Database>, runId: string, state: 'done' | 'failed'): Promise<void> {
  await db.updateTable('retention_runs').set({ state, ended_at: new Date() }).where('id', '=', runId).execute();
}

/** The latest first. */
export async function findRuns(db: Kysely<Database>, limit: number): Promise<RetentionRun[]> {
  return runs(db).orderBy('started_at', 'desc').limit(limit).execute();
}

export async function getRun(db: Kysely<Database>, runId: string): Promise<RetentionRun> {
  return runs(db).where('id', '=', runId).executeTakeFirstOrThrow();
}

function runs(db: Kysely<Database>) {
  return db
    .selectFrom('retention_runs')
    .select([
      'id as runId',
      'on_day as on',
      'dry_run as dryRun',
      'state',
      'started_at as startedAt',
      'ended_at as endedAt',
      'archived_at_18 as archivedAt18',
      'archived_at_25 as archivedAt25',
      'archived_after_death as archivedAfterDeath',
      'destroyed',
      'audit_rows as auditRows',
    ]);
}
