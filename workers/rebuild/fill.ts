import { setTimeout as delay } from 'node:timers/promises';
import type { Context } from '../../src/context.js';
import { findFacts, findNextFacts } from '../../src/db/children.js';
import { isBehind } from '../../src/db/outbox.js';
import type { Lease, Rebuild } from '../../src/db/rebuilds.js';
import { indexBehind, isTolerable, nextAlias } from '../../src/search/aliases.js';
import { removeDocuments } from '../../src/search/documents.js';
import { compareIndex, type Difference, findBeyondReach, MOST_DIFFERENCES } from '../../src/services/index/compare.js';
import { type Target, writeTo } from '../../src/services/index/write-documents.js';
import { getHeld, RebuildFailedError, save } from './lease.js';
import { createPace, type Pace } from './pace.js';

const SAVED_EVERY_MS = 500;
const REPAIRED_AT_ONCE = 500;
/** Differences that come anew each time they are put right are none of passing changes. */
const ROUNDS = 10;
const LONGEST_RETRY_PAUSE_MS = 5_000;

/** In the order of their ids, each page read anew from PostgreSQL; a later version that is there already stays. */
export async function copyChildren(
  context: Context,
  lease: Lease,
  { afterId, copied: copiedBefore, refused: refusedBefore, total }: Rebuild,
  mappingVersion: number,
  signal: AbortSignal,
): Promise<void> {
  const { db } = context;
  const pace = createPace(() => isBehind(db));
  let copied = copiedBefore;
  let refused = refusedBefore;
  let after = afterId;
  let savedAt = 0;
  for (;;) {
    // Not ahead, while the page before is written: PostgreSQL and Elasticsearch would both be at it, and searches wait for both.
    const children = await findNextFacts(db, after, pace.size());
    const last = children.at(-1);
    if (!last) break;
    after = last.childId;
    const targets = children.map((child) => ({
      childId: child.childId,
      version: child.version,
      child,
      shieldWaits: false,
    }));
    refused += (await write(context, targets, mappingVersion, signal, pace)).size;
    copied += children.length;
    // Whoever takes over copies the pages since once more. Each save waits for the disk, as searches do for theirs.
    if (Date.now() - savedAt >= SAVED_EVERY_MS) {
      await save(context, lease, { after_id: after, copied, refused });
      savedAt = Date.now();
    }
    if (!isTolerable(refused, total)) throw new RebuildFailedError('refused');
    await pace.rest(signal);
    signal.throwIfAborted();
  }
  await save(context, lease, { after_id: after, copied, refused, copied_at: new Date() });
}

/**
 * Compares the index with PostgreSQL and puts right what differs, until nothing does but what the index refuses.
 * @returns ids of those
 */
export async function check(
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
  // What was removed lately, as from an index that was kept, it might take for a later version.
  if (beyondReach.length > 0 || differences.some(({ kind }) => kind === 'missing'))
    await removeDocuments(context.elasticsearch, index, beyondReach);
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
