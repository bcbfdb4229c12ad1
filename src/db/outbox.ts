import { type Kysely, type RawBuilder, sql, type Transaction } from 'kysely';
import { v7 as uuid } from 'uuid';
import { noteThroughput } from './index-figures.js';
import type { Database } from './schema.js';

/** A claim that was not settled in this time is taken to be lost with its job. */
const CLAIM_SECONDS = 60;

export interface OutboxEntry {
  childId: string;
  version: number;
  urgent: boolean;
}

/** Marks up to `limit` unclaimed entries as claimed, urgent ones and then the oldest first; two relays never claim the same. */
export async function claimPending(
  trx: Transaction<Database>,
  options: { limit: number; urgent: boolean },
): Promise<OutboxEntry[]> {
  const { rows } = await sql<OutboxEntry>`
    update outbox o set claimed_at = now()
    from (
      select child_id from outbox
      where claimed_at is null and urgent = ${options.urgent}
      order by changed_at limit ${options.limit} for update skip locked
    ) due
    where o.child_id = due.child_id
    returning o.child_id as "childId", o.version, o.urgent`.execute(trx);
  return rows;
}

/**
 * Workers pass over entries that somebody is at: a change of several children locks them in an order of its own, and whoever
 * waited for one while holding others would wait in a circle. What a job passes over is freed afterwards, by `freeOneByOne`.
 */
const untouched = (condition: RawBuilder<unknown>) =>
  sql`child_id in (select child_id from outbox where ${condition} for update skip locked)`;

/** Frees claims whose job must have been lost. @returns how many */
export async function releaseExpiredClaims(db: Kysely<Database>): Promise<number> {
  const { numAffectedRows } = await sql`
    update outbox set claimed_at = null
    where ${untouched(sql`claimed_at < now() - make_interval(secs => ${CLAIM_SECONDS})`)}`.execute(db);
  return Number(numAffectedRows ?? 0);
}

/** Frees every claim: the queue has been wiped. @returns how many */
export async function releaseAllClaims(db: Kysely<Database>): Promise<number> {
  const { numAffectedRows } = await sql`
    update outbox set claimed_at = null where ${untouched(sql`claimed_at is not null`)}`.execute(db);
  return Number(numAffectedRows ?? 0);
}

const LOCK_NOT_AVAILABLE = '55P03';

/** Frees the claims of what is to be done again, so that they need not run out first. */
export async function releaseClaims(db: Kysely<Database>, childIds: string[]): Promise<void> {
  if (childIds.length === 0) return;
  await freeUntouched(db, childIds);
  await freeOneByOne(
    db,
    childIds.map((childId) => ({ childId })),
  );
}

async function freeUntouched(db: Kysely<Database>, childIds: string[]): Promise<void> {
  await sql`
    update outbox set claimed_at = null where ${untouched(sql`child_id = any(${childIds}::uuid[])`)}`.execute(db);
}

/**
 * Frees what was passed over: whoever was at it may have changed nothing after all, have had no more than an older version to
 * settle, or be the relay, whose claim is not committed while its job is already done; and nobody would come back to it
 * before the claim ran out. Each in a transaction of its own, which holds nothing else while it waits, and not for long: who
 * takes their time is at a change. A later version than was dealt with has a job of its own.
 */
async function freeOneByOne(db: Kysely<Database>, dealtWith: { childId: string; version?: number }[]): Promise<void> {
  const { rows } = await sql<{ childId: string; version: number }>`
    select o.child_id as "childId", o.version from outbox o join ${listed(dealtWith)} on o.child_id = done.child_id
    where o.version <= coalesce(done.version, o.version)`.execute(db);
  for (const { childId, version } of rows) {
    const freed = db.transaction().execute(async (trx) => {
      await sql`set local lock_timeout = '1s'`.execute(trx);
      await sql`update outbox set claimed_at = null where child_id = ${childId} and version = ${version}`.execute(trx);
    });
    await freed.catch((error: { code?: string }) => {
      if (error.code !== LOCK_NOT_AVAILABLE) throw error;
    });
  }
}

export async function findPending(db: Kysely<Database>, childIds: string[]): Promise<OutboxEntry[]> {
  return db
    .selectFrom('outbox')
    .select(['child_id as childId', 'version', 'urgent'])
    .where('child_id', '=', sql<string>`any(${childIds}::uuid[])`)
    .execute();
}

export interface Acknowledged {
  childId: string;
  version: number;
  /** A shield stood whose acknowledgement is awaited. */
  shieldWaits: boolean;
  /** The indices themselves, behind whatever aliases. */
  indexNames: string[];
}

/**
 * Settles what the index has acknowledged: an entry goes only if no later version waits. A shield is marked,
 * so that searches need no longer leave the child out by id, if what was acknowledged is the child as it is today.
 * What an index acknowledged that has been replaced since counts for nothing: its children wait again, for the new one. Nor
 * does what an index has not acknowledged that a rebuild is making, also where the rebuild began after the job. So waits
 * a child with a new shield that somebody is changing at this moment: whether the shield is acknowledged is open.
 * @returns how many acknowledgements counted
 */
