import type { estypes } from '@elastic/elasticsearch';
import { sql, type Transaction } from 'kysely';
import type { Context } from '../context.js';
import { locks } from '../db/locks.js';
import { failRunningRebuild } from '../db/rebuilds.js';
import type { Database } from '../db/schema.js';
import { newestMapping, readMapping } from './mappings.js';
import { hasMerged, startMerging } from './merge-segments.js';

/** While Elasticsearch hangs, whoever looks after the index must not: it has other work, and an ending to come to. */
const TIMEOUT_MS = 5_000;
/** Children queued in one transaction: whoever changes one of them meanwhile waits for it, so it has to be short. */
const QUEUED_AT_ONCE = 10_000;
/** An index that refused a larger share of the children is no index of them. */
const REFUSED_AT_MOST = 0.001;
/** A small index is merged in less; of a great one the relay must not be kept from handing shields on. */
const MERGE_WAIT_MS = 500;

export function isTolerable(refused: number, children: number): boolean {
  return refused <= Math.max(1, children * REFUSED_AT_MOST);
}

/** Searches read here; it points to a complete index or nowhere. */
export function readAlias(instance: string): string {
  return `${instance}-children`;
}

/** Workers write here; while an index is being filled it is ahead of the read alias. */
export function writeAlias(instance: string): string {
  return `${instance}-children-write`;
}

/** Workers write here as well, while a rebuild goes on: to the index that is to be searched next. */
export function nextAlias(instance: string): string {
  return `${instance}-children-next`;
}

/** Nobody else changes which index is searched or written to until the transaction ends. */
export async function holdAliases(trx: Transaction<Database>): Promise<void> {
  // Whoever changes which index is searched or written to holds it.
  await sql`select pg_advisory_xact_lock(${locks.aliases})`.execute(trx);
}

/** `refusing`: filled as far as it goes, but too much was refused for it to be searched. */
export type IndexState = 'live' | 'filling' | 'refusing';

/**
 * Makes sure that there is an index to write to, and that searches see it once it is complete. An index that is gone
 * (a new directory, or one wiped) is made anew and every child is queued for it, some at each call; the read alias is set
 * when the last of them is in and its segments are merged, so that no search is answered from half an index, or slowly.
 * Call it again until it says `live`: what one process has begun any other carries on.
 */
export async function ensureIndex(context: Context): Promise<IndexState> {
  return context.db.transaction().execute(async (trx) => {
    await holdAliases(trx);
    const { instance } = context.config;
    const name = (await indexBehind(context, writeAlias(instance))) ?? (await createFirstIndex(context));
    const build = await findBuild(trx, name);
    // A rebuild whose worker died between moving the aliases and saying so: whoever takes it up says it.
    if (build?.state === 'building') return 'live';
    if (build?.state === 'live' && (await indexBehind(context, readAlias(instance))) === name) return 'live';
    if (!build) await startFilling(context, trx, name);
    if (!build?.queued && !(await queueSome(context, trx, name))) return 'filling';
    const filled = await howFilled(context, trx, name);
    if (filled !== 'filled') return filled;
    if (!(await isMerged(context, trx, name, build?.mergeTask ?? null))) return 'filling';
    await goLive(context, trx, name);
    return 'live';
  });
}

/** Throws away every index of the directory: what PostgreSQL holds goes into another. */
export async function dropIndices({ config, elasticsearch }: Context): Promise<void> {
  const pattern = `${readAlias(config.instance)}-v*`;
  const found = Object.keys(await elasticsearch.indices.get({ index: pattern, allow_no_indices: true }));
  if (found.length > 0) await elasticsearch.indices.delete({ index: found });
}

export async function indexBehind(context: Context, alias: string): Promise<string | undefined> {
  const found = await context.elasticsearch.indices.getAlias(
    { name: alias },
    { ignore: [404], requestTimeout: TIMEOUT_MS },
  );
  return Object.keys(found).find((name) => name.startsWith(alias.replace(/-(write|next)$/, '')));
}

async function createFirstIndex(context: Context): Promise<string> {
  const { config } = context;
  const version = newestMapping(config);
  const name = indexNameOf(config.instance, version, new Date());
  await createIndex(context, name, version, {}, writeAlias(config.instance));
  return name;
}

export function indexNameOf(instance: string, mappingVersion: number, at: Date): string {
  return `${readAlias(instance)}-v${mappingVersion}-${at.toISOString().replace(/[^0-9]/g, '')}`;
}

/** The mapping that an index was made by, as its name says; 0 where it says none. */
export function mappingVersionOf(indexName: string): number {
  return Number(/-children-v(\d+)-/.exec(indexName)?.[1] ?? 0);
}

/** @param settings beside those of the mapping and of the configuration */
export async function createIndex(
  { config, elasticsearch }: Context,
  name: string,
  mappingVersion: number,
  settings: estypes.IndicesIndexSettings,
  alias?: string,
): Promise<void> {
  const mapping = readMapping(config, mappingVersion);
  const { shards, replicas } = config.index;
  await elasticsearch.indices.create({
    index: name,
    settings: { ...mapping.settings, number_of_shards: shards, number_of_replicas: replicas, ...settings },
    mappings: mapping.mappings,
    ...(alias === undefined ? {} : { aliases: { [alias]: { is_write_index: true } } }),
  });
}

