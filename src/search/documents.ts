import type { estypes } from '@elastic/elasticsearch';
import type { Context } from '../context.js';
import type { BucketSums } from '../db/drift.js';
import { mappingVersionOf } from './aliases.js';
import { bucketOf, checkOf, type IndexDocument } from './projection.js';

type Elasticsearch = Context['elasticsearch'];

const REQUEST_MS = 60_000;
/** As many as Elasticsearch allows an answer to have; a bucket is a `short`. */
const MOST_BUCKETS = 65_535;
const PAGE = 5_000;
/** Stands for documents without a bucket. */
export const NO_BUCKET = -1;

/** Fields by which children are found. */
const contentFields = [
  'family',
  'familyLike',
  'given',
  'givenLike',
  'dateOfBirth',
  'gender',
  'datePairs',
  'postcode',
  'sector',
  'addressKeys',
  'town',
  'parent',
  'parentLike',
] as const satisfies (keyof IndexDocument)[];

/** A document as the index holds it. */
export interface HeldDocument {
  id: string;
  /** The external version, against which writes are judged. */
  version: number;
  /** Whether all that it says of itself agrees: id, version, bucket, check. */
  consistent: boolean;
  shielded: boolean;
  /** Of the fields by which children are found; empty where they were not asked for. */
  content: string;
  /** For a removal of exactly this. */
  seqNo: number;
  primaryTerm: number;
}

/** The same sums by bucket that PostgreSQL makes: one pass over numbers, no document is read. */
export async function sumDocuments(elasticsearch: Elasticsearch, index: string): Promise<Map<number, BucketSums>> {
  const sum = (field: string) => ({ sum: { field } });
  const answer = await elasticsearch.search<
    unknown,
    { buckets: estypes.AggregationsTermsAggregateBase<SumBucket> & { sum_other_doc_count: number } }
  >(
    {
      index,
      size: 0,
      track_total_hits: false,
      allow_partial_search_results: false,
      request_cache: false,
      aggs: {
        buckets: {
          terms: { field: 'bucket', size: MOST_BUCKETS, missing: NO_BUCKET },
          aggs: {
            versions: sum('_version'),
            stated: sum('version'),
            checks: { extended_stats: { field: 'check' } },
            mean: { weighted_avg: { value: { field: 'check' }, weight: { field: '_version' } } },
            shielded: sum('shielded'),
          },
        },
      },
    },
    { requestTimeout: REQUEST_MS },
  );
  const { buckets = [], sum_other_doc_count = 0 } = answer.aggregations?.buckets ?? {};
  if (!Array.isArray(buckets) || sum_other_doc_count > 0)
    throw new Error('the index holds more buckets than there are');
  return new Map(
    buckets.map(({ key, doc_count, versions, stated, checks, mean, shielded }) => [
      key,
      {
        documents: doc_count,
        versions: versions.value,
        stated: stated.value,
        checks: checks.sum,
        squares: checks.sum_of_squares ?? Number.NaN,
        mean: mean.value ?? Number.NaN,
        shielded: shielded.value,
      },
    ]),
  );
}

interface SumBucket {
  key: number;
  doc_count: number;
  versions: { value: number };
  stated: { value: number };
  checks: { sum: number; sum_of_squares: number | null };
  mean: { value: number | null };
  shielded: { value: number };
}

/** Documents of an index as they were at one moment. */
export interface IndexSnapshot {
  /** All documents of these buckets, in no order. */
  read(buckets: number[], withContent: boolean): Promise<HeldDocument[]>;
  close(): Promise<void>;
}

export async function openSnapshot(elasticsearch: Elasticsearch, index: string): Promise<IndexSnapshot> {
  const keep_alive = '5m';
  let { id } = await elasticsearch.openPointInTime({ index, keep_alive });
  return {
    async read(buckets, withContent) {
      const found: HeldDocument[] = [];
      let after: estypes.SortResults | undefined;
      for (;;) {
        const answer = await elasticsearch.search(
          {
            ...wanted(withContent),
            pit: { id, keep_alive },
            allow_partial_search_results: false,
            size: PAGE,
            query: ofBuckets(buckets),
            sort: ['_shard_doc'],
            ...(after ? { search_after: after } : {}),
          },
          { requestTimeout: REQUEST_MS },
        );
        id = answer.pit_id ?? id;
        const { hits } = answer.hits;
        for (const hit of hits) found.push(heldDocument(hit));
        after = hits.at(-1)?.sort;
        if (hits.length < PAGE || !after) return found;
      }
    },
    async close() {
      await elasticsearch.closePointInTime({ id });
    },
  };
}

