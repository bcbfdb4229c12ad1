import { sql } from 'kysely';
import { generate } from 'otplib';
import t from 'tap';
import { startTraining } from '../../src/db/organisations.js';
import type { Role } from '../../src/db/schema.js';
import type { NewUser } from '../../src/schemas/users.js';
import { isPassword } from '../../src/services/passwords.js';
import { openSecret, useSecondFactor } from '../../src/services/second-factor.js';
import { createUserOnServer } from '../../src/services/users.js';
import { openDirectory, type TestCaller } from '../helpers/directory.js';
import { until } from '../helpers/wait.js';

const PASSWORD = 'correct horse battery staple';

t.test('signing in', async (t) => {
  const { app, caller, owner, config, context, openContext } = await openDirectory(t);
  const account = (user: Partial<NewUser> = {}) => caller('practitioner', { password: PASSWORD, ...user });
  const codeOf = ({ totpSecret }: TestCaller, stepsAgo = 0) =>
    generate({ secret: totpSecret, epoch: Math.floor(Date.now() / 1_000) - stepsAgo * 30 });
  /** Makes the present code good again, so that no test waits for the next one. */
  const forgetCode = ({ userId }: TestCaller) =>
    sql`update users set totp_last_step = 0 where id = ${userId}`.execute(owner);
  const post = async (url: string, payload: object) => {
    const reply = await app.inject({ method: 'POST', url, payload });
    return { status: reply.statusCode, body: reply.json() };
  };
  const attempt = async (user: TestCaller, changes: object = {}) =>
    post('/v1/session', { username: user.username, password: PASSWORD, otp: await codeOf(user), ...changes });
  const me = async (accessToken: string) =>
    (await app.inject({ url: '/v1/me', headers: { authorization: `Bearer ${accessToken}` } })).statusCode;
  const actionsOf = async (user: TestCaller) => {
    const events = await owner
      .selectFrom('audit_events')
      .select(['action', 'details'])
      .where('user_id', '=', user.userId)
      .orderBy('id')
      .execute();
    return events.map(({ action }) => action);
  };
  /** Failures and wait of the account as a whole, and of the address that the tests come from. */
  const lockOf = async ({ userId }: TestCaller) => {
    const minutes = sql`round(extract(epoch from locked_until - now()) / 60)::int`;
    const { rows } = await sql<{ failed: number; minutes: number | null }>`
      select failures as failed, ${minutes} as minutes from sign_in_failures where user_id = ${userId}
      union all select failed_sign_ins, ${minutes} from users where id = ${userId}`.execute(owner);
    return { account: rows.at(-1), address: rows.length > 1 ? rows[0] : undefined };
  };
  const endWaits = async ({ userId }: TestCaller) => {
    await sql`update sign_in_failures set locked_until = now() where user_id = ${userId}`.execute(owner);
    await sql`update users set locked_until = now() where id = ${userId} and locked_until is not null`.execute(owner);
  };

  t.test('with password and code gives tokens that work, and leaves an audit row', async (t) => {
    const user = await account();
    const { status, body } = await attempt(user);
    t.equal(status, 200);
    t.strictSame(Object.keys(body), ['accessToken', 'expiresAt', 'refreshToken']);
    const claims = JSON.parse(Buffer.from(body.accessToken.split('.')[1], 'base64url').toString());
    t.match(claims, { sub: user.userId, role: 'practitioner', org: null, authority: 'Northvale' });
    t.equal(new Date(body.expiresAt).getTime() / 1_000, claims.exp, 'expiresAt is what the token says');
    const minutes = (claims.exp - claims.iat) / 60;
    t.ok(minutes > 14.9 && minutes <= 15, 'a quarter of an hour');
    t.equal(await me(body.accessToken), 200);
    t.strictSame(await actionsOf(user), ['sign-in']);

    await forgetCode(user);
    t.match(
      await attempt(user, { username: user.username.toUpperCase() }),
      { status: 200 },
      'case does not matter in a user name',
    );
    await forgetCode(user);
    t.match(
      await attempt(user, { otp: await codeOf(user, 1) }),
      { status: 200 },
      'a clock half a minute slow is tolerated',
    );
  });

  t.test('is refused alike whatever is wrong', async (t) => {
    const user = await account();
    const noPassword = await caller('practitioner');
    const disabled = await account();
    await sql`update users set disabled_at = now() where id = ${disabled.userId}`.execute(owner);
    const lapsed = await account({ backgroundCheckOn: '2020-01-01' }).catch(() => undefined);
    t.equal(lapsed, undefined, 'a lapsed account gets no token on the server either');
    const lapsedLater = await account();
    await sql`update users set background_check_on = '2020-01-01' where id = ${lapsedLater.userId}`.execute(owner);
    const locked = await account();
    await sql`update users set locked_until = now() + interval '1 minute' where id = ${locked.userId}`.execute(owner);

    const refusals = {
      'wrong password': await attempt(user, { password: `${PASSWORD}r` }),
      'wrong code': await attempt(user, { otp: (await codeOf(user)) === '000000' ? '000001' : '000000' }),
      'code of three minutes ago': await attempt(user, { otp: await codeOf(user, 6) }),
      'unknown user name': await attempt(user, { username: 'nobody-here' }),
      'no password set': await attempt(noPassword),
      disabled: await attempt(disabled),
      'check lapsed': await attempt(lapsedLater),
      locked: await attempt(locked),
    };
    const [first] = Object.values(refusals);
    for (const [name, { status, body }] of Object.entries(refusals)) {
      t.equal(status, 401, name);
      t.strictSame({ ...body, requestId: '' }, { ...first?.body, requestId: '' }, `${name}: the same words`);
    }
    t.strictSame(await actionsOf(user), ['sign-in-refused', 'sign-in-refused', 'sign-in-refused'], 'each is audited');
    const unknown = await owner
      .selectFrom('audit_events')
      .select('details')
      .where('action', '=', 'sign-in-refused')
      .where('actor', '=', 'system')
      .execute();
    t.strictSame(
      unknown.map(({ details }) => details),
      [{ account: 'unknown' }],
      'an unknown one too, without the name that was tried',
    );
    t.match(await attempt(user), { status: 200 }, 'after three mistakes the right ones still work');
    t.match(
      await lockOf(user),
      { account: { failed: 0, minutes: null }, address: undefined },
      'and take the count back',
    );
  });

  t.test('checks a password where there is none, so that the time taken names no account', async (t) => {
    const work = async (hash: string | null) => {
      const before = process.cpuUsage();
      await isPassword(hash, 'not the password');
      const { user, system } = process.cpuUsage(before);
      return user + system;
    };
    const user = await account();
    const { password_hash } = await owner
      .selectFrom('users')
      .select('password_hash')
      .where('id', '=', user.userId)
      .executeTakeFirstOrThrow();
    t.match(password_hash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    const known: number[] = [];
    const unknown: number[] = [];
    for (let run = 0; run < 10; run += 1) {
      known.push(await work(password_hash));
      unknown.push(await work(null));
    }
    const ratio = Math.min(...unknown) / Math.min(...known);
    t.ok(ratio > 0.5 && ratio < 2, `processor time as with one: ${ratio.toFixed(2)} of it`);
    t.equal(await isPassword(null, ''), false);
  });

  t.test('takes a code once', async (t) => {
    const user = await account();
    const otp = await codeOf(user);
    t.match(await attempt(user, { otp }), { status: 200 });
    t.match(await attempt(user, { otp }), { status: 401 }, 'again');
    t.match(await attempt(user, { otp: await codeOf(user, 1) }), { status: 401 }, 'the one before it');

    await forgetCode(user);
    const both = await Promise.all([attempt(user), attempt(user)]);
    t.strictSame(both.map(({ status }) => status).sort(), [200, 401], 'of two uses at the same moment one wins');
  });

  t.test('does not outlive a reset that comes while password and code are checked', async (t) => {
    const changes = {
      password: sql`password_hash = 'another'`,
      'second factor': sql`totp_secret = 'another', totp_last_step = 0`,
      standing: sql`disabled_at = now()`,
    };
    for (const [what, change] of Object.entries(changes)) {
      const user = await account();
      let signingIn: ReturnType<typeof attempt> | undefined;
      await owner.transaction().execute(async (trx) => {
        // The sign-in has read the account by the time it waits for this row.
        await sql`select from users where id = ${user.userId} for update`.execute(trx);
        signingIn = attempt(user);
        await until(async () => {
          const { rows } = await sql`select from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'`.execute(owner);
          return rows.length > 0;
        });
        await sql`update users set ${change} where id = ${user.userId}`.execute(trx);
      });
      t.match(await signingIn, { status: 401 }, what);
      const sessions = await owner
        .selectFrom('sessions')
        .select('id')
        .where('user_id', '=', user.userId)
        .where('refresh_token_hash', 'is not', null)
        .execute();
      t.strictSame(sessions, []);
    }
  });

  const waits = [
    [5, 1],
    [6, 2],
    [7, 4],
    [8, 8],
    [9, 15],
    [10, 15],
  ].map(([failed, minutes]) => ({ failed, minutes }));

  t.test('makes an address wait after five wrong passwords, longer each time, and nobody elsewhere', async (t) => {
    const user = await account();
    const wrong = { password: 'not the password' };
    const elsewhere = async (remoteAddress: string, changes: object = {}) => {
      const payload = { username: user.username, password: PASSWORD, otp: await codeOf(user), ...changes };
      return (await app.inject({ method: 'POST', url: '/v1/session', payload, remoteAddress })).statusCode;
    };
    for (let failure = 1; failure <= 4; failure += 1) await attempt(user, wrong);
    t.match(await lockOf(user), { address: { failed: 4, minutes: null } }, 'four are free');
    for (const wait of waits) {
      await attempt(user, wrong);
      t.strictSame(await lockOf(user), { account: { failed: 0, minutes: null }, address: wait });
      t.match(await attempt(user), { status: 401 }, 'the right ones do not help');
      t.strictSame((await lockOf(user)).address, wait, 'and trying does not make it longer');
      if (wait.failed === 7) {
        t.equal(await elsewhere('192.0.2.1'), 200, 'whoever guesses at one place locks nobody out at another');
        await forgetCode(user);
      }
      await endWaits(user);
    }
    t.match(await attempt(user), { status: 200 }, 'when the wait is over they do');

    const hunted = await account();
    await Promise.all(Array.from({ length: 20 }, () => attempt(hunted, wrong)));
    t.match(await lockOf(hunted), { address: { failed: 5, minutes: 1 } }, 'twenty guesses at once are five guesses');

    await forgetCode(user);
    for (let at = 1; at <= 5; at += 1) await elsewhere(`2001:db8:1:2::${at}`, wrong);
    t.equal(await elsewhere('2001:db8:1:2:ffff::1'), 401, 'a network of IPv6 is one address');
    t.equal(await elsewhere('2001:db8:1:3::1'), 200, 'the next one is another');
    const { rows } = await sql<{ dump: string }>`select string_agg(source, ' ') as dump from sign_in_failures`.execute(
      owner,
    );
    t.notMatch(rows[0]?.dump, /127\.0|192\.0|2001/, 'no address is kept');
  });

  t.test('locks the account as a whole after five wrong codes with the right password, from wherever', async (t) => {
    const user = await account();
    const from = async (host: number, otp = '000000') => {
      const payload = { username: user.username, password: PASSWORD, otp };
      const remoteAddress = `192.0.2.${host}`;
      return (await app.inject({ method: 'POST', url: '/v1/session', payload, remoteAddress })).statusCode;
    };
    // Of a million codes three are right: should it ever be this one, the test says so.
    for (let host = 1; host <= 5; host += 1) t.equal(await from(host), 401);
    t.match(await lockOf(user), { account: { failed: 5, minutes: 1 } });
    t.equal(await from(6, await codeOf(user)), 401, 'the right code does not help during the wait');
    t.match(await lockOf(user), { account: { failed: 5, minutes: 1 } }, 'which that does not make longer');
    await endWaits(user);
    t.equal(await from(6, await codeOf(user)), 200);
    t.match(await lockOf(user), { account: { failed: 0, minutes: null } });

    const hunted = await account();
    const guess = { username: hunted.username, password: PASSWORD, otp: '000000' };
    const all = Array.from({ length: 20 }, (_, host) =>
      app.inject({ method: 'POST', url: '/v1/session', payload: guess, remoteAddress: `198.51.100.${host}` }),
    );
    await Promise.all(all);
    t.match(await lockOf(hunted), { account: { failed: 5, minutes: 1 } }, 'twenty at once from twenty places are five');
  });

  t.test('takes a recovery code in the place of a one-time code, once', async (t) => {
    const user = await account();
    const [first = '', second = '', third = ''] = user.recoveryCodes;
    t.equal(new Set(user.recoveryCodes).size, 10);
    t.match(first, /^[0-9A-HJKMNP-TV-Z]{5}(-[0-9A-HJKMNP-TV-Z]{5}){3}$/);
    const { body, status } = await attempt(user, { otp: first });
    t.equal(status, 200);
    const shown = await app.inject({ url: '/v1/me', headers: { authorization: `Bearer ${body.accessToken}` } });
    t.equal(shown.json().recoveryCodesLeft, 9, 'its owner sees how many are left');
    t.match(await attempt(user, { otp: first }), { status: 401 }, 'a second time it is refused');
    t.match(
      await attempt(user, { otp: second.toLowerCase().replaceAll('-', '') }),
      { status: 200 },
      'however it is typed',
    );
    const both = await Promise.all([attempt(user, { otp: third }), attempt(user, { otp: third })]);
    t.strictSame(both.map((one) => one.status).sort(), [200, 401], 'of two uses at the same moment one wins');
    const other = await account();
    t.match(await attempt(other, { otp: user.recoveryCodes[3] }), { status: 401 }, "somebody else's");
    t.match(await attempt(user, { password: 'not the password', otp: user.recoveryCodes[4] }), { status: 401 });
    t.match(await attempt(user, { otp: user.recoveryCodes[4] }), { status: 200 }, 'a wrong password does not spend it');
    t.match(await attempt(user), { status: 200 }, 'the authenticator still works');
    const events = await owner
      .selectFrom('audit_events')
      .select('details')
      .where('user_id', '=', user.userId)
      .where('action', '=', 'sign-in')
      .orderBy('id')
      .execute();
    t.strictSame(
      events.map(({ details }) => details),
      [...Array.from({ length: 4 }, () => ({ recoveryCode: true })), {}],
      'and the log tells which it was',
    );
    const { rows } = await sql<{ dump: string }>`select string_agg(r::text, '') as dump from recovery_codes r`.execute(
      owner,
    );
    for (const code of user.recoveryCodes) t.notOk(rows[0]?.dump.includes(code.replaceAll('-', '')) ?? true);
    for (const otp of ['12345', '1234567', 'ABCDE-ABCDE-ABCDE', "ABCDE-ABCDE-ABCDE-ABCD'"])
      t.match(await attempt(user, { otp }), { status: 400 });
  });

  t.test('gives a code to one use, whatever that is', async (t) => {
    const user = await account();
    const credentials = async () => ({
      userId: user.userId,
      totpSecret: (
        await owner.selectFrom('users').select('totp_secret').where('id', '=', user.userId).executeTakeFirstOrThrow()
      ).totp_secret,
    });
    const use = async (code: string) => {
      const who = await credentials();
      return context.db.transaction().execute((trx) => useSecondFactor(trx, context, who, code));
    };
    const code = await codeOf(user);
    const tries = await Promise.all([attempt(user, { otp: code }), use(code), use(code)]);
    t.equal(
      tries.filter((one) => one === true || (typeof one === 'object' && one.status === 200)).length,
      1,
      'of a sign-in and two other uses at the same moment one wins',
    );
    await forgetCode(user);
    const session = await attempt(user);
    await post('/v1/session/refresh', { refreshToken: session.body.refreshToken });
    t.equal(await use(await codeOf(user)), false, 'a refresh gives no code back');
    t.match(await attempt(user, { otp: code }), { status: 401 });
    t.equal(await use('not a code'), false);
  });

  t.test('is for people of authorities that are live', async (t) => {
    await owner.transaction().execute((trx) => startTraining(trx, 'Westmere'));
    const inWestmere = async (role: Role) => {
      const username = `west-${role}`;
      const today = new Date().toISOString().slice(0, 10);
      const dates = { backgroundCheckOn: today, trainingCompletedOn: today, agreementSignedOn: today };
      const user = { username, role, name: role, authority: 'Westmere', password: PASSWORD, ...dates };
      const { userId, totpSecret = '', recoveryCodes = [] } = await createUserOnServer(owner, config, user);
      return {
        userId,
        username,
        totpSecret,
        recoveryCodes,
        headers: { authorization: '', 'x-access-reason': 'audit' },
      } as TestCaller;
    };
    const local = await Promise.all((['practitioner', 'call-centre', 'management-team'] as const).map(inWestmere));
    const national = await Promise.all((['administrator', 'auditor', 'data-team'] as const).map(inWestmere));
    for (const user of local) {
      t.match(await attempt(user), { status: 403, body: { code: 'forbidden', detail: /not live yet/ } }, user.username);
      t.match(await attempt(user, { password: 'not the password' }), { status: 401 }, 'who is nobody learns nothing');
      t.match(await actionsOf(user), ['sign-in-refused', 'sign-in-refused']);
    }
    for (const user of national) t.match(await attempt(user), { status: 200 }, `a ${user.username} is the nation's`);

    await sql`update authorities set live_at = now() + interval '1 day' where code = 'Westmere'`.execute(owner);
    await Promise.all(local.map(forgetCode));
    t.match(await attempt(local[0]!), { status: 403 }, 'nor before the day has come');
    await sql`update authorities set live_at = now() where code = 'Westmere'`.execute(owner);
    await Promise.all(local.map(forgetCode));
    const sessions = await Promise.all(local.map((user) => attempt(user)));
    t.strictSame(
      sessions.map(({ status }) => status),
      [200, 200, 200],
    );
    await sql`update authorities set live_at = null where code = 'Westmere'`.execute(owner);
    t.equal(await me(sessions[0]!.body.accessToken), 401, 'each request asks again');
    t.match(await post('/v1/session/refresh', { refreshToken: sessions[0]!.body.refreshToken }), { status: 401 });
  });

  t.test('needs check, training and agreement again at each refresh', async (t) => {
    for (const change of [
      "background_check_on = (now() at time zone 'Europe/London')::date - interval '3 years'",
      'background_check_on = null',
      'training_completed_on = null',
      'agreement_signed_on = null',
      'disabled_at = now()',
    ]) {
      const user = await account();
      const { refreshToken } = (await attempt(user)).body;
      await sql`update users set ${sql.raw(change)} where id = ${user.userId}`.execute(owner);
      t.match(await post('/v1/session/refresh', { refreshToken }), { status: 401 }, change);
      await forgetCode(user);
      t.match(await attempt(user), { status: 401 }, 'nor at sign-in');
    }
  });

  t.test('can be refreshed, once with each token', async (t) => {
    const user = await account();
    const first = (await attempt(user)).body;
    const second = await post('/v1/session/refresh', { refreshToken: first.refreshToken });
    t.equal(second.status, 200);
    t.not(second.body.refreshToken, first.refreshToken);
    t.equal(await me(second.body.accessToken), 200);

    t.match(await post('/v1/session/refresh', { refreshToken: first.refreshToken }), { status: 401 }, 'a second time');
    t.equal(await me(second.body.accessToken), 401, 'the session is over for whoever has the new one, too');
    t.match(await post('/v1/session/refresh', { refreshToken: second.body.refreshToken }), { status: 401 });
    t.strictSame(await actionsOf(user), ['sign-in', 'refresh-session', 'refresh-refused']);

    for (const refreshToken of ['x', `${user.userId}.${'x'.repeat(43)}`, first.accessToken.slice(0, 200)]) {
      t.match(await post('/v1/session/refresh', { refreshToken }), { status: 401, body: { code: 'unauthenticated' } });
    }

    await forgetCode(user);
    const known = (await attempt(user)).body;
    const [sessionId] = known.refreshToken.split('.');
    for (const guess of [`${sessionId}.${'x'.repeat(43)}`, `${sessionId}.${first.refreshToken.split('.')[1]}`])
      t.match(await post('/v1/session/refresh', { refreshToken: guess }), { status: 401 }, 'a guess');
    t.equal(await me(known.accessToken), 200, 'ends no session: an id alone is no token');
    t.match(await post('/v1/session/refresh', { refreshToken: known.refreshToken }), { status: 200 });

    await forgetCode(user);
    const third = (await attempt(user)).body;
    const both = await Promise.all([1, 2].map(() => post('/v1/session/refresh', { refreshToken: third.refreshToken })));
    t.strictSame(both.map(({ status }) => status).sort(), [200, 401], 'two at the same moment');

    await forgetCode(user);
    const fourth = (await attempt(user)).body;
    await sql`update users set training_completed_on = null where id = ${user.userId}`.execute(owner);
    t.match(
      await post('/v1/session/refresh', { refreshToken: fourth.refreshToken }),
      { status: 401 },
      'not for a lapsed account',
    );
  });

  t.test('ends with signing out, at once', async (t) => {
    const user = await account();
    const { accessToken, refreshToken } = (await attempt(user)).body;
    const out = () =>
      app.inject({
        method: 'DELETE',
        url: '/v1/session',
        headers: { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' },
      });
    const reply = await out();
    t.equal(reply.statusCode, 204);
    t.equal(reply.body, '');
    t.equal(await me(accessToken), 401);
    t.equal((await out()).statusCode, 401);
    t.match(await post('/v1/session/refresh', { refreshToken }), { status: 401 });
    t.strictSame(await actionsOf(user), ['sign-in', 'sign-out']);
  });

  t.test('keeps secrets sealed', async (t) => {
    const [one, two] = [await account(), await account()];
    const { accessToken, refreshToken } = (await attempt(one)).body;
    const { rows } = await sql<{ dump: string }>`
      select coalesce(string_agg(u::text, ''), '') || coalesce((select string_agg(s::text, '') from sessions s), '') as dump from users u`.execute(
      owner,
    );
    for (const secret of [PASSWORD, one.totpSecret, refreshToken, refreshToken.split('.')[1], accessToken]) {
      t.notOk(rows[0]?.dump.includes(secret), 'not in the tables');
    }
    const { totp_secret } = await owner
      .selectFrom('users')
      .select('totp_secret')
      .where('id', '=', one.userId)
      .executeTakeFirstOrThrow();
    t.equal(openSecret(totp_secret ?? '', one.userId, config.secrets.jwt), one.totpSecret);
    t.throws(() => openSecret(totp_secret ?? '', two.userId, config.secrets.jwt), 'of no use in another account');
    t.throws(() => openSecret(totp_secret ?? '', one.userId, `${config.secrets.jwt}!`), 'nor under another key');
    await sql`update users set totp_secret = ${totp_secret} where id = ${two.userId}`.execute(owner);
    t.match(
      await attempt(two, { otp: await codeOf(one) }),
      { status: 401 },
      'a pasted one signs nobody in, and breaks nothing',
    );
    const worker = await openContext({ role: 'directory_worker' });
    for (const table of ['users', 'sessions'])
      await t.rejects(
        sql`select from ${sql.table(table)}`.execute(worker.db),
        { code: '42501' },
        `workers read no ${table}`,
      );
  });
});
