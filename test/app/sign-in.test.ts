import { sql } from 'kysely';
import { generate } from 'otplib';
import t from 'tap';
import type { NewUser } from '../../src/schemas/users.js';
import { isPassword } from '../../src/services/passwords.js';
import { openSecret } from '../../src/services/second-factor.js';
import { openDirectory, type TestCaller } from '../helpers/directory.js';
import { until } from '../helpers/wait.js';

const PASSWORD = 'correct horse battery staple';

t.test('signing in', async (t) => {
  const { app, caller, owner, config, openContext } = await openDirectory(t);
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
  const lockOf = async ({ userId }: TestCaller) => {
    const { rows } = await sql<{ failed: number; minutes: number | null }>`
      select failed_sign_ins as failed, round(extract(epoch from locked_until - now()) / 60)::int as minutes
      from users where id = ${userId}`.execute(owner);
    return rows[0];
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
    t.match(await lockOf(user), { failed: 0, minutes: null }, 'and take the count back');
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

  t.test('locks after five failures, longer each time', async (t) => {
    const user = await account();
    const wrong = { password: 'not the password' };
    for (let failure = 1; failure <= 4; failure += 1) await attempt(user, wrong);
    t.match(await lockOf(user), { failed: 4, minutes: null }, 'four are free');
    for (const [failed, minutes] of [
      [5, 1],
      [6, 2],
      [7, 4],
      [8, 8],
      [9, 15],
      [10, 15],
    ]) {
      await attempt(user, wrong);
      t.strictSame(await lockOf(user), { failed, minutes });
      t.match(await attempt(user), { status: 401 }, 'locked: the right ones do not help');
      t.strictSame(await lockOf(user), { failed, minutes }, 'and trying does not make it longer');
      await sql`update users set locked_until = now() where id = ${user.userId}`.execute(owner);
    }
    t.match(await attempt(user), { status: 200 }, 'when the lock has run out they do');

    const hunted = await account();
    await Promise.all(Array.from({ length: 20 }, () => attempt(hunted, wrong)));
    t.match(await lockOf(hunted), { failed: 5, minutes: 1 }, 'twenty guesses at once are five guesses');
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
