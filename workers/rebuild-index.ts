import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { estypes } from '@elastic/elasticsearch';
import type { Context } from '../src/context.js';
import { recordSystemAudit } from '../src/db/audit.js';
import { findFacts, findNextFacts } from '../src/db/children.js';
import { isBehind } from '../src/db/outbox.js';
import {
  claimRebuild,
  failRunningRebuild,
  findBuildState,
  findLiveIndex,
  findRebuild,
  finishRebuild,
  holdRebuild,
  holdRetiredIndices,
  type Lease,
  markDropped,
  type Preparation,
  type Rebuild,
  type RebuildProgress,
  releaseRebuild,
  retireIndices,
  saveProgress,
  startBuilding,
} from '../src/db/rebuilds.js';
import type { RebuildFailure } from '../src/db/schema.js';
import {
  createIndex,
  holdAliases,
  indexBehind,
  indexNameOf,
  isTolerable,
  nextAlias,
  readAlias,
  writeAlias,
} from '../src/search/aliases.js';
import { removeDocuments } from '../src/search/documents.js';
import { newestMapping, readMapping } from '../src/search/mappings.js';
import { hasMerged, startMerging } from '../src/search/merge-segments.js';
import { compareIndex, type Difference, findBeyondReach, MOST_DIFFERENCES } from '../src/services/index/reconcile.js';
import { type Target, writeTo } from './index-children.js';
import { createPace, type Pace } from './rebuild-pace.js';

const POLL_MS = 1_000;
const HEARTBEAT_MS = 2_000;
const TIDY_EVERY_MS = 5_000;
const REPAIRED_AT_ONCE = 500;
/** Differences that come anew each time they are put right are none of passing changes. */
const ROUNDS = 10;
const LONGEST_RETRY_PAUSE_MS = 5_000;
const ES_TIMEOUT_MS = 10_000;

/** While nobody searches it: no refreshing, few merges, no copies; deletions remembered for longer than any process may sleep. */
const buildSettings: estypes.IndicesIndexSettings = {
  refresh_interval: '-1',
  number_of_replicas: 0,
  gc_deletes: '1h',
  'merge.policy.segments_per_tier': 20,
  'merge.scheduler.max_thread_count': 1,
};

/** The rebuild cannot come to a good end: it is over. */
class RebuildFailedError extends Error {
  override readonly name = 'RebuildFailedError';
  constructor(readonly reason: RebuildFailure) {
    super(reason);
  }
}

/** It was cancelled, or another worker has taken it over. */
class RebuildLostError extends Error {
  override readonly name = 'RebuildLostError';
}

export interface Rebuilder {
  close(): Promise<void>;
}

/**
 * Looks for a rebuild to be done, or one whose worker has died, and does it. All that is known of it is in PostgreSQL: Redis may be
 * wiped meanwhile, and after any crash it goes on from where it was.
 */
export function startRebuilder(context: Context): Rebuilder {
  const ending = new AbortController();
  const worker = randomUUID();
  let nextTidying = 0;
  const pass = async () => {
    if (Date.now() >= nextTidying) {
      nextTidying = Date.now() + TIDY_EVERY_MS;
      await dropOldIndices(context);
    }
    await takeUpRebuild(context, worker, ending.signal);
  };
  const running = (async () => {
    while (!ending.signal.aborted) {
      await pass().catch((error: unknown) => {
        if (!ending.signal.aborted) context.log.warn({ err: error }, 'a rebuild was interrupted and goes on');
      });
      await delay(POLL_MS, undefined, { signal: ending.signal }).catch(() => undefined);
    }
  })();
  return {
    async close() {
      ending.abort();
      await running;
    },
  };
}

