import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { generateSecret, generateURI, verify } from 'otplib';

/** What a user puts into an authenticator app. Shown once, never again. */
export interface SecondFactor {
  totpSecret: string;
  totpUri: string;
}

export function newSecondFactor(username: string): SecondFactor {
  const totpSecret = generateSecret();
  return { totpSecret, totpUri: generateURI({ issuer: 'Child directory', label: username, secret: totpSecret }) };
}

/**
 * Seals a secret for the database: AES-256-GCM under a key derived from the signing secret, bound to its user, so that
 * neither a copy of the table nor a row pasted into another account gives a working second factor.
 */
export function sealSecret(secret: string, userId: string, signingSecret: string): string {
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', sealingKey(signingSecret), iv).setAAD(Buffer.from(userId));
  const sealed = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
  return `v1.${Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url')}`;
}

/** @throws when the seal was made with another signing secret or for another user */
export function openSecret(sealed: string, userId: string, signingSecret: string): string {
  const bytes = Buffer.from(sealed.replace(/^v1\./, ''), 'base64url');
  const decipher = createDecipheriv('aes-256-gcm', sealingKey(signingSecret), bytes.subarray(0, 12), {
    authTagLength: 16,
  })
    .setAAD(Buffer.from(userId))
    .setAuthTag(bytes.subarray(12, 28));
  return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8');
}

function sealingKey(signingSecret: string): Buffer {
  return Buffer.from(hkdfSync('sha256', signingSecret, 'child-directory', 'second-factor', 32));
}

/** Tolerates a clock that is up to one step (30 seconds) off. @returns the step that the code belongs to, or undefined */
export async function stepOfCode(secret: string, code: string): Promise<number | undefined> {
  if (!/^[0-9]{6}$/.test(code)) return undefined;
  const result = await verify({ secret, token: code, epochTolerance: 30 });
  return result.valid && 'timeStep' in result ? result.timeStep : undefined;
}
