import { type Kysely, type RawBuilder, sql, type Transaction } from 'kysely';
import { locks } from './locks.js';
import type { Database } from './schema.js';

/** An audit row in the texts in which it is hashed: see src/services/audit/chain.ts. */
export interface AuditRow {
  id: string;
  at: string;
  actor: string;
  userId: string | null;
  role: string | null;
  organisationId: string | null;
  authority: string | null;
  onBehalfOf: string | null;
  action: string;
  reason: string | null;
  childIds: string;
  requestId: string | null;
  details: string;
  writtenIn: string;
}

export interface Seal {
  seal: number;
  fromPosition: number;
  toPosition: number;
  previousHead: Buffer;
  snapshot: string;
  /** UTC with microseconds. */
  sealedAt: string;
  head: Buffer;
}

/** A place in the chain. `row` is undefined where the row it is for is gone. */
export interface ChainEntry {
  position: number;
  eventId: number;
  link: Buffer;
  row: AuditRow | undefined;
}

const UTC = (column: string) => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
const ROW = `
  e.id::text as id, ${UTC('e.at')} as at, e.actor, e.user_id::text as "userId", e.role,
  e.organisation_id::text as "organisationId", e.authority, e.on_behalf_of::text as "onBehalfOf", e.action, e.reason,
  e.child_ids::text as "childIds", e.request_id as "requestId", e.details::text as details,
  e.written_in::text as "writtenIn"`;
const SEAL = `
  seal, from_position as "fromPosition", to_position as "toPosition", previous_head as "previousHead",
  snapshot::text as snapshot, ${UTC('sealed_at')} as "sealedAt", head`;

/** Whoever gets it is the only one to seal until the transaction ends. Its next statement sees the seals before. */
export async function tryLockSealing(trx: Transaction<Database>): Promise<boolean> {
  const { rows } = await sql<{ locked: boolean }>`select pg_try_advisory_xact_lock(${locks.sealing}) as locked`.execute(
    trx,
  );
  return rows[0]?.locked === true;
}

export async function findLastSeal(db: Kysely<Database>): Promise<Seal | undefined> {
  const { rows } = await sql<Seal>`select ${sql.raw(SEAL)} from audit_seals order by seal desc limit 1`.execute(db);
  return rows[0];
}

/** Number of the seal up to which rows were kept their six years and are gone; 0 where none are. Its seal should be there. */
export async function findCut(db: Kysely<Database>): Promise<{ cut: number; seal: Seal | undefined }> {
  const { rows } = await sql<Seal & { cut: number }>`
    select cut, ${sql.raw(SEAL)}
    from (select coalesce(max(seal), 0) as cut from audit_cuts) c left join audit_seals s on s.seal = c.cut`.execute(
    db,
  );
  const [found] = rows;
  if (!found) return { cut: 0, seal: undefined };
  const { cut, ...seal } = found;
  return { cut, seal: seal.seal ? seal : undefined };
}

/** Removes whole seals of months that ended more than six years ago, by the server's clock. @returns how many rows went */
export async function cutAuditLog(db: Kysely<Database>, mostSeals: number): Promise<number> {
  const { rows } = await sql<{ events: number }>`select cut_audit_log(${mostSeals}) as events`.execute(db);
  return rows[0]?.events ?? 0;
}

/** Seconds that the oldest row without a seal has been waiting; 0 where none is. Takes the auditors' role. */
export async function findUnsealedAge(db: Kysely<Database>): Promise<number> {
  const { rows } = await sql<{ seconds: number }>`
    with last as (
      select coalesce((select snapshot from audit_seals order by seal desc limit 1), '1:1:'::pg_snapshot) as snapshot
    )
    select coalesce(extract(epoch from clock_timestamp() - min(e.at)), 0)::float8 as seconds
    from audit_events e
    where e.written_in >= (select ${firstUnseen(sql`snapshot`)} from last)
      and not exists (select from audit_chain c where c.event_id = e.id)`.execute(db);
  return rows[0]?.seconds ?? 0;
}

/** How many rows are old enough to go. */
export async function countOldAuditRows(db: Kysely<Database>): Promise<number> {
  const { rows } = await sql<{ events: number }>`select count_old_audit_rows() as events`.execute(db);
  return rows[0]?.events ?? 0;
}

/** @returns seals after that number, in order */
export async function findSeals(db: Kysely<Database>, after: number, limit: number): Promise<Seal[]> {
  const { rows } = await sql<Seal>`
    select ${sql.raw(SEAL)} from audit_seals where seal > ${after} order by seal limit ${limit}`.execute(db);
  return rows;
}

/** The seal that a row's place falls into. */
export async function findSealAt(db: Kysely<Database>, position: number): Promise<Seal | undefined> {
  const { rows } = await sql<Seal>`
    select ${sql.raw(SEAL)} from audit_seals where to_position >= ${position} order by seal limit 1`.execute(db);
  return rows[0];
}

export interface Unsealed {
  rows: AuditRow[];
  /** What these rows were read by, and the time. */
  snapshot: string;
  now: string;
}

/** Whether transactions are numbered from lower again than when the snapshot was taken, as after a restore into another server. */
const isRestored = (snapshot: RawBuilder<unknown>) =>
  sql`pg_snapshot_xmax(pg_current_snapshot()) < pg_snapshot_xmax(${snapshot})`;

