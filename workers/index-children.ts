import type { estypes } from '@elastic/elasticsearch';
import { sql } from 'kysely';
import type { Context } from '../src/context.js';
import { type ChildFacts, findFacts } from '../src/db/children.js';
import { noteNewNames } from '../src/db/name-frequencies.js';
import { buryDeadLetters, findPending, settle } from '../src/db/outbox.js';
import { writeAlias } from '../src/search/aliases.js';
import { nameParts, projectChild } from '../src/search/projection.js';
import { documentCounter } from '../src/services/index/metrics.js';

/** Some documents could not be written for now: the job is to be tried again. Carries counts and types, no data. */
export class IndexRetryError extends Error {
  override readonly name = 'IndexRetryError';
}

export interface IndexOutcome {
  acknowledged: number;
  deadLetters: number;
}

interface Target {
  childId: string;
  version: number;
  document: ReturnType<typeof projectChild>;
  shieldWaits: boolean;
}

/**
 * Brings the documents of these children up to what PostgreSQL says now, and settles their outbox entries once
 * Elasticsearch has acknowledged. The child's version is the document's external version, so that late, doubled and
 * reordered calls are harmless.
 * @throws IndexRetryError when some are to be tried again; the others are settled all the same
 */
export async function indexChildren(context: Context, childIds: string[]): Promise<IndexOutcome> {
  const children = await findFacts(context.db, childIds);
  // Before the documents, so that whoever finds one by its name finds it misspelt as well.
  await noteNewNames(context.db, nameParts(children));
  return writeDocuments(context, childIds, children);
}

/** The same for a load, after which all names are counted. */
export async function indexLoaded(context: Context, childIds: string[]): Promise<IndexOutcome> {
  return writeDocuments(context, childIds, await findFacts(context.db, childIds));
}

async function writeDocuments(context: Context, childIds: string[], children: ChildFacts[]): Promise<IndexOutcome> {
  const targets = await findTargets(context, childIds, children);
  if (targets.length === 0) return { acknowledged: 0, deadLetters: 0 };
  const alias = writeAlias(context.config.instance);
  const { items } = await context.elasticsearch.bulk({
    index: alias,
    require_alias: true,
    operations: targets.flatMap(bulkOperation),
  });
  const results = targets.map((target, position) => ({ target, ...judge(items[position]) }));
  const written = results.filter((result) => result.verdict === 'written');
  // A shield counts as acknowledged only when searches no longer see the old document.
  if (written.some(({ target }) => target.shieldWaits)) await context.elasticsearch.indices.refresh({ index: alias });
  const acknowledged = await settle(
    context.db,
    written.map(({ target: { childId, version, shieldWaits }, indexName }) => ({
      childId,
      version,
      shieldWaits,
      indexName,
    })),
  );
  const refused = results.filter((result) => result.verdict === 'refused');
  const later = results.filter((result) => result.verdict === 'later');
  const counter = documentCounter(context.metrics);
  counter.inc({ outcome: 'acknowledged' }, written.length);
  counter.inc({ outcome: 'refused' }, refused.length);
  counter.inc({ outcome: 'retried' }, later.length);
  let deadLetters = 0;
  if (refused.length > 0) {
    await removeHidden(
      context,
      refused.map(({ target }) => target),
    );
    deadLetters = await buryDeadLetters(
      context.db,
      refused.map(({ target: { childId, version }, reason, indexName }) => ({ childId, version, reason, indexName })),
    );
    context.log.error({ count: refused.length, reasons: reasonsOf(refused) }, 'documents refused');
  }
  if (later.length > 0) {
    context.log.warn({ count: later.length, reasons: reasonsOf(later) }, 'documents to be tried again');
    throw new IndexRetryError(`${later.length} of ${targets.length} documents to be tried again: ${later[0]?.reason}`);
  }
  return { acknowledged, deadLetters };
}

/**
 * Where the document of a shielded child is refused, the one from before the shield would stay, with all that is hidden
 * now. Better none: the child is found by number, and again by name once the dead letter has been seen to.
 * @throws IndexRetryError when it could not be removed for now: then nothing is settled
 */
async function removeHidden(context: Context, refused: Target[]): Promise<void> {
  const shielded = refused.filter(({ document }) => document?.shielded);
  if (shielded.length === 0) return;
  const { items } = await context.elasticsearch.bulk({
    index: writeAlias(context.config.instance),
    require_alias: true,
    operations: shielded.flatMap((target) => bulkOperation({ ...target, document: undefined })),
  });
  const left = items.map(judge).filter(({ verdict }) => verdict !== 'written');
  if (left.length > 0)
    throw new IndexRetryError(`${left.length} documents of shielded children to be removed: ${left[0]?.reason}`);
}

function reasonsOf(results: Verdict[]): string[] {
  return [...new Set(results.map((result) => result.reason))];
}

async function findTargets(context: Context, childIds: string[], children: ChildFacts[]): Promise<Target[]> {
  const waiting = await findWaitingShields(context, children);
  const targets: Target[] = children.map((child) => ({
    childId: child.childId,
    version: child.version,
    document: projectChild(child),
    shieldWaits: waiting.has(child.childId),
  }));
  const known = new Set(children.map((child) => child.childId));
  const gone = await findPending(
    context.db,
    childIds.filter((childId) => !known.has(childId)),
  );
  for (const { childId, version } of gone) targets.push({ childId, version, document: undefined, shieldWaits: false });
  return targets;
}

async function findWaitingShields(context: Context, children: ChildFacts[]): Promise<Set<string>> {
  const shielded = children.filter((child) => child.shielded).map((child) => child.childId);
  if (shielded.length === 0) return new Set();
  const { rows } = await sql<{ child_id: string }>`
    select child_id from shields
    where lifted_at is null and index_acknowledged_at is null and child_id = any(${shielded}::uuid[])`.execute(
    context.db,
  );
  return new Set(rows.map((row) => row.child_id));
}

function bulkOperation({ childId, version, document }: Target): object[] {
  // Equal versions are written again: the same version always gives the same document, and a repair may need it.
  const address = { _id: childId, version, version_type: 'external_gte' };
  return document ? [{ index: address }, document] : [{ delete: address }];
}

interface Verdict {
  verdict: 'written' | 'later' | 'refused';
  /** The index that took the document or refused it; empty where none did either. */
  indexName: string;
  reason: string;
}

/** Looks at one item's answer. Only types of errors are kept: Elasticsearch's own sentences quote what they refuse. */
export function judge(item: Partial<Record<string, estypes.BulkResponseItem>> | undefined): Verdict {
  const answer = item?.index ?? item?.delete;
  if (!answer) return { verdict: 'later', indexName: '', reason: 'no answer' };
  const { status, error } = answer;
  // A conflict means that the index holds a later version; a missing document was to be deleted anyway.
  const done = status < 300 || status === 409 || (item?.delete !== undefined && status === 404 && !error);
  if (done) return { verdict: 'written', indexName: answer._index, reason: '' };
  const reason = [error?.type, error?.caused_by?.type].filter(Boolean).join(' < ') || `status ${status}`;
  const passing = status === 429 || status >= 500 || /cluster_block|index_not_found|unavailable|rejected/.test(reason);
  return { verdict: passing ? 'later' : 'refused', indexName: answer._index, reason };
}
