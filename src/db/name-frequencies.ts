import { type Kysely, sql } from 'kysely';
import { locks } from './locks.js';
import type { Database } from './schema.js';

export type NamePartKind = 'given' | 'family';

/**
 * Counts afresh in how many current names of open children each normalised part occurs. Parts of other names are listed
 * with that count, possibly 0, and so are those of shielded children's current names, without what a shield hides: to a
 * search that names a hidden criterion it must make no difference whether there are shielded children.
 * @param unlessWithin not where somebody is counting, or has within so many seconds
 * @returns whether they were counted now
 */
export async function refreshNameFrequencies(db: Kysely<Database>, { unlessWithin = 0 } = {}): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    if (unlessWithin > 0) {
      const { rows: due } = await sql`
        select from (select pg_try_advisory_xact_lock(${locks.names}) as mine) l
        where mine and not exists (select from directory_statistics where children > 0
          and counted_at > clock_timestamp() - make_interval(secs => ${unlessWithin}))`.execute(trx);
      if (due.length === 0) return false;
    } else {
      await sql`select pg_advisory_xact_lock(${locks.names})`.execute(trx);
    }
    await sql`set local statement_timeout = '30min'`.execute(trx);
    await sql`set local work_mem = '256MB'`.execute(trx);
    await sql`delete from name_frequencies`.execute(trx);
    for (const part of ['given', 'family'] as const) {
      await sql`
        insert into name_frequencies (part, name, children)
        select ${part}, name, count(*) filter (where current and s.id is null)
        from child_names n join children c on c.id = n.child_id and c.archived_at is null
        left join shields s on s.child_id = c.id and s.lifted_at is null
        cross join lateral (
          select distinct unnest(string_to_array(${sql.ref(`n.${part}_key`)}, ' ')) as name, n.kind = 'current' as current
        ) parts
        where name <> ''
          and (current or s.id is null)
        group by name`.execute(trx);
    }
    // Whoever bore one before this began has been counted, or bears it no more: a shield may hide it by now. One that came
    // too late waits for the next count.
    await sql`
      delete from new_names n using name_frequencies f where f.part = n.part and f.name = n.name`.execute(trx);
    await sql`delete from new_names where seen_at < now()`.execute(trx);
    await sql`
      update directory_statistics set counted_at = clock_timestamp(),
        children = (select count(*) from children c where archived_at is null
          and not exists (select from shields s where s.child_id = c.id and s.lifted_at is null))`.execute(trx);
    return true;
  });
}

export async function readSize(db: Kysely<Database>): Promise<{ children: number; countedAt: Date }> {
  return db
    .selectFrom('directory_statistics')
    .select(['children', 'counted_at as countedAt'])
    .executeTakeFirstOrThrow();
}

/** Names in order of their code units, from the one that follows `after`. */
export async function findSomeNames(
  db: Kysely<Database>,
  part: NamePartKind,
  after: string,
  limit: number,
): Promise<{ name: string; children: number }[]> {
  return db
    .selectFrom('name_frequencies')
    .select(['name', 'children'])
    .where('part', '=', part)
    .where('name', '>', after)
    .orderBy('name')
    .limit(limit)
    .execute();
}

/** Names that came into the index since they were counted. `seen` changes whenever there are others. */
export async function findNewNames(
  db: Kysely<Database>,
): Promise<{ seen: number; names: { part: NamePartKind; name: string }[] }> {
  const rows = await db.selectFrom('new_names').select(['part', 'name', 'seen']).orderBy('seen').execute();
  return { seen: rows.reduce((sum, row) => sum + row.seen, 0), names: rows };
}

/** Notes those of the names that were not counted yet. */
export async function noteNewNames(db: Kysely<Database>, names: Record<NamePartKind, string[]>): Promise<void> {
  for (const part of ['given', 'family'] as const) {
    if (names[part].length === 0) continue;
    // In order, so that two workers never wait for each other.
    await sql`
      insert into new_names (part, name)
      select ${part}, found.name from unnest(${[...names[part]].sort()}::text[]) as found (name)
      where not exists (select from name_frequencies f where f.part = ${part} and f.name = found.name)
      on conflict do nothing`.execute(db);
  }
}