/** The first transaction that the snapshot did not have to see. */
const firstUnseen = (snapshot: RawBuilder<unknown>) =>
  sql`case when ${isRestored(snapshot)} then '0'::xid8 else pg_snapshot_xmin(${snapshot}) end`;

/**
 * Rows without a place, oldest first, by one statement and so one snapshot. Looked for among what that snapshot sees and
 * the one before did not have to see: whatever committed in between, in whatever order its ids were given out, is there.
 * Where it was restored, among all rows.
 */
export async function findUnsealed(db: Kysely<Database>, before: string, limit: number): Promise<Unsealed> {
  const last = sql`${before}::pg_snapshot`;
  const { rows } = await sql<Unsealed>`
    with this as (
      select pg_current_snapshot() as snapshot, ${isRestored(last)} as restored
    ), found as (
      select ${sql.raw(ROW)} from audit_events e
      where e.written_in >= (select ${firstUnseen(last)})
        and ((select restored from this) or e.written_in < (select pg_snapshot_xmax(snapshot) from this))
        and not exists (select from audit_chain c where c.event_id = e.id)
      order by e.id limit ${limit}
    )
    select snapshot::text as snapshot, ${sql.raw(UTC('clock_timestamp()'))} as now,
      (select coalesce(json_agg(f order by f.id::bigint), '[]') from found f) as rows
    from this`.execute(db);
  return rows[0] as Unsealed;
}

export async function insertSeal(
  trx: Transaction<Database>,
  seal: Seal,
  entries: { position: number; eventId: string; link: Buffer }[],
): Promise<void> {
  await sql`
    insert into audit_chain (position, event_id, link)
    select * from unnest(${entries.map((entry) => entry.position)}::bigint[], ${entries.map((entry) => entry.eventId)}::bigint[],
      ${entries.map((entry) => entry.link)}::bytea[])`.execute(trx);
  await trx
    .insertInto('audit_seals')
    .values({
      seal: seal.seal,
      from_position: seal.fromPosition,
      to_position: seal.toPosition,
      previous_head: seal.previousHead,
      snapshot: seal.snapshot,
      sealed_at: seal.sealedAt,
      head: seal.head,
    })
    .execute();
}

/** @returns places after that one, in order, each with its row */
export async function findChainEntries(db: Kysely<Database>, after: number, limit: number): Promise<ChainEntry[]> {
  const { rows } = await sql<AuditRow & { position: number; eventId: number; link: Buffer }>`
    select c.position, c.event_id as "eventId", c.link, ${sql.raw(ROW)}
    from (select * from audit_chain where position > ${after} order by position limit ${limit}) c
    left join audit_events e on e.id = c.event_id order by c.position`.execute(db);
  return rows.map(({ position, eventId, link, ...row }) => ({
    position,
    eventId,
    link,
    row: row.id === null ? undefined : row,
  }));
}

/** A place beyond the last seal: places and their seal are written together. */
export async function findPlaceWithoutSeal(
  db: Kysely<Database>,
): Promise<{ position: number; eventId: number } | undefined> {
  const { rows } = await sql<{ position: number; eventId: number }>`
    select position, event_id as "eventId" from audit_chain
    where position > (select coalesce(max(to_position), 0) from audit_seals) order by position limit 1`.execute(db);
  return rows[0];
}

export interface WithoutPlace {
  eventId: number;
  writtenIn: string;
  /** Seconds since it says that it was written. */
  age: number;
}

/** Among the `limit` rows after that id: those without a place. @returns also the id to go on after, or none at the end */
export async function findWithoutPlace(
  db: Kysely<Database>,
  after: number,
  limit: number,
): Promise<{ found: WithoutPlace[]; next: number | undefined }> {
  const { rows } = await sql<WithoutPlace & { placed: boolean; last: number }>`
    select * from (
      select e.id as "eventId", e.written_in::text as "writtenIn", c.event_id is not null as placed,
        extract(epoch from clock_timestamp() - e.at)::float8 as age, max(e.id) over () as last
      from (select * from audit_events where id > ${after} order by id limit ${limit}) e
      left join audit_chain c on c.event_id = e.id) page
    where not placed or "eventId" = last order by "eventId"`.execute(db);
  return { found: rows.filter((row) => !row.placed), next: rows[0]?.last };
}

/** What alerts are made of. */
export interface SealedLook {
  position: number;
  /** Milliseconds since 1970. */
  at: number;
  userId: string | null;
  onBehalfOf: string | null;
  action: string;
  childIds: string[];
  outcome: string | null;
  alertedUserId: string | null;
}

/** Sealed rows after that place, and not older than so many minutes. */
export async function findSealedLooks(
  db: Kysely<Database>,
  { after, minutes, limit }: { after: number; minutes: number; limit: number },
): Promise<SealedLook[]> {
  const { rows } = await sql<SealedLook>`
    select c.position, (extract(epoch from e.at) * 1000)::float8 as at, e.user_id as "userId", e.on_behalf_of as "onBehalfOf", e.action,
      e.child_ids as "childIds", e.details->>'outcome' as outcome, e.details->>'userId' as "alertedUserId"
    from audit_chain c join audit_events e on e.id = c.event_id
    where c.position > ${after} and e.at > clock_timestamp() - make_interval(mins => ${minutes})
    order by c.position limit ${limit}`.execute(db);
  return rows;
}