/** @returns whether there was one to be done that nobody else was at */
export async function takeUpRebuild(context: Context, worker: string, ending: AbortSignal): Promise<boolean> {
  const rebuild = await claimRebuild(context.db, worker);
  if (!rebuild) return false;
  const lease = { rebuildId: rebuild.rebuildId, worker };
  const lost = new AbortController();
  const signal = AbortSignal.any([ending, lost.signal]);
  const heart = setInterval(() => {
    saveProgress(context.db, lease).then(
      (held) => held || lost.abort(new RebuildLostError()),
      () => undefined,
    );
  }, HEARTBEAT_MS);
  try {
    await rebuildIndex(context, lease, signal);
  } catch (error) {
    if (error instanceof RebuildFailedError) {
      await failRunningRebuild(context.db, error.reason, lease);
      context.log.error({ rebuildId: rebuild.rebuildId, reason: error.reason }, 'the rebuild failed');
      await dropOldIndices(context);
    } else if (error instanceof RebuildLostError || lost.signal.aborted) {
      context.log.info({ rebuildId: rebuild.rebuildId }, 'the rebuild was cancelled, or taken over');
      await dropOldIndices(context);
    } else if (!ending.aborted) throw error;
  } finally {
    clearInterval(heart);
    if (ending.aborted) await releaseRebuild(context.db, lease).catch(() => undefined);
  }
  return true;
}

async function rebuildIndex(context: Context, lease: Lease, signal: AbortSignal): Promise<void> {
  const { mappingVersion, toIndex } = await prepare(context, lease);
  const rebuild = await getHeld(context, lease);
  const isNew = rebuild.rollsBack === null;
  if (isNew && !rebuild.copiedAt) await copyChildren(context, lease, rebuild, mappingVersion, signal);
  if (rebuild.state === 'running') {
    const merging = await startMerging(context, toIndex);
    if (merging !== undefined) await hasMerged(context, merging, { signal });
    await restoreSettings(context, toIndex, mappingVersion);
    await save(context, lease, { state: 'checking' });
  }
  // One whose aliases had moved when its worker died was checked before.
  const moved =
    rebuild.movingAt !== null && (await indexBehind(context, readAlias(context.config.instance))) === toIndex;
  const refusedIds = moved ? [] : await check(context, lease, toIndex, mappingVersion, signal);
  await move(context, lease, toIndex, refusedIds);
}

async function save(context: Context, lease: Lease, progress: RebuildProgress): Promise<void> {
  if (!(await saveProgress(context.db, lease, progress))) throw new RebuildLostError();
}

async function getHeld({ db }: Context, { rebuildId }: Lease): Promise<Rebuild> {
  const rebuild = await findRebuild(db, rebuildId);
  if (!rebuild) throw new RebuildLostError();
  return rebuild;
}

/**
 * Makes the index and puts it on record as being built. Once that is committed no change counts as done before this index has
 * it too, so that whatever is copied from then on misses nothing.
 */
async function prepare(context: Context, lease: Lease): Promise<Preparation> {
  const { db, config } = context;
  return db.transaction().execute(async (trx) => {
    await holdAliases(trx);
    const rebuild = await holdRebuild(trx, lease);
    if (!rebuild) throw new RebuildLostError();
    const { fromIndex, toIndex, mappingVersion } = rebuild;
    if (fromIndex !== null && toIndex !== null && mappingVersion !== null)
      return { fromIndex, toIndex, mappingVersion };
    const live = await findLiveIndex(trx);
    if (!live) throw new RebuildFailedError('index-lost');
    const kept = rebuild.rollsBack === null ? undefined : (await findRebuild(trx, rebuild.rollsBack))?.fromIndex;
    const preparation = { fromIndex: live, toIndex: kept ?? '', mappingVersion: newestMapping(config) };
    if (rebuild.rollsBack === null) {
      preparation.toIndex = indexNameOf(config.instance, preparation.mappingVersion, rebuild.startedAt);
      // One may be there, of a worker that died before this was committed.
      if (!(await exists(context, preparation.toIndex)))
        await createIndex(context, preparation.toIndex, preparation.mappingVersion, buildSettings);
    } else {
      const build = await findBuildState(trx, preparation.toIndex);
      if (build?.state !== 'kept' || !(await exists(context, preparation.toIndex)))
        throw new RebuildFailedError('index-lost');
      preparation.mappingVersion = build.mappingVersion;
    }
    await pointAliases(context, [nextAlias(config.instance)], preparation.toIndex);
    await startBuilding(trx, lease.rebuildId, preparation);
    return preparation;
  });
}

/** By its aliases: asked for the index itself, a node that has just started says there is none until it has met the others. */
async function exists({ elasticsearch }: Context, index: string): Promise<boolean> {
  const found = await elasticsearch.indices.getAlias({ index }, { ignore: [404], requestTimeout: ES_TIMEOUT_MS });
  return Object.hasOwn(found, index);
}

