import type { Kysely, Transaction } from 'kysely';
import type { Caller } from '../caller.js';
import type { Context } from '../context.js';
import { recordAccountAudit, recordSystemAudit } from '../db/audit.js';
import { areIndependent, grantOverride, isSetter } from '../db/override-rights.js';
import type { Database } from '../db/schema.js';
import { revokeSessionsOf } from '../db/sessions.js';
import { findCredentials, lockUser } from '../db/users.js';
import { DirectoryError } from '../errors.js';
import type { UserView, UserWithSecret } from '../schemas/users.js';
import { getUser, renewSecondFactor, viewOf } from './users.js';

/**
 * A second administrator's word that the account is to look past shields: until then the right is not there. Whoever asked cannot
 * approve, nor an account behind which the same administrator may be, nor the one whom it is about. The account gets a new second
 * factor, told to who approves: whoever made the account knows its password, who approves the other half, and only the person
 * is given both. So nobody approves who has ever set the account's credentials; approving is not counted as setting them, for a
 * second factor alone opens nothing.
 * @param asked who asked, as the approver has read it: what somebody else has asked for since is not approved by it
 * @throws DirectoryError `not-found`; `conflict` where nothing waits for it any more, or what another asked; `forbidden`
 */
export async function approveOverrideAs(
  context: Context,
  caller: Caller,
  requestId: string,
  userId: string,
  asked: string,
): Promise<UserWithSecret> {
  try {
    return await context.db.transaction().execute(async (trx) => {
      const askedBy = await findAsker(trx, userId);
      if (askedBy !== asked.toLowerCase())
        throw new DirectoryError('conflict', 'Another administrator asks for it now: look again');
      if (await isSetter(trx, userId, caller.userId)) {
        throw new DirectoryError(
          'forbidden',
          'It takes an administrator who has never set what this account signs in by',
        );
      }
      if (userId === caller.userId || !(await areIndependent(trx, caller.userId, askedBy))) {
        throw new DirectoryError(
          'forbidden',
          'It takes an administrator who did not ask for it, and whose account was not made or reset by who did, nor by the same one as theirs',
        );
      }
      const details = { userId, askedBy };
      await recordAccountAudit(trx, caller, requestId, { action: 'approve-shield-override', details });
      await grant(trx, userId, askedBy);
      const factor = await renewSecondFactor(trx, context.config, await getUser(trx, userId));
      await revokeSessionsOf(trx, userId);
      return { ...viewOf(await getUser(trx, userId)), ...factor };
    });
  } catch (error) {
    if (error instanceof DirectoryError && error.code !== 'not-found') {
      const details = { userId, refused: error.code };
      await recordAccountAudit(context.db, caller, requestId, { action: 'approve-shield-override-refused', details });
    }
    throw error;
  }
}

/** By the operator, who has the server itself. @throws DirectoryError `not-found`, `conflict` */
export async function approveOverrideOnServer(db: Kysely<Database>, username: string): Promise<UserView> {
  return db.transaction().execute(async (trx) => {
    const found = await findCredentials(trx, username);
    if (!found) throw new DirectoryError('not-found', 'No such user');
    const { userId } = found;
    const askedBy = await findAsker(trx, userId);
    await recordSystemAudit(trx, { action: 'approve-shield-override', details: { userId, askedBy } });
    return grant(trx, userId, askedBy);
  });
}

async function findAsker(trx: Transaction<Database>, userId: string): Promise<string> {
  if (!(await lockUser(trx, userId))) throw new DirectoryError('not-found', 'No such user');
  const { overrideAskedBy } = await getUser(trx, userId);
  if (!overrideAskedBy) throw nothingAsked();
  return overrideAskedBy;
}

async function grant(trx: Transaction<Database>, userId: string, askedBy: string): Promise<UserView> {
  if (!(await grantOverride(trx, userId, askedBy))) throw nothingAsked();
  return viewOf(await getUser(trx, userId));
}

function nothingAsked(): DirectoryError {
  return new DirectoryError(
    'conflict',
    'Nobody has asked for the right to look past shields, or too long ago: ask anew',
  );
}
