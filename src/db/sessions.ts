import { type Kysely, sql, type Transaction } from 'kysely';
import type { Database } from './schema.js';
import { type Account, accountColumns, accountStands } from './users.js';

export interface NewSession {
  id: string;
  userId: string;
  refreshTokenHash: string | null;
  expiresAt: Date;
}

export async function insertSession(trx: Transaction<Database>, session: NewSession): Promise<void> {
  await trx
    .insertInto('sessions')
    .values({
      id: session.id,
      user_id: session.userId,
      refresh_token_hash: session.refreshTokenHash,
      expires_at: session.expiresAt,
      revoked_at: null,
    })
    .execute();
}

/** The account behind a session, if both may be used at this moment. */
export async function findSessionAccount(
  db: Kysely<Database>,
  sessionId: string,
  userId: string,
): Promise<Account | undefined> {
  return db
    .selectFrom('sessions')
    .innerJoin('users', 'users.id', 'sessions.user_id')
    .select(accountColumns)
    .where('sessions.id', '=', sessionId)
    .where('sessions.user_id', '=', userId)
    .where('sessions.revoked_at', 'is', null)
    .where('sessions.expires_at', '>', sql<Date>`now()`)
    .where(accountStands)
    .executeTakeFirst();
}

/** Puts the next refresh token in the place of the present one. @returns undefined unless that was the present one and the account stands */
export async function rotateRefreshToken(
  trx: Transaction<Database>,
  sessionId: string,
  presentHash: string,
  nextHash: string,
): Promise<(Account & { expiresAt: Date }) | undefined> {
  return trx
    .updateTable('sessions')
    .from('users')
    .set({ refresh_token_hash: nextHash })
    .whereRef('users.id', '=', 'sessions.user_id')
    .where('sessions.id', '=', sessionId)
    .where('sessions.refresh_token_hash', '=', presentHash)
    .where('sessions.revoked_at', 'is', null)
    .where('sessions.expires_at', '>', sql<Date>`now()`)
    .where(accountStands)
    .returning([...accountColumns, 'sessions.expires_at as expiresAt'])
    .executeTakeFirst();
}

/** @returns whose session it was; undefined where there was none to end */
export async function revokeSession(db: Kysely<Database>, sessionId: string): Promise<Account | undefined> {
  return db
    .updateTable('sessions')
    .from('users')
    .set({ revoked_at: sql<Date>`now()` })
    .whereRef('users.id', '=', 'sessions.user_id')
    .where('sessions.id', '=', sessionId)
    .where('sessions.revoked_at', 'is', null)
    .returning(accountColumns)
    .executeTakeFirst();
}

export async function revokeSessionsOf(trx: Transaction<Database>, userId: string): Promise<void> {
  await trx
    .updateTable('sessions')
    .set({ revoked_at: sql<Date>`now()` })
    .where('user_id', '=', userId)
    .where('revoked_at', 'is', null)
    .execute();
}
