import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import type { Test } from 'tap';

export interface TestProvider {
  env: { AUTH_JWKS_URL: string; AUTH_ISSUER: string; AUTH_AUDIENCE: string };
  /** How often its keys were asked for. */
  asked(): number;
  /** A new key pair, published or not. */
  addKey(kid: string, options?: { alg?: string; published?: boolean }): Promise<ProviderKey>;
  withdraw(kid: string): void;
  /** Answers otherwise from now on, until it is called without. */
  answer(status?: number, body?: string): void;
  stop(): Promise<void>;
}

export interface ProviderKey {
  alg: string;
  publicJwk: Awaited<ReturnType<typeof exportJWK>>;
  sign(claims: JWTPayload, header?: object): Promise<string>;
}

/** An identity provider on a port of its own. */
export async function startProvider(t: Test): Promise<TestProvider> {
  const published = new Map<string, object>();
  let asked = 0;
  let otherwise: { status: number; body: string } | undefined;
  const server = createServer((_request, reply) => {
    asked += 1;
    const body = otherwise?.body ?? JSON.stringify({ keys: [...published.values()] });
    reply.writeHead(otherwise?.status ?? 200, { 'content-type': 'application/json' }).end(body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async () => {
    server.closeAllConnections();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  t.teardown(stop);
  return {
    env: {
      AUTH_JWKS_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`,
      AUTH_ISSUER: 'https://idp.example/',
      AUTH_AUDIENCE: 'child-directory',
    },
    asked: () => asked,
    async addKey(kid, { alg = 'RS256', published: publish = true } = {}) {
      const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
      const publicJwk = { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' };
      if (publish) published.set(kid, publicJwk);
      return {
        alg,
        publicJwk,
        sign: (claims, header = {}) =>
          new SignJWT(claims).setProtectedHeader({ alg, kid, typ: 'at+jwt', ...header }).sign(privateKey),
      };
    },
    withdraw: (kid) => void published.delete(kid),
    answer: (status, body = '') => {
      otherwise = status === undefined ? undefined : { status, body };
    },
    stop,
  };
}
