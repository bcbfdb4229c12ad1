import { type Kysely, sql, type Transaction } from 'kysely';
import { v7 as uuid } from 'uuid';
import type { Database, RebuildFailure, RebuildState } from './schema.js';

/** A worker that was not heard of for so long has died, or stands still: another takes over. */
const LEASE_SECONDS = 10;
/** How long the index that was replaced is kept to be rolled back to, where no rebuild comes before. */
const KEPT_DAYS = 7;

export interface Rebuild {
  rebuildId: string;
  /** Of a rolling back: the rebuild that it undoes. */
  rollsBack: string | null;
  state: RebuildState;
  reason: RebuildFailure | null;
  fromIndex: string | null;
  toIndex: string | null;
  mappingVersion: number | null;
  afterId: string | null;
  total: number;
  copied: number;
  repaired: number;
  refused: number;
  attempts: number;
  startedAt: Date;
  copiedAt: Date | null;
  movingAt: Date | null;
  endedAt: Date | null;
}

const columns = [
  'id as rebuildId',
  'rolls_back as rollsBack',
  'state',
  'reason',
  'from_index as fromIndex',
  'to_index as toIndex',
  'mapping_version as mappingVersion',
  'after_id as afterId',
  'total',
  'copied',
  'repaired',
  'refused',
  'attempts',
  'started_at as startedAt',
  'copied_at as copiedAt',
  'moving_at as movingAt',
  'ended_at as endedAt',
] as const;
const running: RebuildState[] = ['running', 'checking'];

/** @returns undefined where another runs, also one that was asked for at the same instant */
export async function insertRebuild(db: Kysely<Database>, rollsBack: string | null): Promise<string | undefined> {
  const rebuildId = uuid();
  const { rows } = await sql`
    insert into rebuilds (id, rolls_back) values (${rebuildId}, ${rollsBack})
    on conflict ((true)) where state in ('running', 'checking') do nothing returning id`.execute(db);
  return rows.length > 0 ? rebuildId : undefined;
}

export async function findRebuild(db: Kysely<Database>, rebuildId: string): Promise<Rebuild | undefined> {
  return db.selectFrom('rebuilds').select(columns).where('id', '=', rebuildId).executeTakeFirst();
}

export async function findRunningRebuild(db: Kysely<Database>): Promise<Rebuild | undefined> {
  return db.selectFrom('rebuilds').select(columns).where('state', 'in', running).executeTakeFirst();
}

/** The latest first. */
export async function listRebuilds(db: Kysely<Database>, limit: number): Promise<Rebuild[]> {
  return db.selectFrom('rebuilds').select(columns).orderBy('started_at', 'desc').limit(limit).execute();
}

