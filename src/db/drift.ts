import { type Kysely, sql } from 'kysely';
import type { Database } from './schema.js';

/** Sums over the documents of a bucket, as the index holds them or as PostgreSQL says it should. */
export interface BucketSums {
  documents: number;
  /** External versions, by which the index judges writes. */
  versions: number;
  /** Versions as the documents state them. */
  stated: number;
  checks: number;
  /** Two checks of which one grew by what the other lost have other squares. */
  squares: number;
  /** The checks, weighted by the versions: changes if two documents take each other's version. */
  mean: number;
  shielded: number;
}

/** By bucket, over all children who are to be indexed. One pass over the table. */
export async function sumChildren(db: Kysely<Database>, mappingVersion: number): Promise<Map<number, BucketSums>> {
  const { rows } = await sql<{
    bucket: number;
    documents: number;
    versions: string;
    checks: string;
    squares: string;
    weighted: string;
  }>`
    select bucket, count(*) as documents, sum(version)::text as versions, sum("check")::text as checks,
      sum("check"::bigint * "check")::text as squares, sum("check"::bigint * version)::text as weighted
    from (
      select bucket_of(id) as bucket, version, check_of(id, version, ${mappingVersion}) as "check"
      from children where archived_at is null
    ) expected group by bucket`.execute(db);
  const shields = await sql<{ bucket: number; shielded: number }>`
    select bucket_of(c.id) as bucket, count(*) as shielded
    from shields s join children c on c.id = s.child_id
    where s.lifted_at is null and c.archived_at is null group by 1`.execute(db);
  const shielded = new Map(shields.rows.map((row) => [row.bucket, row.shielded]));
  return new Map(
    rows.map(({ bucket, documents, versions, checks, squares, weighted }) => [
      bucket,
      {
        documents,
        versions: Number(versions),
        stated: Number(versions),
        checks: Number(checks),
        squares: Number(squares),
        mean: Number(weighted) / Number(versions),
        shielded: shielded.get(bucket) ?? 0,
      },
    ]),
  );
}

export interface ExpectedDocument {
  childId: string;
  version: number;
  shielded: boolean;
}

/** Children of these buckets who are to be indexed. */
export async function findExpected(db: Kysely<Database>, buckets: number[]): Promise<ExpectedDocument[]> {
  const { rows } = await sql<ExpectedDocument>`
    select c.id as "childId", c.version, s.child_id is not null as shielded
    from children c left join shields s on s.child_id = c.id and s.lifted_at is null
    where c.archived_at is null and bucket_of(c.id) = any(${buckets}::int[])`.execute(db);
  return rows;
}

/** What PostgreSQL says of an id. */
export interface Truth {
  childId: string;
  /** Of the child; null where there is none. */
  version: number | null;
  /** Whether the index is to hold a document. */
  indexed: boolean;
  shielded: boolean;
  /** A change is on its way to the index: no drift, whatever the index holds. */
  waiting: boolean;
  /** The index refused it: it is among the dead letters. */
  refused: boolean;
  /** Version at which the index was to forget a child who was destroyed; null where none was. */
  destroyedAt: number | null;
}

export async function findTruth(db: Kysely<Database>, ids: string[]): Promise<Map<string, Truth>> {
  const { rows } = await sql<Truth>`
    select i.id as "childId", c.version, c.id is not null and c.archived_at is null as indexed,
      exists (select from shields s where s.child_id = i.id and s.lifted_at is null) as shielded,
      exists (select from outbox o where o.child_id = i.id) as waiting,
      l.child_id is not null as refused,
      d.version as "destroyedAt"
    from unnest(${ids}::uuid[]) as i (id)
    left join children c on c.id = i.id left join destroyed_numbers d on d.child_id = i.id
    left join dead_letters l on l.child_id = i.id and l.retried_at is null`.execute(db);
  return new Map(rows.map((row) => [row.childId, row]));
}

/**
 * Puts children into the outbox whose documents are not what they should be. Until the index has acknowledged, their
 * shields hold as though just set. What waits already stays as it is.
 */
export async function queueAgain(db: Kysely<Database>, childIds: string[]): Promise<void> {
  await db.transaction().execute(async (trx) => {
    // In order, as everybody who locks several.
    await sql`
      update shields set index_acknowledged_at = null where id in (
        select s.id from shields s join children c on c.id = s.child_id
        where c.id = any(${childIds}::uuid[]) and s.lifted_at is null and c.archived_at is null
        order by s.child_id for update of s)`.execute(trx);
    await sql`
      insert into outbox (child_id, version, urgent)
      select c.id, c.version, exists (select from shields s where s.child_id = c.id and s.lifted_at is null)
      from children c where c.id = any(${childIds}::uuid[]) order by c.id
      on conflict do nothing`.execute(trx);
  });
}

/** The same for documents of children who are not there: the version is the one at which the index is to forget them. */
export async function queueRemovals(
  db: Kysely<Database>,
  removals: { childId: string; version: number }[],
): Promise<void> {
  await sql`
    insert into outbox (child_id, version)
    select id, version from unnest(${removals.map((one) => one.childId)}::uuid[],
      ${removals.map((one) => one.version)}::bigint[]) as gone (id, version)
    where not exists (select from children c where c.id = gone.id) order by id
    on conflict do nothing`.execute(db);
}

/** How many of these wait in the outbox. */
export async function countWaiting(db: Kysely<Database>, childIds: string[]): Promise<number> {
  const { rows } = await sql<{ waiting: number }>`
    select count(*) as waiting from outbox where child_id = any(${childIds}::uuid[])`.execute(db);
  return rows[0]?.waiting ?? 0;
}
