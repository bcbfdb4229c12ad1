import type { estypes } from '@elastic/elasticsearch';
import { sql } from 'kysely';
import type { Context } from '../../context.js';
import { type ChildFacts, findFacts } from '../../db/children.js';
import { noteNewNames } from '../../db/name-frequencies.js';
import { buryDeadLetters, findPending, settle } from '../../db/outbox.js';
import { nextAlias, writeAlias } from '../../search/aliases.js';
import { fitDocument, newestMapping } from '../../search/mappings.js';
import { nameParts, projectChild } from '../../search/projection.js';
import { documentCounter } from './metrics.js';

/** Some documents could not be written for now: the job is to be tried again. Carries counts and types, no data. */
export class IndexRetryError extends Error {
  override readonly name = 'IndexRetryError';
}

export interface IndexOutcome {
  acknowledged: number;
  deadLetters: number;
}

/** A document to be written, or one that must not be there. */
export interface Target {
  childId: string;
  version: number;
  child: ChildFacts | undefined;
  shieldWaits: boolean;
}

/** Where documents are written. */
export interface Destination {
  alias: string;
  mappingVersion: number;
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
  const { current, next } = await findDestinations(context);
  const verdicts = await writeTo(context, next ? [current, next] : [current], targets);
  const results = targets.map((target, at) => ({ target, ...judgeBoth(verdicts[0]?.[at], verdicts[1]?.[at]) }));
  const written = results.filter((result) => result.verdict === 'written');
  // A shield counts as acknowledged only when searches no longer see the old document, in the index to come as well.
  if (written.some(({ target }) => target.shieldWaits)) {
    await context.elasticsearch.indices.refresh({ index: next ? [current.alias, next.alias] : current.alias });
  }
  const acknowledged = await settle(
    context.db,
    written.map(({ target: { childId, version, shieldWaits }, indexNames }) => ({
      childId,
      version,
      shieldWaits,
      indexNames,
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
    deadLetters = await buryDeadLetters(
      context.db,
      refused.map(({ target: { childId, version }, reason, indexNames: [indexName = ''] }) => ({
        childId,
        version,
        reason,
        indexName,
      })),
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
 * The index that is searched, and the one that a rebuild is making. Should a rebuild begin after this look, what is written is
 * not settled (src/db/outbox.ts) and comes again.
 */
async function findDestinations({
  db,
  config,
}: Context): Promise<{ current: Destination; next: Destination | undefined }> {
  const builds = await db
    .selectFrom('index_builds')
    .select(['state', 'mapping_version'])
    .where('state', 'not in', ['kept', 'retired'])
    .orderBy('started_at', 'desc')
    .execute();
  const current = builds.find((build) => build.state !== 'building');
  const next = builds.find((build) => build.state === 'building');
  return {
    current: {
      alias: writeAlias(config.instance),
      mappingVersion: current?.mapping_version ?? newestMapping(config),
    },
    next: next && { alias: nextAlias(config.instance), mappingVersion: next.mapping_version },
  };
}

/**
 * Writes the documents to each of the places. Where that of a shielded child is refused, the one from before the shield would
 * stay, with all that is hidden now. Better none: the child is found by number, and again by name once the dead letter has been
 * seen to. One that could not be removed for now is to be tried again.
 * @returns by place, what became of each document
 */
export async function writeTo(context: Context, destinations: Destination[], targets: Target[]): Promise<Verdict[][]> {
  const verdicts = await write(context, destinations, targets);
  for (const [at, destination] of destinations.entries()) {
    const found = verdicts[at] ?? [];
    const hidden = [...targets.keys()].filter(
      (position) => targets[position]?.child?.shielded && found[position]?.verdict === 'refused',
    );
    if (hidden.length === 0) continue;
    const removals = hidden.map((position) => ({ ...(targets[position] as Target), child: undefined }));
    const [removed = []] = await write(context, [destination], removals);
    for (const [order, position] of hidden.entries()) {
      const { verdict, indexName, reason } = removed[order] ?? judge(undefined);
      if (verdict !== 'written') found[position] = { verdict: 'later', indexName, reason };
    }
  }
  return verdicts;
}

/** All in one request. An index is reached by its alias alone, so that one that is gone is never made anew by accident with guessed types. */
async function write(
  { config, elasticsearch }: Context,
  destinations: Destination[],
  targets: Target[],
): Promise<Verdict[][]> {
  const { items } = await elasticsearch.bulk({
    require_alias: true,
    operations: destinations.flatMap(({ alias, mappingVersion }) =>
      targets.flatMap(({ childId, version, child }) => {
        // Equal versions are written again: the same version always gives the same document, and a repair may need it.
        const address = { _index: alias, _id: childId, version, version_type: 'external_gte' };
        const document = child && projectChild(child, mappingVersion);
        const operation: object[] = document
          ? [{ index: address }, fitDocument(config, mappingVersion, document)]
          : [{ delete: address }];
        return operation;
      }),
    ),
  });
  return destinations.map((_, at) => targets.map((_target, position) => judge(items[at * targets.length + position])));
}

function reasonsOf(results: Pick<Verdict, 'reason'>[]): string[] {
  return [...new Set(results.map((result) => result.reason))];
}

async function findTargets(context: Context, childIds: string[], children: ChildFacts[]): Promise<Target[]> {
  const waiting = await findWaitingShields(context, children);
  const targets: Target[] = children.map((child) => ({
    childId: child.childId,
    version: child.version,
    child,
    shieldWaits: waiting.has(child.childId),
  }));
  const known = new Set(children.map((child) => child.childId));
  const gone = await findPending(
    context.db,
    childIds.filter((childId) => !known.has(childId)),
  );
  for (const { childId, version } of gone) targets.push({ childId, version, child: undefined, shieldWaits: false });
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

export interface Verdict {
  verdict: 'written' | 'later' | 'refused';
  /** The index that took the document or refused it; empty where none did either. */
  indexName: string;
  reason: string;
}

interface JointVerdict extends Omit<Verdict, 'indexName'> {
  indexNames: string[];
}

/**
 * A change waits until both have it. What the index to come refuses for good is no dead letter: its rebuild compares it with
 * PostgreSQL before anybody searches it, and fails where it refuses many.
 */
function judgeBoth(current: Verdict | undefined, next: Verdict | undefined): JointVerdict {
  const known = current ?? judge(undefined);
  const { verdict, reason } = next?.verdict === 'later' ? next : known;
  return { verdict, reason, indexNames: [known.indexName, ...(next ? [next.indexName] : [])] };
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
