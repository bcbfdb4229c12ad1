import type { Context } from '../../context.js';
import { type ChildFacts, findFacts } from '../../db/children.js';
import {
  type BucketSums,
  type ExpectedDocument,
  findExpected,
  findTruth,
  sumChildren,
  type Truth,
} from '../../db/drift.js';
import { TURNS } from '../../db/reconciliations.js';
import { DirectoryError } from '../../errors.js';
import { mappingVersionOf } from '../../search/aliases.js';
import {
  contentOf,
  findDocuments,
  type HeldDocument,
  holdsContent,
  type IndexSnapshot,
  openSnapshot,
  sumDocuments,
} from '../../search/documents.js';
import { projectChild } from '../../search/projection.js';

/** Documents compared at once, and so about what is in memory. */
const COMPARED_AT_ONCE = 5_000;
/** Also about how long a change to one of them may have to wait for the transaction that queues it. */
const EXAMINED_AT_ONCE = 1_000;
/** An index that differs in more is put right by several checks, or better by a rebuild. */
export const MOST_DIFFERENCES = 100_000;
/** What an id of a child looks like. */
export const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** @property held what the index has of it; undefined where it has nothing */
export interface Difference {
  id: string;
  kind: 'missing' | 'stale' | 'extra';
  truth: Truth | undefined;
  held: HeldDocument | undefined;
}

export interface CompareOptions {
  /** Compare contents as well, of every document. */
  deep?: boolean;
  /** Dead letters are compared as well: of an index that did not refuse them, or is to be searched next. */
  withRefused?: boolean;
  /** Which share of the buckets is compared id by id although its sums agree. */
  turn?: number | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((done: number, total: number) => void) | undefined;
}

export interface Comparison {
  records: number;
  documents: number;
  bucketsCompared: number;
  differences: Difference[];
  /** There were more differences than one check takes on. */
  unfinished: boolean;
}

/**
 * Finds where an index differs from PostgreSQL: by sums over buckets first, then id by id in those that differ. A change
 * on its way to the index is no difference, nor is a dead letter, which has a list of its own, unless it is asked for.
 * @throws DirectoryError `conflict` for a deep check of an index that keeps no contents
 */
export async function compareIndex(context: Context, index: string, options: CompareOptions = {}): Promise<Comparison> {
  const { db, elasticsearch } = context;
  const { deep = false, withRefused = false, turn, signal, onProgress } = options;
  if (deep && !(await holdsContent(elasticsearch, index))) {
    throw new DirectoryError(
      'conflict',
      'The index was made with a mapping that keeps no contents to compare: rebuild it first',
    );
  }
  await elasticsearch.indices.refresh({ index });
  const [expected, held] = await Promise.all([
    sumChildren(db, mappingVersionOf(index)),
    sumDocuments(elasticsearch, index),
  ]);
  const all = [...new Set([...expected.keys(), ...held.keys()])].sort((one, other) => one - other);
  const chosen = all.filter(
    (bucket) => deep || bucket % TURNS === turn || !isSame(expected.get(bucket), held.get(bucket)),
  );
  const sizeOf = (bucket: number) => Math.max(expected.get(bucket)?.documents ?? 0, held.get(bucket)?.documents ?? 0);
  // By id: a document in a bucket that is not its own differs in both.
  const differences = new Map<string, Difference>();
  const snapshot = await openSnapshot(elasticsearch, index);
  let compared = 0;
  try {
    for (const buckets of inGroups(chosen, sizeOf)) {
      signal?.throwIfAborted();
      if (differences.size >= MOST_DIFFERENCES) break;
      const suspects = await findSuspects(context, index, snapshot, buckets, deep);
      for (const found of await examineAll(context, index, suspects, { deep, withRefused }))
        differences.set(found.id, found);
      compared += buckets.length;
      onProgress?.(compared, chosen.length);
    }
  } finally {
    await snapshot.close().catch(() => undefined);
  }
  const total = (sums: Map<number, BucketSums>) => [...sums.values()].reduce((sum, one) => sum + one.documents, 0);
  return {
    records: total(expected),
    documents: total(held),
    bucketsCompared: compared,
    differences: [...differences.values()],
    unfinished: compared < chosen.length,
  };
}

function isSame(one: BucketSums | undefined, other: BucketSums | undefined): boolean {
  return (
    one !== undefined &&
    other !== undefined &&
    one.documents === other.documents &&
    one.versions === other.versions &&
    one.stated === other.stated &&
    one.checks === other.checks &&
    isClose(one.squares, other.squares) &&
    isClose(one.mean, other.mean) &&
    one.shielded === other.shielded
  );
}

