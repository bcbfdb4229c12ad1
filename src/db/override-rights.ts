import { type Kysely, sql, type Transaction } from 'kysely';
import type { Database } from './schema.js';

const ASKED_DAYS = 7;

/** Whether somebody's asking for the right to look past shields can still be approved. */
export const askedLately = sql<boolean>`(users.override_asked_at > now() - make_interval(days => ${ASKED_DAYS}::int))`;
/** Until when. */
export const askedUntil = sql<Date | null>`
  case when ${askedLately} then users.override_asked_at + make_interval(days => ${ASKED_DAYS}::int) end`;

/** @returns whether there was something to approve: asked for by that administrator, and not too long ago */
export async function grantOverride(trx: Transaction<Database>, userId: string, askedBy: string): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('users')
    .set({ may_override_shields: true, override_asked_by: null, override_asked_at: null })
    .where('id', '=', userId)
    .where('override_asked_by', '=', askedBy)
    .where(askedLately)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/**
 * Whether two accounts may be taken for two people. They may not where one administrator made both, or could sign in by both:
 * who made an account, or whoever made the account of who did, and so on, counts as the same.
 */
export async function areIndependent(db: Kysely<Database>, one: string, other: string): Promise<boolean> {
  const { rows } = await sql`
    with recursive behind (account, id) as (
      values ('one', ${one}::uuid), ('other', ${other}::uuid)
      union select b.account, setter.id from behind b join users u on u.id = b.id
        cross join lateral unnest(array[u.password_by, u.totp_by, u.subject_by]) as setter (id) where setter.id is not null
    )
    select from behind a join behind b using (id) where a.account = 'one' and b.account = 'other'`.execute(db);
  return rows.length === 0;
}
