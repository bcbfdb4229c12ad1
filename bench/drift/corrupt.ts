import { sql } from 'kysely';
import { v7 as uuid } from 'uuid';
import type { Context } from '../../src/context.js';
import { findFacts } from '../../src/db/children.js';
import { between, createRandom, pick, type Random } from '../../src/generator/random.js';
import { mappingVersionOf } from '../../src/search/aliases.js';
import { bucketOf, checkOf, type IndexDocument, projectChild } from '../../src/search/projection.js';

/** Faults that sums over buckets see. */
export const visibleFaults = [
  'deleted',
  'older version',
  'later version',
  'later external version alone',
  'wrong check',
  'wrong bucket',
  'no bucket',
  'wrongly shielded',
  'invented',
  'invented under no id of a child',
  'pair: deleted and invented',
  'pair: versions up and down',
  'pair: checks up and down',
  'pair: a later and an older version',
] as const;
/** Faults that leave every sum as it is: a comparison id by id finds them, or of contents alone. */
export const hiddenFaults = ['pair: checks of two swapped', 'pair: whole documents swapped'] as const;
export const contentFaults = ['term altered', 'term added', 'term removed'] as const;
export type Fault = (typeof visibleFaults)[number] | (typeof hiddenFaults)[number] | (typeof contentFaults)[number];

export interface CorruptOptions {
  /** How many documents are to be touched or invented. */
  corruptions: number;
  seed: number;
  faults: readonly Fault[];
}

export interface Corrupted {
  /** Documents by fault. */
  byFault: Record<string, number>;
  /** What a check is to find. */
  expected: Record<'missing' | 'stale' | 'extra', number>;
}

interface Written {
  id: string;
  version: number;
  document: IndexDocument;
}

const AT_ONCE = 1_000;

/** Spoils documents of an index in ways that the seed repeats, past everything that guards it. */
export async function corruptIndex(context: Context, index: string, options: CorruptOptions): Promise<Corrupted> {
  const random = createRandom(options.seed);
  const mapping = mappingVersionOf(index);
  const { pairs, singles } = await chooseChildren(context, mapping, options);
  const byFault: Record<string, number> = {};
  const expected = { missing: 0, stale: 0, extra: 0 };
  const removed: string[] = [];
  const written: Written[] = [];
  let done = 0;
  const note = (fault: Fault, kind: 'missing' | 'stale' | 'extra') => {
    byFault[fault] = (byFault[fault] ?? 0) + 1;
    expected[kind] += 1;
    done += 1;
  };
  for (let turn = 0; done < options.corruptions; turn++) {
    const fault = options.faults[turn % options.faults.length] as Fault;
    const pair = fault.startsWith('pair') ? pairs.pop() : undefined;
    const single = fault.startsWith('pair') ? undefined : singles.pop();
    if (pair) {
      const [one, other] = pair;
      if (fault === 'pair: deleted and invented') {
        removed.push(one.childId);
        written.push(invented(other, idInBucket(one.bucket, random), mapping));
        note(fault, 'missing');
        note(fault, 'extra');
      } else {
        written.push(...spoilPair(fault, one, other, mapping, random));
        note(fault, 'stale');
        note(fault, 'stale');
      }
    } else if (single) {
      if (fault === 'deleted') removed.push(single.childId);
      else written.push(spoil(fault, single, mapping, random));
      note(fault, fault === 'deleted' ? 'missing' : fault.startsWith('invented') ? 'extra' : 'stale');
    } else {
      throw new Error('there are too few children for so many corruptions');
    }
  }
  await writeAnyhow(context, index, removed, written);
  return { byFault, expected };
}

/** Pairs are of one bucket, so that what one gains the other may lose. */
async function chooseChildren(
  { db }: Context,
  mapping: number,
  { corruptions, seed }: CorruptOptions,
): Promise<{ pairs: [IndexDocument, IndexDocument][]; singles: IndexDocument[] }> {
  const { rows } = await sql<{ id: string }>`
    select id from children where archived_at is null
    order by md5(id::text || ${String(seed)}) limit ${corruptions * 12}`.execute(db);
  const byBucket = new Map<number, string[]>();
  for (const { id } of rows) byBucket.set(bucketOf(id), [...(byBucket.get(bucketOf(id)) ?? []), id]);
  const pairIds = [...byBucket.values()].filter((ids) => ids.length > 1).map((ids) => ids.slice(0, 2));
  const wantedPairs = pairIds.slice(0, corruptions);
  const paired = new Set(wantedPairs.flat());
  const singleIds = rows.map((row) => row.id).filter((id) => !paired.has(id));
  const documents = new Map<string, IndexDocument>();
  const wanted = [...paired, ...singleIds.slice(0, corruptions)];
  for (let from = 0; from < wanted.length; from += AT_ONCE) {
    for (const child of await findFacts(db, wanted.slice(from, from + AT_ONCE))) {
      const document = projectChild(child, mapping);
      if (document) documents.set(child.childId, document);
    }
  }
  const documentOf = (id: string) => documents.get(id) as IndexDocument;
  const pairs = wantedPairs.map(([one = '', other = '']): [IndexDocument, IndexDocument] => [
    documentOf(one),
    documentOf(other),
  ]);
  return { pairs, singles: singleIds.slice(0, corruptions).map(documentOf) };
}

