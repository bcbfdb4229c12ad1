import jwt from '@fastify/jwt';
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import type { IdentityProvider, Secrets } from '../config.js';
import type { Account } from '../db/users.js';
import { DirectoryError } from '../errors.js';
import type { SignAccessToken } from '../services/sessions.js';
import { hasDoubledKey } from './doubled-keys.js';
import { providerKeys } from './provider-keys.js';
import { type ProviderClaims, readProviderToken } from './provider-tokens.js';

const ISSUER = 'child-directory';
const AUDIENCE = 'child-directory-api';
const LONGEST_MINUTES = 60;

export interface Claims {
  sub: string;
  role: string;
  org: string | null;
  authority: string | null;
  jti: string;
}

declare module 'fastify' {
  interface FastifyInstance {
    signAccessToken: SignAccessToken;
    /** Throws unless the token is ours, or the identity provider's, and in time. */
    verifyAccessToken(token: string): Promise<TokenClaims>;
  }
}

export type TokenClaims = { own: Claims } | { provider: ProviderClaims };

/**
 * How access tokens are made and read: our own by HS256 with our own secret, or the one before it while that is being
 * changed; those of an identity provider by its public keys. Neither way takes what the other does.
 */
export async function addAccessTokens(
  app: FastifyInstance,
  secrets: Pick<Secrets, 'jwt' | 'jwtPrevious'>,
  provider?: IdentityProvider,
): Promise<void> {
  await app.register(jwt, {
    secret: secrets.jwt,
    sign: { algorithm: 'HS256' },
    verify: {
      algorithms: ['HS256'],
      allowedIss: ISSUER,
      allowedAud: AUDIENCE,
      requiredClaims: ['sub', 'role', 'org', 'authority', 'jti', 'iat', 'exp', 'iss', 'aud'],
      maxAge: LONGEST_MINUTES * 60,
    },
  });
  app.decorate('signAccessToken', (account: Account, sessionId: string, expiresAt: Date) =>
    app.jwt.sign({
      sub: account.userId,
      role: account.role,
      org: account.organisationId,
      authority: account.authority,
      jti: sessionId,
      iss: ISSUER,
      aud: AUDIENCE,
      exp: Math.floor(expiresAt.getTime() / 1000),
    }),
  );
  const keys = provider && providerKeys(provider.jwksUrl);
  app.decorate('verifyAccessToken', async (token: string): Promise<TokenClaims> => {
    const [header = '', payload = ''] = token.split('.', 2).map((part) => Buffer.from(part, 'base64url').toString());
    const { alg } = JSON.parse(header) as { alg?: unknown };
    if (hasDoubledKey(header) || hasDoubledKey(payload)) throw new Error('a claim that is there twice');
    if (alg !== 'HS256' && provider && keys) return { provider: await readProviderToken(token, provider, keys) };
    return { own: claimsOf(verifyOwn(app, token, secrets.jwtPrevious)) };
  });
}

function verifyOwn(app: FastifyInstance, token: string, previous: string): Record<string, unknown> {
  try {
    return app.jwt.verify(token);
  } catch (error) {
    if (previous === '') throw error;
    return app.jwt.verify(token, { key: previous });
  }
}

/** Makes access tokens where no API runs. */
export async function accessTokenSigner(secret: string): Promise<SignAccessToken> {
  const app = fastify();
  await addAccessTokens(app, { jwt: secret, jwtPrevious: '' });
  return app.signAccessToken;
}

/** @throws DirectoryError `unauthenticated` unless there is exactly one bearer token, and it is good and in time */
export async function readAccessToken(app: FastifyInstance, request: FastifyRequest): Promise<TokenClaims> {
  const headers = request.raw.rawHeaders.filter(
    (name, index) => index % 2 === 0 && name.toLowerCase() === 'authorization',
  );
  const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(request.headers.authorization ?? '')?.[1];
  // Node keeps the first of several Authorization headers; a proxy before us may have looked at another.
  if (!token || headers.length !== 1)
    throw unauthenticated('An access token is needed, in one Authorization header: Bearer …');
  try {
    return await app.verifyAccessToken(token);
  } catch (cause) {
    if (cause instanceof DirectoryError) throw cause;
    throw unauthenticated('The access token is not valid or no longer valid', cause);
  }
}

export function unauthenticated(detail: string, cause?: unknown): DirectoryError {
  return new DirectoryError('unauthenticated', detail, { cause });
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function claimsOf(payload: Record<string, unknown>): Claims {
  const { sub, role, org, authority, jti } = payload;
  const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
  if (!isText(sub) || !UUID.test(sub) || !isText(jti) || !UUID.test(jti) || !isText(role))
    throw new Error('wrong claims');
  if (!(org === null || isText(org)) || !(authority === null || isText(authority))) throw new Error('wrong claims');
  return { sub, role, org, authority, jti };
}
