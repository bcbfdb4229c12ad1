import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { sql } from 'kysely';
import { generate } from 'otplib';
import t from 'tap';
import { calendarDay, wholeNumber } from '../../src/cli/arguments.js';
import { projectRoot } from '../../src/config.js';
import { migrateToLatest } from '../../src/db/migrate.js';
import { issueToken } from '../../src/services/issue-token.js';
import { dropDatabase } from '../helpers/database.js';
import { openDirectory } from '../helpers/directory.js';
import { until } from '../helpers/wait.js';

const PASSWORD = 'correct horse battery staple';

t.test('the command line', async (t) => {
  const directory = await openDirectory(t);
  const { owner, urls, config } = directory;
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    DATABASE_URL: urls.databaseUrl,
    REDIS_URL: urls.redisUrl,
    ELASTICSEARCH_URL: urls.elasticsearchUrl,
    DIRECTORY_INSTANCE: config.instance,
    AUTH_JWT_SECRET: config.secrets.jwt,
    // What the test runner sets for itself is not what a user's shell has.
    NODE_OPTIONS: '',
  };
  const start = (args: string[], changes: NodeJS.ProcessEnv = {}): ChildProcess =>
    spawn(process.execPath, ['--import', 'tsx', 'src/cli/directory.ts', ...args], {
      cwd: projectRoot,
      env: { ...env, ...changes },
    });
  const run = async (args: string[], { input = '', ...changes }: NodeJS.ProcessEnv & { input?: string } = {}) => {
    const child = start(args, changes);
    child.stdin?.end(input);
    const [out, err, [code]] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'exit')]);
    t.notMatch(err, /^\s+at .*\.ts/m, `${args[0]}: no stack trace`);
    return { code, out, err };
  };
  const systemEvents = async () => {
    const events = await owner
      .selectFrom('audit_events')
      .select(['action', 'details'])
      .where('actor', '=', 'system')
      .orderBy('id')
      .execute();
    return events.map(({ action }) => action);
  };

  t.test('migrate says what it did', async (t) => {
    t.strictSame(await migrateToLatest(urls.databaseUrl), [], 'a second time there is nothing to do');
    const other = `${config.instance}_m`;
    t.teardown(() => dropDatabase(urls.databaseUrl, other));
    const { code, out } = await run(['migrate', '--json'], { DATABASE_URL: urls.databaseUrl.replace(/[^/]*$/, other) });
    t.equal(code, 0);
    t.match(JSON.parse(out).applied[0], /people$/, 'a database that is not there is made');
  });

  t.test('user add makes the first administrator, and token a token for him', async (t) => {
    const add = await run(
      [
        'user',
        'add',
        '--username',
        'first',
        '--role',
        'administrator',
        '--authority',
        'Eastmoor',
        '--password-stdin',
        '--json',
      ],
      { input: `${PASSWORD}\n` },
    );
    t.equal(add.code, 0);
    const made = JSON.parse(add.out);
    t.strictSame(Object.keys(made), ['userId', 'totpSecret', 'totpUri', 'recoveryCodes']);
    t.match(add.err, /vouched for by you: background check, training, agreement/);
    const payload = { username: 'first', password: PASSWORD, otp: await generate({ secret: made.totpSecret }) };
    t.match(await directory.app.inject({ method: 'POST', url: '/v1/session', payload }), { statusCode: 200 });

    const { code, out, err } = await run(['token', '--username', 'first', '--minutes', '5']);
    t.equal(code, 0);
    t.equal(err, '');
    t.match(out, /^[\w-]+\.[\w-]+\.[\w-]+\n$/, 'alone on its line');
    const reply = await directory.app.inject({ url: '/v1/me', headers: { authorization: `Bearer ${out.trim()}` } });
    t.match(reply.json(), { userId: made.userId, role: 'administrator', authority: 'Eastmoor' });
    const claims = JSON.parse(Buffer.from(out.split('.')[1] ?? '', 'base64url').toString());
    t.ok(claims.exp - claims.iat <= 300 && claims.exp - claims.iat > 290);
    t.strictSame(await systemEvents(), ['authority-live', 'create-user', 'issue-token']);
    const authority = await owner.selectFrom('authorities').select('live_at').where('code', '=', 'Eastmoor').execute();
    t.ok(authority[0]?.live_at, 'outside production a new authority is live at once');
  });

  t.test('user add takes dates and an employer; a lapsed account gets no token', async (t) => {
    const args = [
      '--role',
      'practitioner',
      '--authority',
      'Eastmoor',
      '--organisation',
      'Hill School',
      '--sector',
      'education',
      '--name',
      'Jo',
    ];
    const dates = ['--background-check', '2020-02-29', '--training', '2020-01-01', '--agreement', '2020-01-01'];
    const add = await run(['user', 'add', '--username', 'lapsed', ...args, ...dates]);
    t.match(add, { code: 0, err: '', out: /totpSecret/ });
    const token = await run(['token', '--username', 'lapsed']);
    t.match(token, { code: 1, out: '', err: /background check, training or agreement/ });
    await t.rejects(issueToken(owner, directory.app.signAccessToken, 'nobody', 5), /no account of that user name/);
    t.strictSame((await systemEvents()).slice(-2), ['issue-token-refused', 'issue-token-refused']);
  });

  t.test('authorities go live one by one', async (t) => {
    const add = await run(['authority', 'add', 'Westmere', '--name', 'The County of Westmere', '--json']);
    t.match(add, { code: 0, err: '' });
    t.match(JSON.parse(add.out), { code: 'Westmere', liveAt: null, users: 0, ready: 0, mayGoLive: false });
    t.match(await run(['authority', 'add', 'Westmere']), { code: 1, err: /in the roll-out already/ });
    const account = (username: string, role: string) =>
      run(['user', 'add', '--username', username, '--role', role, '--authority', 'Westmere', '--json']);
    t.match(await account('west.teacher', 'practitioner'), { code: 0 });
    t.match(await run(['token', '--username', 'west.teacher']), { code: 1, out: '', err: /Westmere is not live yet/ });
    t.match(await run(['authority', 'go-live', 'Westmere']), { code: 1, out: '', err: /management team is ready/ });
    t.match(await account('west.manager', 'management-team'), { code: 0 });
    const live = await run(['authority', 'go-live', 'Westmere', '--json']);
    t.match(live, { code: 0 });
    t.match(JSON.parse(live.out), { users: 2, checked: 2, trained: 2, agreed: 2, ready: 2, mayGoLive: false });
    t.match(await run(['token', '--username', 'west.teacher']), { code: 0 });
    t.match(await run(['authority', 'list']), { code: 0, out: /Westmere: live since .*; 2 of 2 ready/ });
    const inProduction = await run(
      ['user', 'add', '--username', 'south.teacher', '--role', 'practitioner', '--authority', 'Southmoor'],
      { NODE_ENV: 'production' },
    );
    t.match(inProduction, { code: 0 });
    t.match(
      await run(['token', '--username', 'south.teacher']),
      { code: 1, err: /Southmoor is not live yet/ },
      'in production no account makes an authority live',
    );
  });

  t.test('user reseal brings every second factor under a new key', async (t) => {
    const next = { AUTH_TOTP_KEY: 'a key for second factors, and for them alone' };
    const sealed = async () => {
      const rows = await owner.selectFrom('users').select('totp_secret').orderBy('id').execute();
      return rows.map(({ totp_secret }) => totp_secret);
    };
    const before = await sealed();
    const first = await run(['user', 'reseal', '--json'], next);
    t.match(first, { code: 0 });
    t.strictSame(JSON.parse(first.out), { resealed: before.length, current: 0, lost: 0 });
    t.notOk(
      (await sealed()).some((one) => before.includes(one)),
      'none is as it was',
    );
    const again = await run(['user', 'reseal', '--json'], { ...next, AUTH_JWT_SECRET: 'x'.repeat(40) });
    t.strictSame(JSON.parse(again.out), { resealed: 0, current: before.length, lost: 0 }, 'the signing secret may go');
    const lost = await run(['user', 'reseal', '--json'], { AUTH_JWT_SECRET: 'x'.repeat(40) });
    t.match(lost, { code: 1, err: /No key here opens those/ });
    t.strictSame(JSON.parse(lost.out), { resealed: 0, current: 0, lost: before.length });
    t.match(
      await run(['user', 'reseal', '--json'], { AUTH_TOTP_KEY_PREVIOUS: next.AUTH_TOTP_KEY }),
      { code: 0, out: `{"resealed":${before.length},"current":0,"lost":0}\n` },
      'and back',
    );
  });

  t.test('audit public-key prints what verifies, and not what signs', async (t) => {
    const key = { AUDIT_HEADS_KEY: 'a key that signs the heads of the log' };
    const { code, out } = await run(['audit', 'public-key'], key);
    t.equal(code, 0);
    t.match(out, /^[\w-]{43}\n$/);
    t.match(await run(['audit', 'public-key'], { AUDIT_HEADS_PUBLIC_KEY: out.trim() }), { code: 0, out });
    t.match(await run(['audit', 'public-key']), { code: 2, out: '', err: /AUDIT_HEADS_KEY is missing/ });
  });

  t.test('wrong use exits with 2 and says what to do', async (t) => {
    const person = ['--role', 'auditor', '--authority', 'Eastmoor'];
    const wrong: [string[], RegExp, NodeJS.ProcessEnv?][] = [
      [['token', '--minutes', '61'], /from 1 to 60/],
      [
        ['user', 'add', '--username', 'x y', ...person, '--password-stdin'],
        /\/username .*lower-case.*\n.*\/password/s,
        { input: 'short' },
      ],
      [['serve'], /PORT is wrong/, { PORT: 'http' }],
      [['serve'], /AUTH_ISSUER, AUTH_AUDIENCE is missing/, { AUTH_JWKS_URL: 'https://idp.example/keys' }],
      [['serve'], /AUTH_JWKS_URL is wrong/, { AUTH_JWKS_URL: 'idp.example' }],
      [
        ['serve'],
        /in production it takes https/,
        { NODE_ENV: 'production', AUTH_JWKS_URL: 'http://idp.example/', AUTH_ISSUER: 'i', AUTH_AUDIENCE: 'a' },
      ],
      [['authority', 'add', '(bad)'], /\/code/],
      [['serve'], /AUTH_JWT_SECRET is missing/, { NODE_ENV: 'production', AUTH_JWT_SECRET: '' }],
    ];
    for (const [args, message, changes] of wrong) {
      t.match(await run(args, changes), { code: 2, out: '', err: message }, args.join(' '));
    }
    const away = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing' };
    t.match(await run(['token', '--username', 'first'], away), { code: 1, err: /PostgreSQL cannot be reached/ });
    for (const text of ['2026-02-30', '26-01-01', 'today', '']) t.throws(() => calendarDay(text), /YYYY-MM-DD/);
    for (const text of ['-1', '1.5', '1e3', '', '65536', 'http'])
      t.throws(() => wholeNumber(0, 65_535)(text), /from 0 to 65535/);
  });

  t.test('serve says when it is ready, and ends when asked, with what is under way done', async (t) => {
    const child = start(['serve', '--port', '0']);
    t.teardown(() => child.kill('SIGKILL'));
    const lines: string[] = [];
    const output = createInterface({ input: child.stdout! });
    output.on('line', (line) => lines.push(line));
    let logged = '';
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      logged += chunk;
    });
    const waiting = async () => {
      const { rows } = await sql<{ waiting: number }>`
        select count(*) as waiting from pg_stat_activity
        where datname = current_database() and application_name = 'directory-api' and wait_event_type = 'Lock'`.execute(
        owner,
      );
      return rows[0]?.waiting ?? 0;
    };
    await once(output, 'line');
    const url = /^listening on (http:\/\/127\.0\.0\.1:\d+)$/.exec(lines[0] ?? '')?.[1];
    t.ok(url, 'the one line that tells');
    t.match(await (await fetch(`${url}/health/ready`)).json(), { status: 'ready' });

    const taken = await run(['serve', '--port', url?.split(':')[2] ?? '']);
    t.match(taken, { code: 1, out: '', err: /is taken/ });

    // The answer to a sign-in waits for its audit row, and that for us.
    let underWay: Promise<Response> | undefined;
    await owner.transaction().execute(async (trx) => {
      await sql`lock table audit_events in access exclusive mode`.execute(trx);
      const body = JSON.stringify({ username: 'nobody', password: 'x', otp: '000000' });
      underWay = fetch(`${url}/v1/session`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      await until(async () => (await waiting()) > 0, { seconds: 30 });
      child.kill('SIGTERM');
      await until(async () => logged.includes('"msg":"stopping"'));
    });
    t.equal((await underWay)?.status, 401, 'the request that was under way is answered');
    const [code] = await once(child, 'exit');
    t.equal(code, 0);
    t.equal(lines.length, 1, 'nothing else on standard output');
    await t.rejects(fetch(`${url}/health/live`));
  });
});