interface Build {
  state: string;
  /** Every child is in the outbox for it, or has been. */
  queued: boolean;
  mergeTask: string | null;
}

/** What PostgreSQL knows of an index in use. */
async function findBuild(trx: Transaction<Database>, indexName: string): Promise<Build | undefined> {
  return trx
    .selectFrom('index_builds')
    .select(['state', sql<boolean>`queued_at is not null`.as('queued'), 'merge_task as mergeTask'])
    .where('index_name', '=', indexName)
    .where('state', '!=', 'retired')
    .executeTakeFirst();
}

/**
 * Puts an index on record that PostgreSQL knows nothing of: one just made, one whose maker died before this was
 * committed, or one that belonged to another database. No search may see it yet, and what any other has acknowledged
 * counts no more.
 */
async function startFilling(context: Context, trx: Transaction<Database>, indexName: string): Promise<void> {
  const { instance } = context.config;
  await context.elasticsearch.indices.deleteAlias({ index: '*', name: readAlias(instance) }, { ignore: [404] });
  // One kept to be rolled back to stays: it is compared with PostgreSQL before anybody searches it.
  await trx
    .updateTable('index_builds')
    .set({ state: 'retired' })
    .where('state', 'not in', ['kept', 'retired'])
    .execute();
  await failRunningRebuild(trx, 'index-lost');
  await trx.deleteFrom('index_builds').where('index_name', '=', indexName).execute();
  await trx
    .insertInto('index_builds')
    .values({
      index_name: indexName,
      mapping_version: mappingVersionOf(indexName),
      state: 'filling',
    })
    .execute();
  await sql`
    update shields s set index_acknowledged_at = null from children c
    where c.id = s.child_id and c.archived_at is null and s.lifted_at is null`.execute(trx);
  context.log.info({ index: indexName }, 'queueing every child for a new index');
}

/**
 * Queues the next children in the order of their ids. Who is made or changed meanwhile is queued by that change, and what
 * waits already stays as it is: it goes only when this index has acknowledged it.
 * @returns whether that was the last of them
 */
async function queueSome(context: Context, trx: Transaction<Database>, indexName: string): Promise<boolean> {
  const { rows } = await sql<{ queued: boolean }>`
    with next_children as (
      select id, version from children
      where archived_at is null
        and id > coalesce((select queued_up_to from index_builds where index_name = ${indexName}), '00000000-0000-0000-0000-000000000000')
      order by id limit ${QUEUED_AT_ONCE}
    ), queueing as (
      insert into outbox (child_id, version, urgent)
      select id, version, exists (select from shields s where s.child_id = c.id and s.lifted_at is null) from next_children c
      on conflict do nothing
    )
    update index_builds set
      queued_up_to = coalesce((select id from next_children order by id desc limit 1), queued_up_to),
      queued_at = case when (select count(*) from next_children) < ${QUEUED_AT_ONCE}::int then clock_timestamp() end
    where index_name = ${indexName}
    returning queued_at is not null as queued`.execute(trx);
  const queued = rows[0]?.queued === true;
  if (queued) context.log.info({ index: indexName }, 'queued every child for a new index');
  return queued;
}

/** Whether every child that was queued is in, but for the odd one refused. */
async function howFilled(
  context: Context,
  trx: Transaction<Database>,
  indexName: string,
): Promise<'filled' | 'filling' | 'refusing'> {
  const build = (column: 'started_at' | 'queued_at') =>
    sql`(select ${sql.ref(column)} from index_builds where index_name = ${indexName})`;
  const waiting = await sql`select from outbox where changed_at <= ${build('queued_at')} limit 1`.execute(trx);
  if (waiting.rows.length > 0) return 'filling';
  const { rows } = await sql<{ refused: number; children: number }>`
    select (select count(*) from dead_letters where retried_at is null and failed_at >= ${build('started_at')}) as refused,
      (select count(*) from children where archived_at is null) as children`.execute(trx);
  const { refused, children } = rows[0] as { refused: number; children: number };
  if (isTolerable(refused, children)) return 'filled';
  context.log.error(
    { index: indexName, refused },
    'the index refused too many children to be searched: see dead_letters',
  );
  return 'refusing';
}

async function isMerged(
  context: Context,
  trx: Transaction<Database>,
  indexName: string,
  begun: string | null,
): Promise<boolean> {
  const task = begun ?? (await startMerging(context, indexName));
  if (task === undefined) return true;
  if (begun === null) {
    await trx
      .updateTable('index_builds')
      .set({ merge_task: String(task) })
      .where('index_name', '=', indexName)
      .execute();
  }
  return hasMerged(context, task, { withinMs: MERGE_WAIT_MS });
}

async function goLive(context: Context, trx: Transaction<Database>, indexName: string): Promise<void> {
  const { elasticsearch, config } = context;
  await elasticsearch.indices.refresh({ index: indexName });
  await elasticsearch.indices.putAlias({ index: indexName, name: readAlias(config.instance) });
  await trx
    .updateTable('index_builds')
    .set({ state: 'live', live_at: new Date() })
    .where('index_name', '=', indexName)
    .execute();
}
