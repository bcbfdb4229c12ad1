import type { Context } from '../context.js';
import { recordAccountAudit, recordSystemAudit } from '../db/audit.js';
import { acceptCode, type Credentials, countAttempt, findCredentials } from '../db/users.js';
import { DirectoryError } from '../errors.js';
import type { SessionView, SignIn } from '../schemas/session.js';
import { isPassword } from './passwords.js';
import { openSecret, stepOfCode } from './second-factor.js';
import { openSession, type SignAccessToken } from './sessions.js';

const NOBODY = '00000000-0000-0000-0000-000000000000';

/**
 * Signs in by password and one-time code. Every refusal, that of a locked account too, is the same answer after the
 * same work: who has no account here learns neither which names have one nor which part was right.
 * @throws DirectoryError `unauthenticated`
 */
export async function signIn(
  context: Context,
  sign: SignAccessToken,
  request: SignIn,
  requestId: string,
): Promise<SessionView> {
  const { db } = context;
  const found = await findCredentials(db, request.username);
  const unlocked = await countAttempt(db, found?.userId ?? NOBODY);
  const password = await isPassword(found?.passwordHash, request.password);
  const step = await stepOf(context, found, request.otp);
  if (found?.stands && unlocked && password && step !== undefined) {
    const session = await db.transaction().execute(async (trx) => {
      if (!(await acceptCode(trx, found, step))) return undefined;
      await recordAccountAudit(trx, found, requestId, { action: 'sign-in' });
      return openSession(trx, context.config, sign, found);
    });
    if (session) return session;
  }
  if (found) {
    const details = { unlocked, password, code: step !== undefined, stands: found.stands };
    await recordAccountAudit(db, found, requestId, { action: 'sign-in-refused', details });
  } else {
    await recordSystemAudit(db, { action: 'sign-in-refused', details: { account: 'unknown' } });
  }
  throw new DirectoryError(
    'unauthenticated',
    'The user name, the password or the code is wrong, or the account cannot be used at the moment. Each code works once.',
  );
}

/** @returns the step of a right code; undefined for a wrong one, or where there is no second factor that can be opened */
export async function stepOf(
  context: Context,
  found: Credentials | undefined,
  code: string,
): Promise<number | undefined> {
  if (!found?.totpSecret) return undefined;
  try {
    return await stepOfCode(openSecret(found.totpSecret, found.userId, context.config.secrets.jwt), code);
  } catch (err) {
    context.log.error({ err }, 'a second factor cannot be opened: has AUTH_JWT_SECRET changed since it was made?');
    return undefined;
  }
}
