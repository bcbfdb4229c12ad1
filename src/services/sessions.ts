import { createHash, randomBytes } from 'node:crypto';
import type { Transaction } from 'kysely';
import { v7 as uuid } from 'uuid';
import type { Caller } from '../caller.js';
import type { Config } from '../config.js';
import type { Context } from '../context.js';
import { recordAccountAudit } from '../db/audit.js';
import type { Database } from '../db/schema.js';
import {
  forgetSpentTokens,
  insertSession,
  revokeSession,
  revokeSessionsOf,
  rotateRefreshToken,
  wasRefreshToken,
} from '../db/sessions.js';
import type { Account } from '../db/users.js';
import { DirectoryError } from '../errors.js';
import type { SessionView } from '../schemas/session.js';

/** Makes one access token of a session. */
export type SignAccessToken = (account: Account, sessionId: string, expiresAt: Date) => string;

const later = (minutes: number) => new Date(Date.now() + minutes * 60_000);

export async function openSession(
  trx: Transaction<Database>,
  config: Config,
  sign: SignAccessToken,
  account: Account,
): Promise<SessionView> {
  const sessionId = uuid();
  const refreshToken = newRefreshToken(sessionId);
  const expiresAt = later(config.auth.sessionHours * 60);
  await forgetSpentTokens(trx, account.userId);
  await insertSession(trx, {
    id: sessionId,
    userId: account.userId,
    refreshTokenHash: hashOf(refreshToken),
    expiresAt,
  });
  return viewOf(config, sign, account, sessionId, expiresAt, refreshToken);
}

/**
 * Gives new tokens for a refresh token, once. The token names its session: one that comes a second time was stolen,
 * or its successor was, so the session ends for both. One that never was good ends nothing: an id alone is no token.
 * @throws DirectoryError `unauthenticated`
 */
export async function refreshSession(
  context: Context,
  sign: SignAccessToken,
  refreshToken: string,
  requestId: string,
): Promise<SessionView> {
  const sessionId = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.[\w-]{43}$/.exec(refreshToken)?.[1];
  const session = sessionId
    ? await context.db.transaction().execute(async (trx) => {
        const next = newRefreshToken(sessionId);
        const account = await rotateRefreshToken(trx, sessionId, hashOf(refreshToken), hashOf(next));
        if (account) {
          await recordAccountAudit(trx, account, requestId, { action: 'refresh-session' });
          return viewOf(context.config, sign, account, sessionId, account.expiresAt, next);
        }
        if (!(await wasRefreshToken(trx, sessionId, hashOf(refreshToken)))) return undefined;
        const ended = await revokeSession(trx, sessionId);
        if (ended) await recordAccountAudit(trx, ended, requestId, { action: 'refresh-refused' });
        return undefined;
      })
    : undefined;
  if (!session)
    throw new DirectoryError('unauthenticated', 'The refresh token is not valid or no longer valid: sign in again');
  return session;
}

export async function endSession(context: Context, caller: Caller, requestId: string): Promise<void> {
  await context.db.transaction().execute(async (trx) => {
    // A provider's tokens have no session here: all that are out by now end.
    if (caller.sessionId === null) await revokeSessionsOf(trx, caller.userId);
    else await revokeSession(trx, caller.sessionId);
    await recordAccountAudit(trx, caller, requestId, { action: 'sign-out' });
  });
}

function viewOf(
  config: Config,
  sign: SignAccessToken,
  account: Account,
  sessionId: string,
  sessionEnds: Date,
  refreshToken: string,
): SessionView {
  const soonest = Math.min(sessionEnds.getTime(), later(config.auth.accessTokenMinutes).getTime());
  // A token counts in whole seconds; what is said of it must not be later than what it says itself.
  const expiresAt = new Date(Math.floor(soonest / 1_000) * 1_000);
  return { accessToken: sign(account, sessionId, expiresAt), expiresAt: expiresAt.toISOString(), refreshToken };
}

const newRefreshToken = (sessionId: string) => `${sessionId}.${randomBytes(32).toString('base64url')}`;

function hashOf(refreshToken: string): string {
  return createHash('sha256').update(refreshToken).digest('hex');
}
