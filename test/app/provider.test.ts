import { createHmac, createPublicKey, type JsonWebKey } from 'node:crypto';
import type { JWTPayload } from 'jose';
import { sql } from 'kysely';
import t from 'tap';
import { buildApp } from '../../src/app.js';
import { hasDoubledKey } from '../../src/plugins/doubled-keys.js';
import { providerKeys } from '../../src/plugins/provider-keys.js';
import { openDirectory } from '../helpers/directory.js';
import { startProvider } from '../helpers/provider.js';

const encode = (text: string | Buffer) => Buffer.from(text).toString('base64url');

t.test("an identity provider's tokens", async (t) => {
  const provider = await startProvider(t);
  const { AUTH_ISSUER: iss, AUTH_AUDIENCE: aud } = provider.env;
  const key = await provider.addKey('first');
  const directory = await openDirectory(t, { env: provider.env });
  const { app, caller, owner } = directory;
  const user = await caller('practitioner', { externalSubject: 'jo@idp' });
  const now = Math.floor(Date.now() / 1_000);
  const claims: JWTPayload = { iss, aud, sub: 'jo@idp', role: 'practitioner', iat: now, exp: now + 600 };
  const me = async (token: string, on = app) => {
    const reply = await on.inject({ url: '/v1/me', headers: { authorization: `Bearer ${token}` } });
    return { status: reply.statusCode, body: reply.json() };
  };
  const refused = { status: 401, body: { code: 'unauthenticated' } };

  t.test('let in the person whose account names their subject', async (t) => {
    t.match(await me(await key.sign(claims)), { status: 200, body: { userId: user.userId, authority: 'Northvale' } });
    const unnamed = await caller('auditor');
    t.match(
      await me(await key.sign({ ...claims, sub: unnamed.userId, role: 'auditor' })),
      { status: 200, body: { userId: unnamed.userId } },
      'or, where it names none, their userId',
    );
    t.match(await me(await key.sign({ ...claims, sub: user.userId })), refused, 'which is then nobody else');
    t.match(
      await me(user.headers.authorization.replace('Bearer ', '')),
      { status: 200 },
      'our own tokens work as before',
    );
    t.match(await me(await key.sign({ ...claims, authority: 'Northvale' })), { status: 200 });
    t.match(await me(await key.sign({ ...claims, aud: ['other', aud] as string[] })), { status: 200 });
    for (const alg of ['PS256', 'ES256', 'ES384', 'EdDSA']) {
      const other = await startProvider(t);
      const otherKey = await other.addKey('x', { alg });
      const context = await directory.openContext();
      const otherApp = await buildApp({
        ...context,
        config: {
          ...context.config,
          auth: {
            ...context.config.auth,
            provider: { jwksUrl: other.env.AUTH_JWKS_URL, issuer: String(iss), audience: String(aud) },
          },
        },
      });
      t.teardown(() => otherApp.close());
      t.match(await me(await otherKey.sign(claims), otherApp), { status: 200 }, alg);
      t.match(await me(await key.sign(claims), otherApp), refused, 'a key of another provider');
    }
  });

  t.test('are refused where they are not its, not for us or not in time', async (t) => {
    const without = (claim: string) => Object.fromEntries(Object.entries(claims).filter(([name]) => name !== claim));
    const wrong: Record<string, JWTPayload> = {
      'another issuer': { ...claims, iss: 'https://idp.example' },
      'no issuer': without('iss'),
      'another audience': { ...claims, aud: 'payroll' },
      'no audience': without('aud'),
      expired: { ...claims, exp: now - 60 },
      'no expiry': without('exp'),
      'made two hours ago': { ...claims, iat: now - 7_200 },
      'made in the future': { ...claims, iat: now + 60 },
      'no time of making': without('iat'),
      'not valid yet': { ...claims, nbf: now + 60 },
      'nobody here': { ...claims, sub: 'somebody' },
      'no subject': without('sub'),
      'an empty subject': { ...claims, sub: '' },
      'no role': without('role'),
      'an empty role': { ...claims, role: '' },
      'an unknown role': { ...claims, role: 'king' },
      'another role than the account has': { ...claims, role: 'administrator' },
      'two roles': { ...claims, role: ['practitioner', 'administrator'] },
      'one role as a list': { ...claims, role: ['practitioner'] },
      'a role that is not text': { ...claims, role: { toString: 'practitioner' } },
      'another authority': { ...claims, authority: 'Southmoor' },
      'an authority that is not text': { ...claims, authority: ['Northvale'] },
    };
    for (const [name, payload] of Object.entries(wrong)) t.match(await me(await key.sign(payload)), refused, name);
    t.match(await me(await key.sign(claims, { typ: 'logout+jwt' })), refused, 'another kind of token');
    t.match(await me(await key.sign(claims)), { status: 200 }, 'the right one');
  });

  t.test('are refused with a claim that is there twice', async (t) => {
    const text = JSON.stringify(claims);
    const doubled = [
      text.replace('{', '{"role":"administrator",'),
      text.replace('{', '{"r\\u006fle":"administrator",'),
      text.replace('}', ',"sub":"somebody"}'),
    ];
    const { privateKey, publicKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
      'sign',
      'verify',
    ]);
    const jwk = { ...(await crypto.subtle.exportKey('jwk', publicKey)), kid: 'raw', alg: 'ES256', use: 'sig' };
    const other = await startProvider(t);
    other.answer(200, JSON.stringify({ keys: [jwk] }));
    const { context } = await openDirectory(t, { env: other.env });
    const config = { ...context.config };
    const rawApp = await buildApp({ ...(await directory.openContext()), config });
    t.teardown(() => rawApp.close());
    const sign = async (payload: string, header = '{"alg":"ES256","kid":"raw"}') => {
      const input = `${encode(header)}.${encode(payload)}`;
      const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, Buffer.from(input));
      return `${input}.${encode(Buffer.from(signature))}`;
    };
    t.match(await me(await sign(text), rawApp), { status: 200 }, 'made by hand it is let in');
    for (const payload of doubled) t.match(await me(await sign(payload), rawApp), refused, payload);
    t.match(await me(await sign(text, '{"alg":"none","alg":"ES256","kid":"raw"}'), rawApp), refused, 'in the header');
    t.ok(hasDoubledKey('{"a":{"b":1},"b":"\\"b\\":","b" : 2}'));
    t.notOk(hasDoubledKey('{"a":{"b":1,"c":["b","b"]},"b":"b","c":{"b":{"b":1}},"d":"\\\\\\",\\"a\\":"}'));
  });

  t.test('are not taken for what they are not', async (t) => {
    const { kid, ...jwk } = key.publicJwk;
    const publicKey = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' });
    const der = publicKey.export({ type: 'spki', format: 'der' });
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const payload = encode(JSON.stringify(claims));
    const hmac = (secret: string | Buffer, alg: string) => {
      const input = `${encode(JSON.stringify({ alg, kid, typ: 'JWT' }))}.${payload}`;
      return `${input}.${createHmac(alg.replace('HS', 'sha'), secret).update(input).digest('base64url')}`;
    };
    const secrets = {
      'as PEM': pem,
      'as PEM without its last line end': pem.trim(),
      'as DER': der,
      'its modulus': String(jwk.n),
    };
    for (const [form, secret] of Object.entries(secrets)) {
      for (const alg of ['HS256', 'HS384', 'HS512'])
        t.match(await me(hmac(secret, alg)), refused, `${alg} with the public key, ${form}`);
    }
    t.match(await me(hmac(directory.config.secrets.jwt, 'HS256')), refused, "the provider's claims under our secret");
    for (const alg of ['none', 'None', ''])
      t.match(await me(`${encode(JSON.stringify({ alg, kid }))}.${payload}.x`), refused, alg);
    const own = JSON.parse(Buffer.from(user.headers.authorization.split('.')[1] ?? '', 'base64url').toString());
    t.match(await me(await key.sign(own)), refused, "our own claims under the provider's key");
    t.match(await me(await key.sign({ ...claims, iss: 'child-directory', aud: 'child-directory-api' })), refused);
    const stranger = await provider.addKey('stranger', { published: false });
    t.match(await me(await stranger.sign(claims, { kid: 'first' })), refused, 'another key under a known name');
    t.match(
      await me(await stranger.sign(claims, { jwk: stranger.publicJwk })),
      refused,
      'a key that it brings with it',
    );
    t.match(await me(await stranger.sign(claims, { jku: 'http://127.0.0.1:9/keys' })), refused, 'or names a place of');
    const weak = await startProvider(t);
    const symmetric = { kty: 'oct', kid: 'shared', k: encode('a secret of everybody who reads it'), alg: 'HS256' };
    weak.answer(200, JSON.stringify({ keys: [symmetric] }));
    await t.rejects(
      providerKeys(weak.env.AUTH_JWKS_URL)({ alg: 'HS256', kid: 'shared' }, { payload: '', signature: '' }),
    );
  });

  t.test('end at once with what ends sessions', async (t) => {
    const administrator = await caller('administrator');
    const change = async (userId: string, payload: object) =>
      (await app.inject({ method: 'PATCH', url: `/v1/users/${userId}`, headers: administrator.headers, payload }))
        .statusCode;
    const fresh = async (tokenAge = 0) => {
      const sub = `subject-${crypto.randomUUID()}`;
      const { userId } = await caller('practitioner', { externalSubject: sub });
      return { userId, sub, token: await key.sign({ ...claims, sub, iat: now - tokenAge }) };
    };
    for (const payload of [{ password: 'another long password' }, { resetTotp: true }, { organisation: null }]) {
      const { userId, token } = await fresh();
      t.match(await me(token), { status: 200 });
      t.equal(await change(userId, payload), 200);
      t.match(await me(token), refused, JSON.stringify(payload));
    }
    const disabled = await fresh();
    t.equal(await change(disabled.userId, { disabled: true }), 200);
    t.match(await me(disabled.token), refused, 'disabling');
    t.equal(await change(disabled.userId, { disabled: false }), 200);
    t.match(await me(disabled.token), refused, 'and coming back does not bring it back');
    await sql`update users set tokens_not_before = now() - interval '1 minute' where id = ${disabled.userId}`.execute(
      owner,
    );
    t.match(await me(disabled.token), { status: 200 }, 'a token made since then is good');

    for (const lapse of [
      "background_check_on = '2020-01-01'",
      'training_completed_on = null',
      'agreement_signed_on = null',
    ]) {
      const { userId, token } = await fresh();
      await sql`update users set ${sql.raw(lapse)} where id = ${userId}`.execute(owner);
      t.match(await me(token), refused, lapse);
    }
    const out = await fresh();
    const reply = await app.inject({
      method: 'DELETE',
      url: '/v1/session',
      headers: { authorization: `Bearer ${out.token}` },
    });
    t.equal(reply.statusCode, 204);
    t.match(await me(out.token), refused, 'signing out');

    const training = await fresh();
    await sql`insert into authorities (code, name) values ('Westmere', 'Westmere')`.execute(owner);
    await sql`update users set authority = 'Westmere' where id = ${training.userId}`.execute(owner);
    t.match(await me(training.token), { status: 403, body: { code: 'forbidden', detail: /not live/ } });
  });

  t.test('are checked by the keys it has now', async (t) => {
    const rotating = await startProvider(t);
    const time = { now: 0 };
    const find = providerKeys(rotating.env.AUTH_JWKS_URL, () => time.now);
    const token = { payload: '', signature: '' };
    const has = (kid: string, alg = 'RS256') =>
      find({ alg, kid }, token).then(
        () => true,
        (error: Error & { code?: string }) => error.code,
      );
    const unknown = 'ERR_JWKS_NO_MATCHING_KEY';
    await rotating.addKey('old');
    t.equal(await has('old'), true);
    t.equal(rotating.asked(), 1);
    for (let guess = 0; guess < 50; guess += 1) t.equal(await has(`guess-${guess}`), unknown);
    t.equal(rotating.asked(), 1, 'keys that nobody knows do not make it ask at once');
    await rotating.addKey('new');
    t.equal(await has('new'), unknown, 'it asked a moment ago');
    time.now += 31_000;
    const waiting = await Promise.all(['new', 'new', 'guess', 'new'].map((kid) => has(kid)));
    t.strictSame(waiting, [true, true, unknown, true], 'half a minute later the new key is found');
    t.equal(rotating.asked(), 2, 'by asking once for all who wait');

    rotating.withdraw('old');
    time.now += 11 * 60_000;
    t.equal(await has('old'), true, 'nobody waits for the keys to be looked at again');
    t.equal(await has('guess'), unknown, 'or only who needs them');
    t.equal(await has('old'), unknown, 'after which the withdrawn one is gone');

    rotating.answer(500);
    time.now += 11 * 60_000;
    t.equal(await has('new'), true);
    t.equal(await has('guess'), unknown);
    for (const [status, body] of [
      [200, 'no JSON'],
      [200, '{"keys":"none"}'],
      [200, JSON.stringify({ keys: [], more: 'x'.repeat(300_000) })],
      [302, ''],
    ] as const) {
      rotating.answer(status, body);
      time.now += 31_000;
      await has('guess');
      t.equal(await has('new'), true, 'while it is away, or talks nonsense, its last keys are good');
    }
    await rotating.stop();
    time.now += 31_000;
    t.equal(await has('new'), true);
    time.now += 24 * 3_600_000;
    t.equal(await has('new'), 'unavailable', 'but not for ever');
  });

  t.test('cannot be checked while it has never answered, and our own still can', async (t) => {
    const away = await startProvider(t);
    await away.stop();
    const { app: awayApp, caller: awayCaller } = await openDirectory(t, { env: away.env });
    const { headers } = await awayCaller('practitioner');
    const reply = await awayApp.inject({
      url: '/v1/me',
      headers: { authorization: `Bearer ${await key.sign(claims)}` },
    });
    t.match(reply, { statusCode: 503, headers: { 'retry-after': '30' } });
    t.match(reply.json(), { code: 'unavailable' });
    t.match(await awayApp.inject({ url: '/v1/me', headers }), { statusCode: 200 });
  });

  t.test('are not taken where no provider is set', async (t) => {
    const { app: alone } = await openDirectory(t);
    t.match(await me(await key.sign(claims), alone), refused);
  });
});

