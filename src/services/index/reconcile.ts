import { setTimeout as delay } from 'node:timers/promises';
import type { Context } from '../../context.js';
import { recordSystemAudit } from '../../db/audit.js';
import { countWaiting, findTruth, queueAgain, queueRemovals } from '../../db/drift.js';
import {
  aloneReconciling,
  beginReconciliation,
  endReconciliation,
  findReconciliation,
  type Outcome,
  type Reconciliation,
  requestReconciliation,
} from '../../db/reconciliations.js';
import { readAlias } from '../../search/aliases.js';
import { removeDocuments } from '../../search/documents.js';
import {
  type CompareOptions,
  compareIndex,
  type Difference,
  examineAll,
  findBeyondReach,
  inChunks,
  MOST_DIFFERENCES,
  UUID,
} from './compare.js';

const REPAIRED_WITHIN_MS = 120_000;
const LOOK_AGAIN_MS = 1_000;

/**
 * Has the differences put right: through the outbox, as any change. Only what no change could ever reach is removed at
 * once: documents of ids that no child can have, and those ahead of PostgreSQL, which would refuse every change to come.
 */
async function repair(context: Context, index: string, differences: Difference[]): Promise<void> {
  const documents = findBeyondReach(differences);
  if (documents.length > 0 || differences.some(({ kind }) => kind === 'missing')) {
    await removeDocuments(context.elasticsearch, index, documents);
  }
  const reachable = differences.filter(({ id }) => UUID.test(id));
  const known = reachable.filter(({ truth }) => truth?.version != null).map(({ id }) => id);
  for (const some of inChunks(known)) await queueAgain(context.db, some);
  const unknown = reachable.filter(({ truth }) => truth?.version == null);
  for (const some of inChunks(unknown)) await queueRemovals(context.db, some.map(removalOf));
}

function removalOf({ id, truth, held }: Difference): { childId: string; version: number } {
  const version = Math.max(held?.version ?? 0, truth?.destroyedAt ?? 0);
  return { childId: id, version: Math.min(version, Number.MAX_SAFE_INTEGER) };
}

/** Waits for workers to settle what was queued. @returns how many of the differences are no more */
async function countRepaired(
  context: Context,
  index: string,
  differences: Difference[],
  deep: boolean,
  signal: AbortSignal | undefined,
): Promise<number> {
  const ids = differences.map(({ id }) => id);
  const queued = ids.filter((id) => UUID.test(id));
  const deadline = Date.now() + REPAIRED_WITHIN_MS;
  while ((await countWaiting(context.db, queued)) > 0 && Date.now() < deadline) {
    await delay(LOOK_AGAIN_MS, undefined, signal ? { signal } : {});
  }
  const waiting = await countWaiting(context.db, queued);
  const letters = await countRefused(context, queued);
  return ids.length - waiting - letters - (await examineAll(context, index, ids, { deep })).length;
}

async function countRefused({ db }: Context, ids: string[]): Promise<number> {
  const truths = await findTruth(db, ids);
  return [...truths.values()].filter((truth) => truth.refused).length;
}

export interface ReconcileOptions {
  deep?: boolean;
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

/**
 * One check of the index that searches read, from beginning to end, on record in the history.
 * @param id of a reconciliation that was requested; without one it is made
 * @returns undefined, with nothing done, where another is going on or there is no complete index to check
 */
export async function reconcile(
  context: Context,
  { deep = false, signal, onProgress }: ReconcileOptions = {},
  id?: string,
): Promise<Reconciliation | undefined> {
  const { db } = context;
  return aloneReconciling(db, async () => {
    const index = await indexToCheck(context);
    if (!index) return undefined;
    const reconciliationId = id ?? (await requestReconciliation(db, { deep }));
    const turn = await beginReconciliation(db, reconciliationId, index);
    const outcome = await check(context, index, { deep, turn, signal, onProgress });
    await endReconciliation(db, reconciliationId, outcome.counts);
    const { missing, stale, extra, repaired } = outcome.counts;
    if (missing + stale + extra > 0) {
      context.log.warn({ index, missing, stale, extra, repaired }, 'the index differed from PostgreSQL');
      await recordSystemAudit(db, {
        action: 'repair-index',
        details: { reconciliationId, deep, missing, stale, extra, repaired },
      });
    }
    if (outcome.failure) throw outcome.failure;
    return findReconciliation(db, reconciliationId);
  });
}

async function check(
  context: Context,
  index: string,
  options: CompareOptions & { deep: boolean },
): Promise<{ counts: Outcome; failure?: unknown }> {
  const counts: Outcome = {
    state: 'done',
    records: 0,
    documents: 0,
    bucketsCompared: 0,
    missing: 0,
    stale: 0,
    extra: 0,
    repaired: 0,
    reason: null,
  };
  try {
    const { differences, unfinished, ...compared } = await compareIndex(context, index, options);
    Object.assign(counts, compared);
    // One that was replaced meanwhile takes no more changes: what it lacks is no drift.
    if ((await indexToCheck(context)) !== index) return { counts: { ...counts, state: 'failed', reason: 'replaced' } };
    for (const { kind } of differences) counts[kind] += 1;
    if (unfinished) counts.reason = `more than ${MOST_DIFFERENCES} differences: the next check goes on`;
    if (differences.length > 0) {
      await repair(context, index, differences);
      counts.repaired = await countRepaired(context, index, differences, options.deep, options.signal);
    }
    return { counts };
  } catch (failure) {
    const { name = 'unknown' } = failure as Error;
    const reason = options.signal?.aborted ? 'broken off' : name;
    return { counts: { ...counts, state: 'failed', reason }, failure };
  }
}

async function indexToCheck({ elasticsearch, config }: Context): Promise<string | undefined> {
  const found = await elasticsearch.indices.getAlias({ name: readAlias(config.instance) }, { ignore: [404] });
  return Object.keys(found).find((name) => name.startsWith(readAlias(config.instance)));
}