/** Of sums beyond what a number holds exactly, rounded differently on the two sides. A single change is far larger. */
function isClose(one: number, other: number): boolean {
  return Math.abs(one - other) <= 1e-13 * Math.abs(other);
}

function* inGroups(buckets: number[], sizeOf: (bucket: number) => number): Generator<number[]> {
  let group: number[] = [];
  let size = 0;
  for (const bucket of buckets) {
    if (group.length > 0 && size + sizeOf(bucket) > COMPARED_AT_ONCE) {
      yield group;
      group = [];
      size = 0;
    }
    group.push(bucket);
    size += sizeOf(bucket);
  }
  if (group.length > 0) yield group;
}

export function* inChunks<T>(values: T[]): Generator<T[]> {
  for (let from = 0; from < values.length; from += EXAMINED_AT_ONCE) yield values.slice(from, from + EXAMINED_AT_ONCE);
}

/** Ids that seem to differ. The two sides are read at different moments, so each is still to be examined. */
async function findSuspects(
  context: Context,
  index: string,
  snapshot: IndexSnapshot,
  buckets: number[],
  deep: boolean,
): Promise<string[]> {
  const [children, documents] = await Promise.all([findExpected(context.db, buckets), snapshot.read(buckets, deep)]);
  const facts = deep ? await findFactsOf(context, children) : undefined;
  const held = new Map(documents.map((document) => [document.id, document]));
  const suspects = new Set<string>();
  for (const child of children) {
    if (!isRight(index, held.get(child.childId), child, facts?.get(child.childId))) suspects.add(child.childId);
    held.delete(child.childId);
  }
  for (const id of held.keys()) suspects.add(id);
  return [...suspects];
}

async function findFactsOf({ db }: Context, children: { childId: string }[]): Promise<Map<string, ChildFacts>> {
  const facts = await findFacts(
    db,
    children.map((child) => child.childId),
  );
  return new Map(facts.map((child) => [child.childId, child]));
}

function isRight(
  index: string,
  held: HeldDocument | undefined,
  child: ExpectedDocument,
  facts: ChildFacts | undefined,
): boolean {
  if (!held?.consistent || held.version !== child.version || held.shielded !== child.shielded) return false;
  return facts === undefined || held.content === contentOf({ ...projectChild(facts, mappingVersionOf(index)) });
}

type Examination = Pick<CompareOptions, 'deep' | 'withRefused'>;

export async function examineAll(
  context: Context,
  index: string,
  ids: string[],
  options: Examination,
): Promise<Difference[]> {
  const differences: Difference[] = [];
  for (const some of inChunks(ids)) differences.push(...(await examine(context, index, some, options)));
  return differences;
}

/**
 * Whether these differ beyond doubt. PostgreSQL is asked before and after the index: an id that waited for nothing before
 * was acknowledged at its version, so the index, refreshed since, must hold it; and it had not changed by the end.
 */
async function examine(
  context: Context,
  index: string,
  ids: string[],
  { deep = false, withRefused = false }: Examination,
): Promise<Difference[]> {
  const known = ids.filter((id) => UUID.test(id));
  const before = await findTruth(context.db, known);
  const facts = deep ? await findFactsOf(context, [...before.values()]) : undefined;
  const held = await findDocuments(context.elasticsearch, index, ids, deep);
  const after = await findTruth(context.db, known);
  return ids.flatMap((id): Difference[] => {
    const truth = before.get(id);
    const document = held.get(id);
    const settled = truth === undefined || isSettled(truth, after.get(id), withRefused);
    const difference = { id, truth, held: document && { ...document, content: '' } };
    if (!settled) return [];
    if (!truth?.indexed) return document ? [{ ...difference, kind: 'extra' }] : [];
    if (!document) return [{ ...difference, kind: 'missing' }];
    const { version, shielded, childId } = truth;
    const child = { childId, version: version as number, shielded };
    const fact = facts?.get(id);
    if (deep && fact?.version !== version) return [];
    return isRight(index, document, child, fact) ? [] : [{ ...difference, kind: 'stale' }];
  });
}

function isSettled(before: Truth, after: Truth | undefined, withRefused: boolean): boolean {
  const waits = ({ waiting, refused }: Truth) => waiting || (refused && !withRefused);
  return (
    !waits(before) &&
    after !== undefined &&
    !waits(after) &&
    before.version === after.version &&
    before.indexed === after.indexed
  );
}

/** Documents that no change could put right. */
export function findBeyondReach(differences: Difference[]): HeldDocument[] {
  return differences.flatMap(({ id, truth, held }) => {
    if (!held) return [];
    const most = truth?.version ?? Number.MAX_SAFE_INTEGER;
    return !UUID.test(id) || held.version > most ? [held] : [];
  });
}