export async function settle(db: Kysely<Database>, acknowledged: Acknowledged[]): Promise<number> {
  if (acknowledged.length === 0) return 0;
  const settled = await db.transaction().execute(async (trx) => {
    const { standing, building } = await holdStandingIndices(trx);
    const awaited = acknowledged.filter((entry) => entry.shieldWaits);
    const unchanged = await holdUnchanged(trx, childIdsOf(awaited));
    const counts = ({ childId, shieldWaits, indexNames }: Acknowledged) =>
      indexNames.some((name) => standing.has(name)) &&
      building.every((name) => indexNames.includes(name)) &&
      (!shieldWaits || unchanged.has(childId));
    const counted = acknowledged.filter(counts);
    await freeUntouched(trx, childIdsOf(acknowledged.filter((entry) => !counts(entry))));
    if (counted.length === 0) return 0;
    const shielded = counted.filter((entry) => entry.shieldWaits);
    if (shielded.length > 0) {
      await sql`
        update shields set index_acknowledged_at = now() where id in (
          select s.id from shields s join ${listed(shielded)} on s.child_id = done.child_id
            join children c on c.id = done.child_id and c.version <= done.version
          where s.lifted_at is null and s.index_acknowledged_at is null order by s.child_id for update of s)`.execute(
        trx,
      );
    }
    await sql`
      update dead_letters set retried_at = now() where id in (
        select d.id from dead_letters d join ${listed(counted)} on d.child_id = done.child_id and d.version <= done.version
        where d.retried_at is null order by d.child_id for update of d)`.execute(trx);
    await sql`
      delete from outbox o using ${listed(counted)}
      where o.child_id = done.child_id and o.version <= done.version
        and o.${untouched(sql`child_id = any(${childIdsOf(counted)}::uuid[])`)}`.execute(trx);
    await noteThroughput(trx, counted.length);
    return counted.length;
  });
  await freeOneByOne(db, acknowledged);
  return settled;
}

/** Those of the children whom nobody is changing; nobody does before the transaction has ended. */
async function holdUnchanged(trx: Transaction<Database>, childIds: string[]): Promise<Set<string>> {
  if (childIds.length === 0) return new Set();
  const { rows } = await sql<{ id: string }>`
    select id from children where id = any(${childIds}::uuid[]) for share skip locked`.execute(trx);
  return new Set(rows.map((row) => row.id));
}

function childIdsOf(entries: { childId: string }[]): string[] {
  return entries.map((entry) => entry.childId);
}

/** As a table `done`; the version is null where none is given. */
function listed(entries: { childId: string; version?: number }[]) {
  const ids = childIdsOf(entries);
  const versions = entries.map(({ version }) => version ?? null);
  return sql`unnest(${ids}::uuid[], ${versions}::bigint[]) as done (child_id, version)`;
}

/** Indices in use, those that are being built among them; none of them is replaced before the transaction has ended. */
async function holdStandingIndices(trx: Transaction<Database>): Promise<{ standing: Set<string>; building: string[] }> {
  const rows = await trx
    .selectFrom('index_builds')
    .select(['index_name', 'state'])
    .where('state', 'not in', ['kept', 'retired'])
    .forShare()
    .execute();
  const building = rows.filter((row) => row.state === 'building').map((row) => row.index_name);
  return { standing: new Set(rows.map((row) => row.index_name)), building };
}

export interface Refused {
  childId: string;
  version: number;
  reason: string;
  /** The index that refused it. */
  indexName: string;
}

/**
 * Moves refused documents out of the outbox, with the reason; a later change to the child tries again. What an index
 * refused that has been replaced since waits for the new one.
 * @returns how many
 */
export async function buryDeadLetters(db: Kysely<Database>, refused: Refused[]): Promise<number> {
  const count = await db.transaction().execute(async (trx) => {
    const { standing } = await holdStandingIndices(trx);
    const buried = refused.filter((letter) => standing.has(letter.indexName));
    await freeUntouched(trx, childIdsOf(refused.filter((letter) => !standing.has(letter.indexName))));
    for (const letter of buried.sort(byChild)) {
      await sql`
        insert into dead_letters (id, child_id, version, reason)
        values (${uuid()}, ${letter.childId}, ${letter.version}, ${letter.reason})
        on conflict (child_id) where retried_at is null do update set
          version = excluded.version, reason = excluded.reason, failed_at = now()`.execute(trx);
      await sql`
        delete from outbox where version <= ${letter.version} and ${untouched(sql`child_id = ${letter.childId}`)}`.execute(
        trx,
      );
    }
    return buried.length;
  });
  await freeOneByOne(db, refused);
  return count;
}

/** The order in which dead letters are locked. */
function byChild(one: Refused, other: Refused): number {
  return one.childId < other.childId ? -1 : 1;
}

const MANY_WAITING = 5_000;
const LONG_WAIT_SECONDS = 2;

/** Whether changes wait in greater numbers, or for longer, than they should: whatever can wait leaves the index to them. */
export async function isBehind(db: Kysely<Database>): Promise<boolean> {
  const { rows } = await sql<{ behind: boolean }>`
    select (select count(*) from (select from outbox limit ${MANY_WAITING + 1}) waiting) > ${MANY_WAITING}::int
      or exists (
        select from (select changed_at from outbox where claimed_at is null order by urgent desc, changed_at limit 1) oldest
        where changed_at < now() - make_interval(secs => ${LONG_WAIT_SECONDS})) as behind`.execute(db);
  return rows[0]?.behind === true;
}