/** The documents with these ids, as searches find them now. At most 10,000. */
export async function findDocuments(
  elasticsearch: Elasticsearch,
  index: string,
  ids: string[],
  withContent: boolean,
): Promise<Map<string, HeldDocument>> {
  await elasticsearch.indices.refresh({ index }, { requestTimeout: REQUEST_MS });
  const { hits } = await elasticsearch.search(
    {
      ...wanted(withContent),
      index,
      allow_partial_search_results: false,
      size: ids.length,
      query: { ids: { values: ids } },
    },
    { requestTimeout: REQUEST_MS },
  );
  return new Map(hits.hits.map((hit) => [hit._id as string, heldDocument(hit)]));
}

function wanted(withContent: boolean) {
  return {
    _source: false,
    version: true,
    seq_no_primary_term: true,
    track_total_hits: false,
    docvalue_fields: ['childId', 'version', 'bucket', 'check', 'shielded', ...(withContent ? contentFields : [])],
  };
}

function ofBuckets(buckets: number[]): estypes.QueryDslQueryContainer {
  const terms = { terms: { bucket: buckets.filter((bucket) => bucket !== NO_BUCKET) } };
  if (!buckets.includes(NO_BUCKET)) return { bool: { filter: [terms] } };
  return { bool: { should: [terms, { bool: { must_not: [{ exists: { field: 'bucket' } }] } }] } };
}

function heldDocument({
  _index: index,
  _id: id = '',
  _version: version = 0,
  _seq_no = -1,
  _primary_term = 0,
  fields = {},
}: estypes.SearchHit) {
  const is = (field: string, value: unknown) => fields[field]?.length === 1 && fields[field][0] === value;
  const check = checkOf(id, version, mappingVersionOf(index));
  return {
    id,
    version,
    consistent: is('childId', id) && is('version', version) && is('bucket', bucketOf(id)) && is('check', check),
    shielded: is('shielded', true),
    content: contentOf(fields),
    seqNo: _seq_no,
    primaryTerm: _primary_term,
  };
}

/** One text for the same content, whatever the order: doc values are a sorted set, a projection is not. */
export function contentOf(values: Partial<Record<string, unknown>>): string {
  return contentFields.map((field) => [...new Set([values[field] ?? []].flat())].sort().join('\u0001')).join('\u0002');
}

/** Whether contents can be read back: mappings before the second keep no values of them. */
export async function holdsContent(elasticsearch: Elasticsearch, index: string): Promise<boolean> {
  const answer = await elasticsearch.indices.getMapping({ index });
  return Object.values(answer).every(({ mappings }) =>
    contentFields.every((field) => {
      const property = mappings.properties?.[field];
      return property?.type === 'keyword' && property.doc_values !== false;
    }),
  );
}

/** Elasticsearch's clock for removed documents goes on by so much at a time. */
const CLOCK_MS = 300;

/**
 * Removes exactly these documents, if they are still as they were found, and makes the index forget the versions of all
 * that was removed: for a minute it would refuse an earlier one otherwise, as though it held a later one.
 */
export async function removeDocuments(
  elasticsearch: Elasticsearch,
  index: string,
  documents: HeldDocument[],
): Promise<void> {
  const forgetAfter = (time: string | null) =>
    elasticsearch.indices.putSettings({
      index,
      settings: { 'index.gc_deletes': time } as estypes.IndicesIndexSettings,
    });
  await forgetAfter('0s');
  try {
    if (documents.length > 0) {
      const operations = documents.map(({ id, seqNo, primaryTerm }) => ({
        delete: { _id: id, if_seq_no: seqNo, if_primary_term: primaryTerm },
      }));
      await elasticsearch.bulk({ index, operations }, { requestTimeout: REQUEST_MS });
    }
    await new Promise((resolve) => setTimeout(resolve, CLOCK_MS));
    await elasticsearch.indices.refresh({ index });
  } finally {
    await forgetAfter(null);
  }
}
