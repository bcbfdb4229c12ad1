import type { Kysely } from 'kysely';
import { v7 as uuid } from 'uuid';
import { recordSystemAudit } from '../db/audit.js';
import type { Database } from '../db/schema.js';
import { insertSession } from '../db/sessions.js';
import { findCredentials } from '../db/users.js';
import { CommandError } from '../errors.js';
import type { SignAccessToken } from './sessions.js';

/**
 * A token without password or code, for an operator who has the server itself. Audited as the system's doing.
 * @throws CommandError for an account that is not there or may not be used
 */
export async function issueToken(
  db: Kysely<Database>,
  sign: SignAccessToken,
  username: string,
  minutes: number,
): Promise<string> {
  const account = await findCredentials(db, username);
  if (!account?.stands || !account.live) {
    await recordSystemAudit(db, { action: 'issue-token-refused', details: { userId: account?.userId ?? null } });
    if (account?.stands) {
      throw new CommandError(
        `The authority ${account.authority} is not live yet. When it is ready: npm run directory -- authority go-live`,
      );
    }
    throw new CommandError(
      account
        ? 'This account cannot be used: it is disabled, or its background check, training or agreement is missing or has lapsed'
        : 'There is no account of that user name. Make one with: npm run directory -- user add',
    );
  }
  const expiresAt = new Date(Date.now() + minutes * 60_000);
  const sessionId = uuid();
  await db.transaction().execute(async (trx) => {
    await insertSession(trx, { id: sessionId, userId: account.userId, refreshTokenHash: null, expiresAt });
    await recordSystemAudit(trx, { action: 'issue-token', details: { userId: account.userId, minutes } });
  });
  return sign(account, sessionId, expiresAt);
}