/** @returns whether it could be: not of one that has ended, or whose aliases may have moved */
export async function cancelRebuild(db: Kysely<Database>, rebuildId: string): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('rebuilds')
    .set({ state: 'cancelled', ended_at: new Date() })
    .where('id', '=', rebuildId)
    .where('state', 'in', running)
    .where('moving_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** What a rebuild is that one worker holds. */
export interface Lease {
  rebuildId: string;
  worker: string;
}

/** Takes up the running rebuild, where nobody else is at it. */
export async function claimRebuild(db: Kysely<Database>, worker: string): Promise<Rebuild | undefined> {
  const { rows } = await sql<{ id: string }>`
    update rebuilds set worker = ${worker}, heartbeat_at = clock_timestamp(), attempts = attempts + 1
    where id = (
      select id from rebuilds where state in ('running', 'checking')
        and (worker is null or worker = ${worker} or heartbeat_at < clock_timestamp() - make_interval(secs => ${LEASE_SECONDS}))
      for update skip locked)
    returning id`.execute(db);
  return rows[0] && findRebuild(db, rows[0].id);
}

export interface RebuildProgress {
  state?: RebuildState;
  after_id?: string | null;
  copied?: number;
  repaired?: number;
  refused?: number;
  copied_at?: Date;
  moving_at?: Date;
}

/** Says what is done, and that somebody is at it. @returns false where the rebuild is another's by now, or was cancelled */
export async function saveProgress(
  db: Kysely<Database>,
  { rebuildId, worker }: Lease,
  progress: RebuildProgress = {},
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('rebuilds')
    .set({ ...progress, heartbeat_at: sql`clock_timestamp()` })
    .where('id', '=', rebuildId)
    .where('worker', '=', worker)
    .where('state', 'in', running)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Frees the rebuild for another worker: this one is ending. */
export async function releaseRebuild(db: Kysely<Database>, { rebuildId, worker }: Lease): Promise<void> {
  await db
    .updateTable('rebuilds')
    .set({ worker: null })
    .where('id', '=', rebuildId)
    .where('worker', '=', worker)
    .execute();
}

/** Until the transaction ends it can be neither cancelled nor taken over. @returns undefined where it is not this worker's any more */
export async function holdRebuild(
  trx: Transaction<Database>,
  { rebuildId, worker }: Lease,
): Promise<Rebuild | undefined> {
  return trx
    .selectFrom('rebuilds')
    .select(columns)
    .where('id', '=', rebuildId)
    .where('worker', '=', worker)
    .where('state', 'in', running)
    .forUpdate()
    .executeTakeFirst();
}

export interface Preparation {
  fromIndex: string;
  toIndex: string;
  mappingVersion: number;
}

/** From the end of this transaction on no change is settled that the new index has not acknowledged. */
export async function startBuilding(
  trx: Transaction<Database>,
  rebuildId: string,
  { fromIndex, toIndex, mappingVersion }: Preparation,
): Promise<void> {
  await trx
    .insertInto('index_builds')
    .values({ index_name: toIndex, mapping_version: mappingVersion, state: 'building' })
    .onConflict((conflict) => conflict.column('index_name').doUpdateSet({ state: 'building' }))
    .execute();
  await sql`
    update rebuilds set from_index = ${fromIndex}, to_index = ${toIndex}, mapping_version = ${mappingVersion},
      total = (select count(*) from children where archived_at is null)
    where id = ${rebuildId}`.execute(trx);
}

/** The new index is live, the old one kept, and the one kept until now goes; what it refused, or refuses, is tried once more and told of as ever. */
export async function finishRebuild(
  trx: Transaction<Database>,
  { rebuildId, rollsBack, toIndex }: Rebuild,
  refusedIds: string[],
): Promise<void> {
  const now = new Date();
  await trx.updateTable('index_builds').set({ state: 'retired' }).where('state', '=', 'kept').execute();
  await trx.updateTable('index_builds').set({ state: 'kept', kept_at: now }).where('state', '=', 'live').execute();
  await trx
    .updateTable('index_builds')
    .set({ state: 'live', live_at: now, kept_at: null })
    .where('index_name', '=', toIndex)
    .execute();
  await trx.updateTable('rebuilds').set({ state: 'done', ended_at: now }).where('id', '=', rebuildId).execute();
  await trx.updateTable('rebuilds').set({ state: 'rolled-back' }).where('id', '=', rollsBack).execute();
  await sql`
    insert into outbox (child_id, version, urgent)
    select id, version, false from children where id = any(${refusedIds}::uuid[])
    union select child_id, version, false from dead_letters where retried_at is null order by 1
    on conflict do nothing`.execute(trx);
}

/** The index kept to be rolled back to. Until the transaction ends it is neither rolled back to nor retired. */
export async function holdKeptIndex(
  trx: Transaction<Database>,
): Promise<{ index: string; startedAt: Date } | undefined> {
  return trx
    .selectFrom('index_builds')
    .select(['index_name as index', 'started_at as startedAt'])
    .where('state', '=', 'kept')
    .forShare()
    .executeTakeFirst();
}

/** Who has been shielded, archived or destroyed since, or changed under a shield: a name that was shown until then is hidden. */
export async function findHiddenSince(
  trx: Transaction<Database>,
  since: Date,
): Promise<{ childId: string; version: number }[]> {
  const { rows } = await sql<{ childId: string; version: number }>`
    select id as "childId", version from children where archived_at >= ${since}
    union
    select c.id, c.version from shields s join children c on c.id = s.child_id
    where s.lifted_at is null and greatest(s.set_at, c.updated_at) >= ${since}
    union
    select child_id, version from destroyed_numbers where destroyed_at >= ${since}`.execute(trx);
  return rows;
}

/** In the caller's transaction, so that an index goes with the rebuild that it was made for. */
export async function failRunningRebuild(db: Kysely<Database>, reason: RebuildFailure, lease?: Lease): Promise<void> {
  await db
    .updateTable('rebuilds')
    .set({ state: 'failed', reason, ended_at: new Date() })
    .where('state', 'in', running)
    .$if(lease !== undefined, (query) =>
      query.where('id', '=', lease?.rebuildId ?? '').where('worker', '=', lease?.worker ?? ''),
    )
    .execute();
}

/** The index in use. */
export async function findLiveIndex(db: Kysely<Database>): Promise<string | undefined> {
  const row = await db.selectFrom('index_builds').select('index_name').where('state', '=', 'live').executeTakeFirst();
  return row?.index_name;
}

export async function findBuildState(
  db: Kysely<Database>,
  indexName: string,
): Promise<{ state: Database['index_builds']['state']; mappingVersion: number } | undefined> {
  return db
    .selectFrom('index_builds')
    .select(['state', 'mapping_version as mappingVersion'])
    .where('index_name', '=', indexName)
    .executeTakeFirst();
}

/**
 * Retires what nobody needs any more: the index of a rebuild that was cancelled or failed (one that was to be rolled back to
 * is kept), and the one that has been kept for long enough.
 */
export async function retireIndices(db: Kysely<Database>): Promise<void> {
  await sql`
    update index_builds b set state = case when r.rolls_back is null then 'retired' else 'kept' end
    from rebuilds r
    where b.state = 'building' and r.to_index = b.index_name and r.state in ('cancelled', 'failed')
      and not exists (select from rebuilds o where o.to_index = b.index_name and o.state in ('running', 'checking'))`.execute(
    db,
  );
  await sql`
    update index_builds set state = 'retired'
    where state = 'kept' and kept_at < now() - make_interval(days => ${KEPT_DAYS})`.execute(db);
}

/** Indices that Elasticsearch is to delete. Held until the transaction ends; what another holds is left out. */
export async function holdRetiredIndices(trx: Transaction<Database>): Promise<string[]> {
  const rows = await trx
    .selectFrom('index_builds')
    .select('index_name')
    .where('state', '=', 'retired')
    .where('dropped_at', 'is', null)
    .forUpdate()
    .skipLocked()
    .execute();
  return rows.map((row) => row.index_name);
}

export async function markDropped(trx: Transaction<Database>, indexName: string): Promise<void> {
  await trx.updateTable('index_builds').set({ dropped_at: new Date() }).where('index_name', '=', indexName).execute();
}