/** All of them at once, away from wherever they point. */
async function pointAliases(context: Context, aliases: string[], index: string | undefined): Promise<void> {
  const actions: estypes.IndicesUpdateAliasesAction[] = [];
  for (const alias of aliases) {
    const behind = await indexBehind(context, alias);
    if (behind && behind !== index) actions.push({ remove: { index: behind, alias } });
    const isRead = alias === readAlias(context.config.instance);
    if (index) actions.push({ add: { index, alias, ...(isRead ? {} : { is_write_index: true }) } });
  }
  if (actions.length > 0)
    await context.elasticsearch.indices.updateAliases({ actions }, { requestTimeout: ES_TIMEOUT_MS });
}

/** In the order of their ids, each page read anew from PostgreSQL; a later version that is there already stays. */
async function copyChildren(
  context: Context,
  lease: Lease,
  { afterId, copied: copiedBefore, refused: refusedBefore, total }: Rebuild,
  mappingVersion: number,
  signal: AbortSignal,
): Promise<void> {
  const { db } = context;
  const pace = createPace(() => isBehind(db));
  const read = (after: string | null) => {
    const page = findNextFacts(db, after, pace.size());
    // Read ahead while the page before is written; whoever waits for it hears of a failure.
    page.catch(() => undefined);
    return page;
  };
  let copied = copiedBefore;
  let refused = refusedBefore;
  let next = read(afterId);
  for (;;) {
    const children = await next;
    const last = children.at(-1);
    if (!last) break;
    next = read(last.childId);
    const targets = children.map((child) => ({
      childId: child.childId,
      version: child.version,
      child,
      shieldWaits: false,
    }));
    refused += (await write(context, targets, mappingVersion, signal, pace)).size;
    copied += children.length;
    await save(context, lease, { after_id: last.childId, copied, refused });
    if (!isTolerable(refused, total)) throw new RebuildFailedError('refused');
    await pace.rest(signal);
    signal.throwIfAborted();
  }
  await save(context, lease, { copied_at: new Date() });
}

/**
 * Writes to the index that is being built until each document is taken or refused for good.
 * @returns ids of those that were refused
 */
async function write(
  context: Context,
  targets: Target[],
  mappingVersion: number,
  signal: AbortSignal,
  pace?: Pace,
): Promise<Set<string>> {
  const destination = { alias: nextAlias(context.config.instance), mappingVersion };
  const refused = new Set<string>();
  let open = targets;
  for (let attempt = 1; open.length > 0; attempt++) {
    const began = performance.now();
    const [verdicts = []] = await writeTo(context, [destination], open);
    const later: Target[] = [];
    const reasons = new Set<string>();
    for (const [at, target] of open.entries()) {
      const { verdict, reason } = verdicts[at] ?? { verdict: 'later', reason: 'no answer' };
      if (verdict === 'refused') refused.add(target.childId);
      if (verdict === 'later') later.push(target);
      if (verdict !== 'written') reasons.add(reason);
    }
    if (reasons.size > 0) context.log.warn({ reasons: [...reasons] }, 'not all documents of a rebuild were taken');
    open = later;
    if (later.length === 0) pace?.answered(performance.now() - began);
    else {
      if (!(await indexBehind(context, destination.alias))) throw new RebuildFailedError('index-lost');
      pace?.refused();
      await delay(Math.min(LONGEST_RETRY_PAUSE_MS, 100 * 2 ** attempt), undefined, { signal });
    }
  }
  return refused;
}

async function restoreSettings(context: Context, index: string, mappingVersion: number): Promise<void> {
  const { config, elasticsearch } = context;
  const wanted = readMapping(config, mappingVersion).settings;
  // A mapping names some of them with their prefix, some without; null is Elasticsearch's own choice.
  const restored = Object.keys(buildSettings).map((name) => [name, wanted[`index.${name}`] ?? wanted[name] ?? null]);
  await elasticsearch.indices.putSettings({
    index,
    settings: { ...Object.fromEntries(restored), number_of_replicas: config.index.replicas },
  });
}

/**
 * Compares the index with PostgreSQL and puts right what differs, until nothing does but what the index refuses.
 * @returns ids of those
 */
