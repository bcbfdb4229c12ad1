import { type JWTPayload, jwtVerify } from 'jose';
import type { IdentityProvider } from '../config.js';
import type { ProviderKeys } from './provider-keys.js';

/** What a provider's token says: whom it is for, and which account it expects to find. */
export interface ProviderClaims {
  subject: string;
  role: string;
  /** Undefined where the token says nothing of it. */
  authority: string | null | undefined;
  issuedAt: Date;
}

/** Signatures that only the holder of a private key can make: never HS*, whose key would be the public one. */
const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'];
const LONGEST_SECONDS = 3_600;
/** How far the provider's clock may be off. */
export const CLOCK_TOLERANCE_SECONDS = 5;
const TYPES = [undefined, 'jwt', 'at+jwt', 'application/at+jwt'];

/** @throws where the token is not the provider's, not for us, not in time, or its claims are not what they should be */
export async function readProviderToken(
  token: string,
  { issuer, audience }: IdentityProvider,
  keys: ProviderKeys,
): Promise<ProviderClaims> {
  const { payload, protectedHeader } = await jwtVerify(token, keys, {
    algorithms: ALGORITHMS,
    issuer,
    audience,
    requiredClaims: ['sub', 'role', 'iat', 'exp'],
    maxTokenAge: LONGEST_SECONDS,
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
  });
  if (!TYPES.includes(protectedHeader.typ?.toLowerCase())) throw new Error('Another kind of token');
  return claimsOf(payload);
}

function claimsOf({ sub, role, authority, iat = 0 }: JWTPayload): ProviderClaims {
  if (typeof sub !== 'string' || sub === '' || typeof role !== 'string' || role === '') throw new Error('wrong claims');
  if (!(authority === undefined || authority === null || typeof authority === 'string'))
    throw new Error('wrong claims');
  return { subject: sub, role, authority, issuedAt: new Date(iat * 1_000) };
}
