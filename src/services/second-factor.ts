import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import type { Transaction } from 'kysely';
import { generateSecret, generateURI, verify } from 'otplib';
import type { Context } from '../context.js';
import type { Database } from '../db/schema.js';
import { takeStep } from '../db/users.js';

/** What a user puts into an authenticator app, and keeps for the day it is lost. Shown once, never again. */
export interface SecondFactor {
  totpSecret: string;
  totpUri: string;
  recoveryCodes: string[];
}

/** The first seals; each opens. */
export type SealingKeys = readonly [string, ...string[]];

const RECOVERY_CODES = 10;
/** Crockford's: no letter that looks like a digit. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

export function newSecondFactor(username: string): SecondFactor {
  const totpSecret = generateSecret();
  return {
    totpSecret,
    totpUri: generateURI({ issuer: 'Child directory', label: username, secret: totpSecret }),
    recoveryCodes: Array.from({ length: RECOVERY_CODES }, newRecoveryCode),
  };
}

/** 100 random bits, in four groups of five. */
function newRecoveryCode(): string {
  const letters = [...randomBytes(20)].map((byte) => ALPHABET[byte % ALPHABET.length]).join('');
  return letters.match(/.{5}/g)?.join('-') ?? letters;
}

/**
 * How a recovery code is kept. Nobody guesses 100 bits, however fast he can try: argon2 would only make sign-in dearer;
 * and a key would have to stay the same for ever, since a hash can't be made anew.
 * @returns undefined for what is no recovery code
 */
export function hashRecoveryCode(userId: string, code: string): string | undefined {
  const letters = code.replaceAll('-', '').toUpperCase();
  if (letters.length !== 20) return undefined;
  return createHash('sha256').update(`${userId}:${letters}`).digest('hex');
}

/**
 * Seals a secret for the database: AES-256-GCM under a derived key, bound to its user, so that neither a copy of the
 * table nor a row pasted into another account gives a working second factor.
 */
export function sealSecret(secret: string, userId: string, key: string): string {
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', sealingKey(key), iv).setAAD(Buffer.from(userId));
  const sealed = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
  return `v1.${Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url')}`;
}

/** @throws when the seal was made with another key or for another user */
export function openSecret(sealed: string, userId: string, key: string): string {
  const bytes = Buffer.from(sealed.replace(/^v1\./, ''), 'base64url');
  const decipher = createDecipheriv('aes-256-gcm', sealingKey(key), bytes.subarray(0, 12), { authTagLength: 16 })
    .setAAD(Buffer.from(userId))
    .setAuthTag(bytes.subarray(12, 28));
  return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8');
}

/** @property outdated the present key did not open it: it is to be sealed anew */
export interface OpenedSecret {
  secret: string;
  outdated: boolean;
}

/** @throws when none of the keys opens it */
export function openWithAny(sealed: string, userId: string, keys: SealingKeys): OpenedSecret {
  let failure: unknown;
  for (const [index, key] of keys.entries()) {
    try {
      return { secret: openSecret(sealed, userId, key), outdated: index > 0 };
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

function sealingKey(key: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, 'child-directory', 'second-factor', 32));
}

/** Tolerates a clock that is up to one step (30 seconds) off. @returns the step that the code belongs to, or undefined */
export async function stepOfCode(secret: string, code: string): Promise<number | undefined> {
  if (!/^[0-9]{6}$/.test(code)) return undefined;
  const result = await verify({ secret, token: code, epochTolerance: 30 });
  return result.valid && 'timeStep' in result ? result.timeStep : undefined;
}

/**
 * Takes a user's one-time code, once: a code that was taken for anything, signing in among it, is good for nothing
 * else. @returns whether it was right and new
 */
export async function useSecondFactor(
  trx: Transaction<Database>,
  context: Pick<Context, 'config' | 'log'>,
  user: { userId: string; totpSecret: string | null },
  code: string,
): Promise<boolean> {
  const opened = openLogged(context, user);
  const step = opened && (await stepOfCode(opened.secret, code));
  return step !== undefined && takeStep(trx, user, step);
}

/** @returns undefined where there is none, or none of our keys opens it, which is logged */
export function openLogged(
  { config, log }: Pick<Context, 'config' | 'log'>,
  { userId, totpSecret }: { userId: string; totpSecret: string | null },
): OpenedSecret | undefined {
  if (!totpSecret) return undefined;
  try {
    return openWithAny(totpSecret, userId, config.secrets.sealing);
  } catch (err) {
    log.error({ err }, 'a second factor cannot be opened: has the key that seals it changed since it was made?');
    return undefined;
  }
}
