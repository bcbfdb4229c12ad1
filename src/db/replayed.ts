import { sql, type Transaction } from 'kysely';
import type { NotedAccount, NotedPart } from './protections.js';
import type { Database } from './schema.js';

/** @returns whether the restored backup held it */
export async function removeNotedPart(
  trx: Transaction<Database>,
  childId: string,
  { part, id }: NotedPart,
): Promise<boolean> {
  const { numDeletedRows } = await trx
    .deleteFrom(part === 'services' ? 'child_services' : 'involvements')
    .where('child_id', '=', childId)
    .where('id', '=', id)
    .executeTakeFirst();
  return numDeletedRows === 1n;
}

/** @param at when it was archived: it is destroyed six years after that */
export async function archiveAgain(trx: Transaction<Database>, childId: string, at: string): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('children')
    .set({ archived_at: sql<Date>`${at}::timestamptz` })
    .where('id', '=', childId)
    .where('archived_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

export async function endConsentTo25(trx: Transaction<Database>, childId: string): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('children')
    .set({ consent_to_25_at: null })
    .where('id', '=', childId)
    .where('consent_to_25_at', 'is not', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/**
 * Takes from an account what was taken since the backup, and gives it nothing: it is closed where it was closed, and where
 * its role or authority is another now; a right that was lost is lost.
 * @returns what was done; undefined where the account is as narrow already, or was made since
 */
export async function narrowAccount(
  trx: Transaction<Database>,
  { userId, role, authority, mayOverrideShields, closed }: NotedAccount,
): Promise<{ closed: boolean } | undefined> {
  const { rows } = await sql<{ closed: boolean }>`
    update users u set
      may_override_shields = u.may_override_shields and ${mayOverrideShields} and not n.closed,
      disabled_at = case when n.closed then coalesce(u.disabled_at, now()) else u.disabled_at end
    from (select id, ${closed} or role <> ${role} or authority is distinct from ${authority} as closed from users) n
    where u.id = ${userId} and n.id = u.id
      and ((u.may_override_shields and not ${mayOverrideShields}) or (n.closed and u.disabled_at is null))
    returning n.closed`.execute(trx);
  return rows[0];
}
