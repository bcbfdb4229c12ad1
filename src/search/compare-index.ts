import { type Kysely, sql } from 'kysely';
import type { Context } from '../context.js';
import type { Database } from '../db/schema.js';

/** As many as src/search/projection.ts makes. */
const BUCKETS = 4_096;
/** Children whose ids and checks are in memory at once. */
const COMPARED_AT_ONCE = 200_000;
const PAGE = 10_000;

/** An index held against PostgreSQL. */
export interface IndexComparison {
  /** In PostgreSQL and not in the index. */
  missing: string[];
  /** In the index by an older version, or another check. */
  stale: string[];
  /** In the index and not in PostgreSQL, with the version that the index has. */
  extra: { childId: string; version: number }[];
  documents: number;
}

interface Sums {
  documents: number;
  checks: number;
  versions: number;
}

interface Known {
  check: number;
  version: number;
  /** Waits in the outbox: the index will be told, so it need not know yet. */
  pending: boolean;
}

/**
 * Compares by 4,096 buckets (count, and two sums that cannot cancel together), and id by id where those differ. PostgreSQL is
 * read first and the index refreshed after: whoever was settled by then has to be there, and a later version is no difference.
 * What changes meanwhile may be told of as a difference and be none when it is looked at again.
 */
export async function compareIndex(
  context: Context,
  indexName: string,
  mappingVersion: number,
): Promise<IndexComparison> {
  const comparison: IndexComparison = { missing: [], stale: [], extra: [], documents: 0 };
  const expected = await sumChildren(context.db, mappingVersion);
  await context.elasticsearch.indices.refresh({ index: indexName });
  const found = await sumDocuments(context, indexName);
  for (const { documents } of found.values()) comparison.documents += documents;
  const differing: { bucket: number; children: number }[] = [];
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const [a, b] = [expected.get(bucket), found.get(bucket)];
    if (a?.documents === b?.documents && a?.checks === b?.checks && a?.versions === b?.versions) continue;
    differing.push({ bucket, children: Math.max(a?.documents ?? 0, b?.documents ?? 0) });
  }
  for (const buckets of inParts(differing))
    await compareBuckets(context, indexName, mappingVersion, buckets, comparison);
  return dropFleeting(context.db, comparison);
}

function* inParts(buckets: { bucket: number; children: number }[]): Generator<number[]> {
  let part: number[] = [];
  let held = 0;
  for (const { bucket, children } of buckets) {
    part.push(bucket);
    held += children;
    if (held < COMPARED_AT_ONCE) continue;
    yield part;
    part = [];
    held = 0;
  }
  if (part.length > 0) yield part;
}

// What bucketOf and checkOf of src/search/projection.ts make.
const bucket = sql.raw(`('x' || right(c.id::text, 3))::bit(12)::int`);
const check = (mappingVersion: number) =>
  sql`('x' || left(md5(c.id::text || ':' || c.version || ${`:${mappingVersion}`}), 7))::bit(28)::int`;

async function sumChildren(db: Kysely<Database>, mappingVersion: number): Promise<Map<number, Sums>> {
  const { rows } = await sql<Sums & { bucket: number }>`
    select ${bucket} as bucket, count(*) as documents, sum(${check(mappingVersion)})::bigint as checks,
      sum(c.version)::bigint as versions
    from children c where c.archived_at is null group by 1`.execute(db);
  return new Map(rows.map((row) => [row.bucket, row]));
}

async function sumDocuments({ elasticsearch }: Context, indexName: string): Promise<Map<number, Sums>> {
  const { aggregations } = await elasticsearch.search<
    unknown,
    {
      buckets: {
        buckets: { key: number; doc_count: number; checks: { value: number }; versions: { value: number } }[];
      };
    }
  >({
    index: indexName,
    size: 0,
    track_total_hits: false,
    allow_partial_search_results: false,
    aggs: {
      buckets: {
        terms: { field: 'bucket', size: BUCKETS },
        aggs: { checks: { sum: { field: 'check' } }, versions: { sum: { field: 'version' } } },
      },
    },
  });
  return new Map(
    aggregations?.buckets.buckets.map(({ key, doc_count: documents, checks, versions }) => [
      key,
      { documents, checks: checks.value, versions: versions.value },
    ]),
  );
}

async function compareBuckets(
  context: Context,
  indexName: string,
  mappingVersion: number,
  buckets: number[],
  comparison: IndexComparison,
): Promise<void> {
  const children = await findChildren(context.db, mappingVersion, buckets);
  await context.elasticsearch.indices.refresh({ index: indexName });
  for await (const { childId, ...document } of listDocuments(context, indexName, buckets)) {
    const child = children.get(childId);
    children.delete(childId);
    if (!child) comparison.extra.push({ childId, version: document.version });
    else if (child.pending || document.version > child.version || document.check === child.check) continue;
    else comparison.stale.push(childId);
  }
  for (const [childId, { pending }] of children) if (!pending) comparison.missing.push(childId);
}

/** Leaves out whoever was made, changed or archived between the two looks: the outbox sees to those. */
async function dropFleeting(
  db: Kysely<Database>,
  { missing, extra, ...rest }: IndexComparison,
): Promise<IndexComparison> {
  const ids = [...missing, ...extra.map(({ childId }) => childId)];
  if (ids.length === 0) return { missing, extra, ...rest };
  const { rows } = await sql<{ id: string; archived: boolean; pending: boolean }>`
    select c.id, c.archived_at is not null as archived, o.child_id is not null as pending
    from children c left join outbox o on o.child_id = c.id where c.id = any(${ids}::uuid[])`.execute(db);
  const now = new Map(rows.map((row) => [row.id, row]));
  return {
    ...rest,
    missing: missing.filter((childId) => now.get(childId)?.archived === false && !now.get(childId)?.pending),
    extra: extra.filter(({ childId }) => now.get(childId)?.archived !== false),
  };
}

async function findChildren(
  db: Kysely<Database>,
  mappingVersion: number,
  buckets: number[],
): Promise<Map<string, Known>> {
  const { rows } = await sql<Known & { id: string }>`
    select c.id, c.version, ${check(mappingVersion)} as check, o.child_id is not null as pending
    from children c left join outbox o on o.child_id = c.id
    where c.archived_at is null and ${bucket} = any(${buckets}::int[])`.execute(db);
  return new Map(rows.map((row) => [row.id, row]));
}

async function* listDocuments(
  { elasticsearch }: Context,
  indexName: string,
  buckets: number[],
): AsyncGenerator<{ childId: string; version: number; check: number }> {
  let after: string | undefined;
  for (;;) {
    const { hits } = await elasticsearch.search({
      index: indexName,
      size: PAGE,
      query: { constant_score: { filter: { terms: { bucket: buckets } } } },
      sort: [{ childId: 'asc' }],
      docvalue_fields: ['childId', 'version', 'check'],
      stored_fields: '_none_',
      _source: false,
      track_total_hits: false,
      allow_partial_search_results: false,
      ...(after === undefined ? {} : { search_after: [after] }),
      filter_path: ['hits.hits.fields'],
    });
    const found = hits?.hits ?? [];
    for (const { fields } of found) {
      after = String(fields?.childId?.[0]);
      yield { childId: after, version: Number(fields?.version?.[0]), check: Number(fields?.check?.[0]) };
    }
    if (found.length < PAGE) return;
  }
}
