import { type Kysely, sql } from 'kysely';
import type { Database } from './schema.js';

/** Without the version, or when the last change was refused: either would tell how often a shielded child's record changes. */
export interface DeadLetter {
  id: string;
  childId: string;
  /** Types and fields, never values. */
  reason: string;
  /** Since when the letter has been open. */
  failedAt: Date;
}

/** Those that nothing was done about, by child. */
export async function findDeadLetters(
  db: Kysely<Database>,
  { after, limit }: { after?: string | undefined; limit: number },
): Promise<DeadLetter[]> {
  let query = db
    .selectFrom('dead_letters')
    .select(['id', 'child_id as childId', 'reason', 'opened_at as failedAt'])
    .where('retried_at', 'is', null)
    .orderBy('child_id')
    .limit(limit);
  if (after !== undefined) query = query.where('child_id', '>', after);
  return query.execute();
}

export async function countDeadLetters(db: Kysely<Database>): Promise<number> {
  const { rows } = await sql<{ letters: number }>`
    select count(*) as letters from dead_letters where retried_at is null`.execute(db);
  return rows[0]?.letters ?? 0;
}

/**
 * Puts the children back into the outbox, at the version they have now. A letter stays open until the index has
 * acknowledged; one that is refused again says why anew.
 * @param ids of letters; all open ones where none are given
 * @returns how many
 */
export async function retryDeadLetters(db: Kysely<Database>, ids?: string[]): Promise<number> {
  const chosen = ids === undefined ? sql`true` : sql`d.id = any(${ids}::uuid[])`;
  const { rows } = await sql<{ retried: number }>`
    with letters as (
      select d.child_id, greatest(d.version, c.version) as version,
        exists (select from shields s where s.child_id = d.child_id and s.lifted_at is null) as urgent
      from dead_letters d left join children c on c.id = d.child_id
      where d.retried_at is null and ${chosen}
    ), queued as (
      insert into outbox (child_id, version, urgent) select child_id, version, urgent from letters order by child_id
      on conflict (child_id) do update set claimed_at = null
    )
    select count(*) as retried from letters`.execute(db);
  return rows[0]?.retried ?? 0;
}
