import { type Kysely, sql, type Transaction } from 'kysely';
import type { Database } from './schema.js';

const ASKED_DAYS = 7;

/** Whether somebody's asking for the right to look past shields can still be approved: while who asked is an administrator. */
export const askedLately = sql<boolean>`(users.override_asked_at > now() - make_interval(days => ${ASKED_DAYS}::int)
  and exists (select from users asker where asker.id = users.override_asked_by and asker.role = 'administrator' and asker.disabled_at is null))`;
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

/** That administrator could sign in by the account, or has made it an administrator's. */
export async function noteSetter(trx: Transaction<Database>, userId: string, setBy: string): Promise<void> {
  await trx
    .insertInto('account_setters')
    .values({ user_id: userId, set_by: setBy })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/**
 * Whether two accounts may be taken for two people. They may not where one administrator could ever have signed in by both: who
 * made an account or set one of its credentials, or did so to the account of who did, and so on, counts as the same.
 */
export async function areIndependent(db: Kysely<Database>, one: string, other: string): Promise<boolean> {
  const { rows } = await sql`
    with recursive behind (account, id) as (
      values ('one', ${one}::uuid), ('other', ${other}::uuid)
      union select b.account, s.set_by from behind b join account_setters s on s.user_id = b.id
    )
    select from behind a join behind b using (id) where a.account = 'one' and b.account = 'other'`.execute(db);
  return rows.length === 0;
}

/** Whether that administrator could ever have signed in by the account. */
export async function isSetter(db: Kysely<Database>, userId: string, administrator: string): Promise<boolean> {
  const row = await db
    .selectFrom('account_setters')
    .select('set_by')
    .where('user_id', '=', userId)
    .where('set_by', '=', administrator)
    .executeTakeFirst();
  return row !== undefined;
}
