import { createHmac, hkdfSync } from 'node:crypto';
import { isIPv6 } from 'node:net';
import type { Transaction } from 'kysely';
import type { Context } from '../context.js';
import { type AuditEvent, recordAccountAudit, recordSystemAudit } from '../db/audit.js';
import type { Database } from '../db/schema.js';
import {
  acceptCode,
  acceptRecoveryCode,
  type Credentials,
  countAttempt,
  findCredentials,
  forgetFailures,
  isUnusedRecoveryCode,
  replaceSealedSecret,
} from '../db/users.js';
import { DirectoryError, notLive } from '../errors.js';
import type { SessionView, SignIn } from '../schemas/session.js';
import { isPassword } from './passwords.js';
import { hashRecoveryCode, openLogged, sealSecret, stepOfCode } from './second-factor.js';
import { openSession, type SignAccessToken } from './sessions.js';

const NOBODY = '00000000-0000-0000-0000-000000000000';

/** Where a request comes from. */
export interface Origin {
  requestId: string;
  /** The caller's network address. */
  ip: string;
}

/**
 * Signs in by password and one-time code, or one of the recovery codes. Every refusal, during a wait too, is the same
 * answer after the same work: who has no account here learns neither which names have one nor which part was right.
 * @throws DirectoryError `unauthenticated`; `forbidden` for who is somebody, but of an authority that is not live yet
 */
export async function signIn(
  context: Context,
  sign: SignAccessToken,
  request: SignIn,
  { requestId, ip }: Origin,
): Promise<SessionView> {
  const { db } = context;
  const source = sourceOf(ip, context.config.secrets.jwt);
  const found = await findCredentials(db, request.username);
  const password = await isPassword(found?.passwordHash, request.password);
  const unlocked = await countAttempt(db, found?.userId ?? NOBODY, source, password);
  const factor = await checkFactor(context, found, request.otp);
  if (found?.stands && unlocked && password && factor) {
    const entered = await db.transaction().execute(async (trx) => {
      if (!(await acceptFactor(trx, found, factor))) return undefined;
      await forgetFailures(trx, found.userId, source);
      await reseal(trx, context, found);
      await recordAccountAudit(trx, found, requestId, eventOf(found, factor));
      return found.live ? openSession(trx, context.config, sign, found) : 'not live';
    });
    if (entered === 'not live') throw notLive();
    if (entered) return entered;
  }
  if (found) {
    const details = { unlocked, password, code: factor !== undefined, stands: found.stands };
    await recordAccountAudit(db, found, requestId, { action: 'sign-in-refused', details });
  } else {
    await recordSystemAudit(db, { action: 'sign-in-refused', details: { account: 'unknown' } });
  }
  throw new DirectoryError(
    'unauthenticated',
    'The user name, the password or the code is wrong, or the account cannot be used at the moment. Each code works once.',
  );
}

type Factor = { step: number } | { recoveryHash: string };

/** @returns undefined for a wrong code; whether it was used already, `acceptFactor` tells */
async function checkFactor(
  context: Context,
  found: Credentials | undefined,
  code: string,
): Promise<Factor | undefined> {
  const userId = found?.userId ?? NOBODY;
  const recoveryHash = hashRecoveryCode(userId, code);
  if (recoveryHash) {
    return (await isUnusedRecoveryCode(context.db, userId, recoveryHash)) ? { recoveryHash } : undefined;
  }
  const opened = found && openLogged(context, found);
  const step = opened && (await stepOfCode(opened.secret, code));
  return step === undefined ? undefined : { step };
}

async function acceptFactor(trx: Transaction<Database>, found: Credentials, factor: Factor): Promise<boolean> {
  return 'step' in factor ? acceptCode(trx, found, factor.step) : acceptRecoveryCode(trx, found, factor.recoveryHash);
}

function eventOf(found: Credentials, factor: Factor): AuditEvent {
  const details = {
    ...('recoveryHash' in factor ? { recoveryCode: true } : {}),
    ...(found.live ? {} : { authorityLive: false }),
  };
  return { action: found.live ? 'sign-in' : 'sign-in-refused', details };
}

/** Brings what an earlier key sealed under the present one. */
async function reseal(
  trx: Transaction<Database>,
  context: Context,
  { userId, totpSecret }: Credentials,
): Promise<void> {
  const opened = openLogged(context, { userId, totpSecret });
  if (!opened?.outdated || !totpSecret) return;
  const next = sealSecret(opened.secret, userId, context.config.secrets.sealing[0]);
  await replaceSealedSecret(trx, { userId, sealed: totpSecret }, next);
}

/** An address that can be known again and not be read. Whoever has one IPv6 address has all of its /64. */
function sourceOf(ip: string, secret: string): string {
  const address = ip.replace(/^::ffff:(?=[0-9.]+$)/i, '');
  const key = Buffer.from(hkdfSync('sha256', secret, 'child-directory', 'sign-in-source', 32));
  return createHmac('sha256', key)
    .update(isIPv6(address) ? networkOf(address) : address)
    .digest('base64url');
}

function networkOf(address: string): string {
  const [head = '', tail] = address.split('%', 1)[0]?.split('::') ?? [];
  const groups = head === '' ? [] : head.split(':');
  const rest = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - groups.length - rest.length }, () => '0');
  return [...groups, ...zeros, ...rest]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