t.test('a new signing secret signs nobody out', async (t) => {
  const before = await openDirectory(t, { env: { AUTH_JWT_SECRET: 'the secret that there was before it changed' } });
  const { context } = before;
  const user = await before.caller('practitioner', { password: 'correct horse battery staple' });
  const withSecrets = async (env: { jwt: string; jwtPrevious: string }) => {
    const secrets = { ...context.config.secrets, ...env, sealing: [env.jwt, env.jwtPrevious] as [string, string] };
    const app = await buildApp({ ...(await before.openContext()), config: { ...context.config, secrets } });
    t.teardown(() => app.close());
    return app;
  };
  const next = 'the secret that there is now, and another';
  const after = await withSecrets({ jwt: next, jwtPrevious: context.config.secrets.jwt });
  const me = async (app: typeof after, headers: { authorization: string }) =>
    (await app.inject({ url: '/v1/me', headers })).statusCode;
  t.equal(await me(after, user.headers), 200, 'a token of the secret before is good');

  const { generate } = await import('otplib');
  const signIn = async (app: typeof after) => {
    await sql`update users set totp_last_step = 0 where id = ${user.userId}`.execute(before.owner);
    const otp = await generate({ secret: user.totpSecret });
    const payload = { username: user.username, password: 'correct horse battery staple', otp };
    return app.inject({ method: 'POST', url: '/v1/session', payload });
  };
  const session = await signIn(after);
  t.equal(session.statusCode, 200, 'so is a second factor that it sealed');
  const headers = { authorization: `Bearer ${session.json().accessToken}` };
  t.equal(await me(before.app, headers), 401, 'a new token is signed with the new one');

  const later = await withSecrets({ jwt: next, jwtPrevious: '' });
  t.equal(await me(later, user.headers), 401, 'when the one before has gone, its tokens go');
  t.equal(await me(later, headers), 200);
  t.equal((await signIn(later)).statusCode, 200, 'and the second factor was sealed anew when it was used');
});