async function check(
  context: Context,
  lease: Lease,
  toIndex: string,
  mappingVersion: number,
  signal: AbortSignal,
): Promise<string[]> {
  const { total, repaired: repairedBefore } = await getHeld(context, lease);
  let repaired = repairedBefore;
  // One comparison takes on so many; of a great index that was kept for days there may be more.
  const rounds = ROUNDS + Math.ceil(total / MOST_DIFFERENCES);
  for (let round = 1; round <= rounds; round++) {
    const { differences, unfinished } = await compareIndex(context, toIndex, { withRefused: true, signal });
    if (differences.length === 0) return [];
    context.log.info({ round, differences: differences.length }, 'differences put right before the index goes live');
    const refused = await repair(context, toIndex, differences, mappingVersion, signal);
    repaired += differences.length - refused.size;
    await save(context, lease, { repaired, refused: refused.size });
    if (!isTolerable(refused.size, total)) throw new RebuildFailedError('refused');
    if (!unfinished && differences.every(({ id }) => refused.has(id))) return [...refused];
  }
  throw new RebuildFailedError('differs');
}

/** @returns ids of those that the index refuses */
async function repair(
  context: Context,
  index: string,
  differences: Difference[],
  mappingVersion: number,
  signal: AbortSignal,
): Promise<Set<string>> {
  const beyondReach = findBeyondReach(differences);
  if (beyondReach.length > 0) await removeDocuments(context.elasticsearch, index, beyondReach);
  const removed = new Set(beyondReach.map(({ id }) => id));
  const open = differences.filter(({ id, truth }) => truth?.indexed || !removed.has(id));
  const refused = new Set<string>();
  for (let at = 0; at < open.length; at += REPAIRED_AT_ONCE) {
    const some = open.slice(at, at + REPAIRED_AT_ONCE);
    const facts = await findFacts(
      context.db,
      some.map(({ id }) => id),
    );
    const children = new Map(facts.map((child) => [child.childId, child]));
    const targets = some.flatMap(({ id, held }) => {
      const child = children.get(id);
      const version = child ? child.version : (held?.version ?? 0);
      // One that has gone since it was found missing: nothing is to be there, and nothing is.
      return version === 0 ? [] : [{ childId: id, version, child, shieldWaits: false }];
    });
    for (const childId of await write(context, targets, mappingVersion, signal)) refused.add(childId);
  }
  return refused;
}

/** Both aliases at once, in Elasticsearch before PostgreSQL says so: whoever dies between them is followed by one who does it again. */
async function move(context: Context, lease: Lease, toIndex: string, refusedIds: string[]): Promise<void> {
  const { db, config, elasticsearch, log } = context;
  await save(context, lease, { moving_at: new Date() });
  await db.transaction().execute(async (trx) => {
    await holdAliases(trx);
    const rebuild = await holdRebuild(trx, lease);
    if (!rebuild) throw new RebuildLostError();
    await elasticsearch.indices.refresh({ index: toIndex }, { requestTimeout: ES_TIMEOUT_MS });
    await pointAliases(context, [readAlias(config.instance), writeAlias(config.instance)], toIndex);
    await finishRebuild(trx, rebuild, refusedIds);
    const { rebuildId, copied, repaired, refused } = rebuild;
    const details = { rebuildId, copied, repaired, refused };
    await recordSystemAudit(trx, { action: rebuild.rollsBack ? 'index-rolled-back' : 'index-rebuilt', details });
  });
  log.info({ rebuildId: lease.rebuildId, index: toIndex }, 'the rebuilt index is live');
  // Whoever wakes up late with an old page in hand writes nowhere.
  await pointAliases(context, [nextAlias(config.instance)], undefined);
}

/** Never one that is searched or written to, whatever PostgreSQL says of it. */
export async function dropOldIndices(context: Context): Promise<void> {
  const { db, config, elasticsearch, log } = context;
  await retireIndices(db);
  await db.transaction().execute(async (trx) => {
    const retired = await holdRetiredIndices(trx);
    if (retired.length === 0) return;
    await holdAliases(trx);
    const [read, written] = [
      await indexBehind(context, readAlias(config.instance)),
      await indexBehind(context, writeAlias(config.instance)),
    ];
    for (const index of retired) {
      if (index === read || index === written) continue;
      await elasticsearch.indices.delete({ index }, { ignore: [404], requestTimeout: ES_TIMEOUT_MS });
      await markDropped(trx, index);
      log.info({ index }, 'an old index is dropped');
    }
  });
}
