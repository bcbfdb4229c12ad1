import { createPrivateKey, createPublicKey, hkdfSync, type KeyObject, sign, verify } from 'node:crypto';
import type { Config } from '../../config.js';

/** What is signed of a head. `head` is hexadecimal. */
export interface SignedHead {
  seal: number;
  fromPosition: number;
  toPosition: number;
  sealedAt: string;
  head: string;
}

/** The frame of an Ed25519 private key in PKCS #8 (RFC 8410): the 32 bytes of its seed follow. */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');

/** The signature by the key that is derived from the secret, Ed25519, base64url. */
export function signHead(secret: string, head: SignedHead): string {
  return sign(null, textOf(head), privateKeyOf(secret)).toString('base64url');
}

/** @param publicKey as `publicKeyOf` gives it: whoever has it can check signatures and make none */
export function isSignatureOf(publicKey: string, head: SignedHead, signature: string): boolean {
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey }, format: 'jwk' });
  return verify(null, textOf(head), key, Buffer.from(signature, 'base64url'));
}

/** 32 bytes, base64url. */
export function publicKeyOf(secret: string): string {
  return createPublicKey(privateKeyOf(secret)).export({ format: 'jwk' }).x ?? '';
}

/** What heads are checked by: the public key that was given, else that of the signing key; empty for nothing. */
export function headsPublicKey({ audit, secrets }: Config): string {
  return audit.headsPublicKey || (secrets.auditHeads && publicKeyOf(secrets.auditHeads));
}

function privateKeyOf(secret: string): KeyObject {
  const seed = Buffer.from(hkdfSync('sha256', secret, 'child-directory', 'audit-heads', 32));
  return createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' });
}

function textOf({ seal, fromPosition, toPosition, sealedAt, head }: SignedHead): Buffer {
  return Buffer.from(JSON.stringify([seal, fromPosition, toPosition, sealedAt, head]));
}
