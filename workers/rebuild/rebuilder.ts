import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Context } from '../../src/context.js';
import { claimRebuild, failRunningRebuild, type Lease, releaseRebuild, saveProgress } from '../../src/db/rebuilds.js';
import { indexBehind, readAlias } from '../../src/search/aliases.js';
import { hasMerged, startMerging } from '../../src/search/merge-segments.js';
import { clearKeptIndex, nothingCleared } from './clear-kept-index.js';
import { check, copyChildren } from './fill.js';
import { dropOldIndices, goLive } from './go-live.js';
import { getHeld, RebuildFailedError, RebuildLostError, save } from './lease.js';
import { prepare, restoreSettings } from './prepare.js';

const POLL_MS = 1_000;
const HEARTBEAT_MS = 2_000;
const TIDY_EVERY_MS = 5_000;

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
  const cleared = nothingCleared();
  const pass = async () => {
    if (Date.now() >= nextTidying) {
      nextTidying = Date.now() + TIDY_EVERY_MS;
      await dropOldIndices(context);
      await clearKeptIndex(context, cleared);
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
  await goLive(context, lease, toIndex, refusedIds);
}
