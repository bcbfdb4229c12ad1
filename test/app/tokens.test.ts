import { createHmac, generateKeyPairSync, sign as signWith } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { sql } from 'kysely';
import t from 'tap';
import { openDirectory } from '../helpers/directory.js';

type Parts = Record<string, unknown>;
const encode = (part: Parts) => Buffer.from(JSON.stringify(part)).toString('base64url');

function hmacToken(header: Parts, payload: Parts, secret: string | Buffer): string {
  const hash = { HS384: 'sha384', HS512: 'sha512' }[String(header.alg)] ?? 'sha256';
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${createHmac(hash, secret).update(input).digest('base64url')}`;
}

t.test('only a token that we made, for an account as it is now, is let in', async (t) => {
  const { app, caller, config, owner } = await openDirectory(t);
  const secret = config.secrets.jwt;
  const me = async (authorization: string) => {
    const reply = await app.inject({ url: '/v1/me', headers: { authorization } });
    return { status: reply.statusCode, challenge: reply.headers['www-authenticate'], code: reply.json().code };
  };
  const refused = { status: 401, challenge: 'Bearer', code: 'unauthenticated' };
  const { headers, userId } = await caller('practitioner');
  const token = headers.authorization.replace('Bearer ', '');
  const [head = '', body = '', signature = ''] = token.split('.');
  const header = JSON.parse(Buffer.from(head, 'base64url').toString());
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString());
  const { userId: otherId, headers: otherHeaders } = await caller('administrator');
  const otherSession = JSON.parse(
    Buffer.from(otherHeaders.authorization.split('.')[1] ?? '', 'base64url').toString(),
  ).jti;
  const now = Math.floor(Date.now() / 1_000);

  t.equal((await me(headers.authorization)).status, 200, 'the real one');
  t.equal((await me(`Bearer ${hmacToken(header, claims, secret)}`)).status, 200, 'and one made the same way by hand');
  t.hasProps(claims, ['sub', 'role', 'org', 'authority', 'jti', 'iat', 'exp'], 'with the claims of the contract');

  t.test('forgeries', async (t) => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const rsaInput = `${encode({ alg: 'RS256', typ: 'JWT' })}.${body}`;
    const without = (claim: string) => Object.fromEntries(Object.entries(claims).filter(([name]) => name !== claim));
    const signed = (payload: Parts) => `Bearer ${hmacToken(header, payload, secret)}`;
    const forgeries: Record<string, string> = {
      'no scheme': token,
      'another scheme': `Basic ${token}`,
      'two tokens': `Bearer ${token} ${token}`,
      'a comma-joined second token': `Bearer ${token}, Bearer ${token}`,
      empty: 'Bearer ',
      'not a token': 'Bearer abc',
      'alg none without a signature': `Bearer ${encode({ alg: 'none', typ: 'JWT' })}.${body}.`,
      'alg none with the old signature': `Bearer ${encode({ alg: 'none', typ: 'JWT' })}.${body}.${signature}`,
      'alg None': `Bearer ${encode({ alg: 'None', typ: 'JWT' })}.${body}.${signature}`,
      'no signature': `Bearer ${head}.${body}.`,
      'other claims under the old signature': `Bearer ${head}.${encode({ ...claims, role: 'administrator' })}.${signature}`,
      'another secret': `Bearer ${hmacToken(header, claims, 'another secret of at least 32 characters')}`,
      'an empty secret': `Bearer ${hmacToken(header, claims, '')}`,
      'HS512 with the right secret': `Bearer ${hmacToken({ ...header, alg: 'HS512' }, claims, secret)}`,
      'RS256 with a key of its own': `Bearer ${rsaInput}.${signWith('sha256', Buffer.from(rsaInput), privateKey).toString('base64url')}`,
      'HS256 keyed with a public key': `Bearer ${hmacToken({ ...header, jwk: pem }, claims, pem)}`,
      expired: signed({ ...claims, iat: now - 600, exp: now - 1 }),
      'not yet valid': signed({ ...claims, nbf: now + 600 }),
      'older than any token gets': signed({ ...claims, iat: now - 3_700, exp: now + 600 }),
      'an expiry in words': signed({ ...claims, exp: 'never' }),
      'another issuer': signed({ ...claims, iss: 'somebody-else' }),
      'another audience': signed({ ...claims, aud: 'somewhere-else' }),
      'the session of somebody else': signed({ ...claims, jti: otherSession }),
      'the name of somebody else': signed({ ...claims, sub: otherId }),
      'a session that never was': signed({ ...claims, jti: otherId }),
      'a session that is no id': signed({ ...claims, jti: "' or true --" }),
      'an empty role': signed({ ...claims, role: '' }),
      'a role that is none': signed({ ...claims, role: 'king' }),
      'a list of roles': signed({ ...claims, role: ['practitioner', 'administrator'] }),
      'another role': signed({ ...claims, role: 'administrator' }),
      'another authority': signed({ ...claims, authority: 'Southvale' }),
      'no authority': signed({ ...claims, authority: null }),
      'another organisation': signed({ ...claims, org: otherId }),
      ...Object.fromEntries(Object.keys(claims).map((claim) => [`no ${claim}`, signed(without(claim))])),
    };
    for (const [name, authorization] of Object.entries(forgeries)) t.strictSame(await me(authorization), refused, name);
    const inQuery = await app.inject({ url: `/v1/me?access_token=${token}&authorization=Bearer%20${token}` });
    t.equal(inQuery.statusCode, 401, 'a token in the query string');
    const inCookie = await app.inject({ url: '/v1/me', headers: { cookie: `token=${token}` } });
    t.equal(inCookie.statusCode, 401, 'a token in a cookie');
  });

  t.test('two Authorization headers, whichever is right', async (t) => {
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as AddressInfo;
    const send = async (authorizations: string[]) => {
      const request = httpRequest({ port, path: '/v1/me', agent: false });
      // Node folds what is set by name; written as raw pairs both go out.
      request.setHeader('authorization', authorizations);
      request.end();
      const [reply] = await once(request, 'response');
      return { status: reply.statusCode, body: JSON.parse(await text(reply)) };
    };
    const good = headers.authorization;
    t.match(await send([good]), { status: 200 });
    for (const pair of [
      [good, 'Bearer x.y.z'],
      ['Bearer x.y.z', good],
      [good, good],
    ]) {
      t.match(await send(pair), { status: 401, body: { code: 'unauthenticated' } });
    }
  });

  t.test('what changed since the token was made', async (t) => {
    const changes: Record<string, string> = {
      'the role changed': "role = 'auditor'",
      'the authority changed': "authority = 'central'",
      'the authority went': 'authority = null',
      'the account was disabled': 'disabled_at = now()',
      'the background check is three years old':
        "background_check_on = (now() at time zone 'Europe/London')::date - interval '3 years'",
      'the background check is missing': 'background_check_on = null',
      'the background check is still to come': 'background_check_on = current_date + 2',
      'the training is missing': 'training_completed_on = null',
      'the training is still to come': 'training_completed_on = current_date + 2',
      'the agreement is missing': 'agreement_signed_on = null',
    };
    for (const [name, change] of Object.entries(changes)) {
      const { headers, userId } = await caller('practitioner');
      await sql`update users set ${sql.raw(change)} where id = ${userId}`.execute(owner);
      t.strictSame(await me(headers.authorization), refused, name);
    }
    const young = await caller('practitioner');
    await sql`update users set background_check_on = (now() at time zone 'Europe/London')::date - interval '3 years' + interval '1 day'
      where id = ${young.userId}`.execute(owner);
    t.equal((await me(young.headers.authorization)).status, 200, 'a check that is a day short of three years stands');

    for (const [name, change] of [
      ['revoked', 'revoked_at = now()'],
      ['expired', 'expires_at = now()'],
    ]) {
      const { headers, userId } = await caller('practitioner');
      await sql`update sessions set ${sql.raw(change ?? '')} where user_id = ${userId}`.execute(owner);
      t.strictSame(await me(headers.authorization), refused, `the session is ${name}`);
    }
  });

  t.equal((await me(headers.authorization)).status, 200, `after all that the real one of ${userId} still works`);
});