function spoil(fault: Fault, right: IndexDocument, mapping: number, random: Random): Written {
  const id = right.childId;
  const as = (changes: Partial<IndexDocument>, version = right.version): Written => ({
    id,
    version,
    document: { ...right, ...changes },
  });
  const atVersion = (version: number) => as({ version, check: checkOf(id, version, mapping) }, version);
  switch (fault) {
    case 'older version':
      return atVersion(right.version - 1);
    case 'later version':
      return atVersion(right.version + between(random, 1, 1_000));
    case 'later external version alone':
      return as({}, right.version + between(random, 1, 1_000));
    case 'wrong check':
      return as({ check: right.check ^ between(random, 1, 0xffff) });
    case 'wrong bucket':
      return as({ bucket: (right.bucket + between(random, 1, 4_095)) % 4_096 });
    case 'no bucket': {
      const { bucket: _, ...document } = right;
      return { id, version: right.version, document: document as IndexDocument };
    }
    case 'wrongly shielded':
      return as({ shielded: !right.shielded });
    case 'invented':
      return invented(right, idInBucket(between(random, 0, 4_095), random), mapping);
    case 'invented under no id of a child':
      return { ...as({}), id: `invented-${between(random, 0, 2 ** 31)}-${id}` };
    case 'term altered':
      return as({ family: right.family.map((term, at) => (at === 0 ? `${term}x` : term)) });
    case 'term added':
      return as({ postcode: [...right.postcode, 'ZZ999ZZ'] });
    case 'term removed':
      return as({ datePairs: right.datePairs.slice(1) });
    default:
      throw new Error(`this takes two documents: ${fault}`);
  }
}

function spoilPair(
  fault: Fault,
  one: IndexDocument,
  other: IndexDocument,
  mapping: number,
  random: Random,
): [Written, Written] {
  const as = (right: IndexDocument, changes: Partial<IndexDocument>, version = right.version): Written => ({
    id: right.childId,
    version,
    document: { ...right, ...changes },
  });
  const less = between(random, 1, 1_000);
  switch (fault) {
    case 'pair: versions up and down':
      return [as(one, {}, one.version + 1), as(other, {}, other.version - 1)];
    case 'pair: checks up and down':
      return [as(one, { check: one.check + less }), as(other, { check: other.check - less })];
    case 'pair: a later and an older version': {
      const [high, low] = [one.version + 1, other.version - 1];
      return [
        as(one, { version: high, check: checkOf(one.childId, high, mapping) }, high),
        as(other, { version: low, check: checkOf(other.childId, low, mapping) }, low),
      ];
    }
    case 'pair: checks of two swapped':
      return [as(one, { check: other.check }), as(other, { check: one.check })];
    case 'pair: whole documents swapped':
      return [
        { id: one.childId, version: other.version, document: other },
        { id: other.childId, version: one.version, document: one },
      ];
    default:
      throw new Error(`this takes one document: ${fault}`);
  }
}

function invented(like: IndexDocument, id: string, mapping: number): Written {
  const { version } = like;
  return {
    id,
    version,
    document: { ...like, childId: id, bucket: bucketOf(id), check: checkOf(id, version, mapping) },
  };
}

function idInBucket(bucket: number, random: Random): string {
  const drawn = uuid().slice(0, -12);
  const node = Array.from({ length: 9 }, () => pick(random, [...'0123456789abcdef'])).join('');
  return `${drawn}${node}${bucket.toString(16).padStart(3, '0')}`;
}

/** Versions may go down: the documents are removed first, and the index made to forget them. */
async function writeAnyhow(
  { elasticsearch }: Context,
  index: string,
  removed: string[],
  written: Written[],
): Promise<void> {
  const forget = (time: string | null) =>
    elasticsearch.indices.putSettings({ index, settings: { index: { gc_deletes: time as string } } });
  const remove = async (ids: string[]) => {
    for (let from = 0; from < ids.length; from += AT_ONCE) {
      const operations = ids.slice(from, from + AT_ONCE).map((_id) => ({ delete: { _id } }));
      await elasticsearch.bulk({ index, operations });
    }
  };
  await forget('0s');
  await remove(written.map(({ id }) => id));
  await new Promise((resolve) => setTimeout(resolve, 500));
  await elasticsearch.indices.refresh({ index });
  for (let from = 0; from < written.length; from += AT_ONCE) {
    const operations = written
      .slice(from, from + AT_ONCE)
      .flatMap(({ id, version, document }) => [
        { index: { _id: id, version, version_type: 'external_gte' as const } },
        document,
      ]);
    const { errors } = await elasticsearch.bulk({ index, operations });
    if (errors) throw new Error('not every document could be spoilt');
  }
  await forget(null);
  // These the index remembers as gone for a minute, as it would of any.
  await remove(removed);
  await elasticsearch.indices.refresh({ index });
}
