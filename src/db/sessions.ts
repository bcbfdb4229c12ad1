import { type Kysely, sql, type Transaction } from 'kysely';
import type { Database } from './schema.js';
import { type Account, accountColumns, accountStands, authorityIsLive } from './users.js';

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
    .where(authorityIsLive)
    .executeTakeFirst();
}

/**
 * The account that a token of the identity provider is for, if it may be used at this moment and the token was made
 * after the last end of all its sessions. @param tolerance seconds by which the provider's clock may be ahead
 */
export async function findSubjectAccount(
  db: Kysely<Database>,
  subject: string,
  issuedAt: Date,
  tolerance: number,
): Promise<(Account & { live: boolean }) | undefined> {
  return db
    .selectFrom('users')
    .select([...accountColumns, authorityIsLive.as('live')])
    .where(sql<boolean>`coalesce(users.external_subject, users.id::text) = ${subject}`)
    .where(
      sql<boolean>`(users.tokens_not_before is null
        or ${issuedAt}::timestamptz > users.tokens_not_before + make_interval(secs => ${tolerance}))`,
    )
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
  const account = await trx
    .updateTable('sessions')
    .from('users')
    .set({ refresh_token_hash: nextHash })
    .whereRef('users.id', '=', 'sessions.user_id')
    .where('sessions.id', '=', sessionId)
    .where('sessions.refresh_token_hash', '=', presentHash)
    .where('sessions.revoked_at', 'is', null)
    .where('sessions.expires_at', '>', sql<Date>`now()`)
    .where(accountStands)
    .where(authorityIsLive)
    .returning([...accountColumns, 'sessions.expires_at as expiresAt'])
    .executeTakeFirst();
  if (account) {
    await trx.insertInto('spent_refresh_tokens').values({ token_hash: presentHash, session_id: sessionId }).execute();
  }
  return account;
}

/** Whether the session's refresh token was this once, or is it still: a guess is neither. */
export async function wasRefreshToken(db: Kysely<Database>, sessionId: string, tokenHash: string): Promise<boolean> {
  const { rows } = await sql`
    select from sessions where id = ${sessionId} and refresh_token_hash = ${tokenHash}
    union all select from spent_refresh_tokens where session_id = ${sessionId} and token_hash = ${tokenHash}`.execute(
    db,
  );
  return rows.length > 0;
}

/** What is spent of sessions that are over anyway. */
export async function forgetSpentTokens(trx: Transaction<Database>, userId: string): Promise<void> {
  await sql`
    delete from spent_refresh_tokens using sessions
    where sessions.id = session_id and sessions.user_id = ${userId} and sessions.expires_at <= now()`.execute(trx);
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

/** Those of the identity provider as well. */
export async function revokeSessionsOf(trx: Transaction<Database>, userId: string): Promise<void> {
  await trx.updateTable('users').set({ tokens_not_before: sql<Date>`now()` }).where('id', '=', userId).execute();
  await trx
    .updateTable('sessions')
    .set({ revoked_at: sql<Date>`now()` })
    .where('user_id', '=', userId)
    .where('revoked_at', 'is', null)
    .execute();
}
