import { type Kysely, sql } from 'kysely';

/** A new index is merged before searches may use it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table index_builds add column merge_task text;
    comment on column index_builds.merge_task is 'The task of Elasticsearch that merges its segments, begun when every child was in and ended before it is live';
  `.execute(db);
}
