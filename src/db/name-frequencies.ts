import { type Kysely, sql } from 'kysely';
import type { Database } from './schema.js';

/**
 * Counts afresh in how many current names each normalised part occurs. Only current names are counted: they are what
 * a shield does not hide. A part that a single child bears is left out; absence tells a scorer that it is rare.
 */
export async function refreshNameFrequencies(db: Kysely<Database>): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await sql`select pg_advisory_xact_lock(7203120)`.execute(trx);
    await sql`set local statement_timeout = '30min'`.execute(trx);
    await sql`set local work_mem = '256MB'`.execute(trx);
    await sql`delete from name_frequencies`.execute(trx);
    for (const part of ['given', 'family'] as const) {
      await sql`
        insert into name_frequencies (part, name, children)
        select ${part}, name, count(*) from child_names n join children c on c.id = n.child_id and c.archived_at is null
        cross join lateral (select distinct unnest(string_to_array(${sql.ref(`n.${part}_key`)}, ' ')) as name) parts
        where n.kind = 'current' and name <> ''
        group by name having count(*) >= 2`.execute(trx);
    }
    await sql`
      update directory_statistics set counted_at = now(),
        children = (select count(*) from children where archived_at is null)`.execute(trx);
  });
}

/** How many children there were when names were counted last. */
export async function getCountedChildren(db: Kysely<Database>): Promise<number> {
  const { children } = await db.selectFrom('directory_statistics').select('children').executeTakeFirstOrThrow();
  return children;
}
