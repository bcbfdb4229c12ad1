import { sql } from 'kysely';
import t from 'tap';
import { openDirectory } from '../helpers/directory.js';

t.test('nothing that a caller sends gets into the logs', async (t) => {
  const { app, caller, logged, owner, context, openContext } = await openDirectory(t);
  const marks: string[] = [];
  const mark = () => {
    marks.push(`Sentinel${marks.length}x`);
    return marks.at(-1) ?? '';
  };
  const administrator = await caller('administrator', { name: mark() });
  const manager = await caller('management-team');
  const marked = {
    'user-agent': mark(),
    referer: mark(),
    cookie: mark(),
    'x-forwarded-for': mark(),
    'if-match': mark(),
    'idempotency-key': mark(),
  };
  const send = async (
    method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE',
    url: string,
    payload?: object,
    headers: Record<string, string> = {},
  ) =>
    (await app.inject({ method, url, headers: { ...marked, ...headers }, ...(payload ? { payload } : {}) })).statusCode;

  await t.test('whether it is answered, refused or fails', async (t) => {
    const child = {
      givenNames: mark(),
      familyName: mark(),
      dateOfBirth: '2015-03-04',
      addresses: [{ kind: 'home', line1: mark(), town: mark(), postcode: 'QX1 9ZZ' }],
    };
    const statuses = [
      await send('POST', '/v1/session', { username: mark(), password: mark(), otp: '123456' }),
      await send('POST', '/v1/session', { username: mark(), [mark()]: mark() }),
      await send('POST', '/v1/session/refresh', { refreshToken: mark() }),
      await send('GET', `/v1/${mark()}?${mark()}=${mark()}`, undefined, administrator.headers),
      await send('GET', `/v1/users?${mark()}=${mark()}`, undefined, administrator.headers),
      await send('PATCH', `/v1/users/${mark()}`, { name: mark() }, administrator.headers),
      await send(
        'PATCH',
        `/v1/users/${administrator.userId}`,
        { name: mark(), password: `${mark()} and more` },
        administrator.headers,
      ),
      await send('GET', '/v1/me', undefined, { authorization: `Bearer ${mark()}.${mark()}.${mark()}` }),
      await send('GET', `/v1/children/${mark()}`, undefined, { ...manager.headers, 'x-access-reason': mark() }),
      await send('GET', `/v1/children/${mark()}`, undefined, manager.headers),
      await send('POST', '/v1/children', child, { ...manager.headers, 'idempotency-key': mark() }),
      await send(
        'POST',
        '/v1/children/search',
        { givenNames: mark(), familyName: mark(), parentName: mark() },
        manager.headers,
      ),
      await send('GET', `/v1/%zz${mark()}`),
    ];
    t.ok(
      statuses.includes(400) && statuses.includes(401) && statuses.includes(403) && statuses.includes(404),
      String(statuses),
    );
    t.ok(
      statuses.some((status) => status < 300),
      'some of it was done',
    );
  });

  await t.test('nor does what the database says of a value', async (t) => {
    const { headers } = await caller('administrator');
    await sql.raw(`alter table users add constraint no_such check (name <> '${mark()}')`).execute(owner);
    const status = await send('PATCH', `/v1/users/${administrator.userId}`, { name: marks.at(-1) }, headers);
    t.equal(status, 500, 'the constraint refuses the row and repeats it');
    t.match(logged(), /"constraint":"no_such"/, 'which is logged by its name');
    const away = await openContext({
      urls: { ...context.urls, databaseUrl: `postgres://${mark()}:${mark()}@127.0.0.1:1/${mark()}` },
    });
    const error = await away.db
      .selectFrom('users')
      .selectAll()
      .execute()
      .catch((error: unknown) => error);
    context.log.error({ err: error }, 'logged on purpose');
  });

  const text = logged();
  t.ok(text.split('\n').length > 15, 'there are logs');
  for (const word of [...marks, 'QX1 9ZZ', '2015-03-04', administrator.headers.authorization.slice(-40)]) {
    t.notOk(text.includes(word), `no ${word.slice(0, 12)}`);
  }
  for (const line of text.trim().split('\n')) {
    const { msg, route, requestId } = JSON.parse(line);
    if (msg === 'request') t.ok(/^(\/[\w/:-]*|unknown)$/.test(route) && requestId, `a pattern and an id: ${route}`);
  }
});
