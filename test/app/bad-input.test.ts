import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { openDirectory } from '../helpers/directory.js';

const json = { 'content-type': 'application/json' };
const good = { username: 'somebody', password: 'something', otp: '123456' };

t.test('bad input gets its clear error, in the shape of the contract', async (t) => {
  const { app, caller, owner } = await openDirectory(t);
  const administrator = await caller('administrator');
  const send = async (
    payload: Buffer | string | object | undefined,
    headers: Record<string, string> = json,
    url = '/v1/session',
  ) => {
    const reply = await app.inject({ method: 'POST', url, headers, ...(payload === undefined ? {} : { payload }) });
    t.match(reply.headers['content-type'], /^application\/problem\+json/);
    t.equal(reply.headers['cache-control'], 'no-store');
    const body = reply.json();
    t.match(body, { type: /^urn:/, title: /./, detail: /./, requestId: reply.headers['x-request-id'] });
    t.equal(body.status, reply.statusCode);
    return { status: reply.statusCode, code: body.code, errors: body.errors };
  };
  const invalid = { status: 400, code: 'invalid-request' };

  t.test('fields', async (t) => {
    const cases: [object, { path: string; message: RegExp }[]][] = [
      [{ ...good, colour: 'blue' }, [{ path: '/colour', message: /not a field that is known/ }]],
      [{ ...good, 'a/b~c': 1 }, [{ path: '/a~1b~0c', message: /not a field/ }]],
      [{}, ['/username', '/password', '/otp'].map((path) => ({ path, message: /is missing/ }))],
      [{ ...good, otp: 123456 }, [{ path: '/otp', message: /must be string/ }]],
      [{ ...good, otp: '12345' }, [{ path: '/otp', message: /six digits/ }]],
      [{ ...good, username: ['somebody'] }, [{ path: '/username', message: /must be string/ }]],
      [{ ...good, username: null }, [{ path: '/username', message: /must be string/ }]],
      [{ ...good, username: 'x'.repeat(65) }, [{ path: '/username', message: /64/ }]],
      [[good], [{ path: '', message: /must be object/ }]],
    ];
    for (const [body, errors] of cases) {
      const answer = await send(body);
      t.match(answer, { ...invalid, errors });
      t.equal(answer.errors.length, errors.length, JSON.stringify(body).slice(0, 60));
    }
    const secret = await send({ ...good, otp: 'SENTINEL', username: 'SENTINEL'.repeat(20) });
    t.notMatch(JSON.stringify(secret), /SENTINEL/, 'a value is never repeated');
    for (const body of ['null', '"text"', '1', 'true']) t.match(await send(body), invalid, body);
  });

  t.test('bodies that are not JSON in UTF-8', async (t) => {
    const cases: Record<string, Buffer | string> = {
      'no JSON': '{"username": ',
      'JSON with a tail': `${JSON.stringify(good)}x`,
      'single quotes': "{'username': 'x'}",
      // All else about these two is right, so that only the encoding can be what is refused.
      'Latin-1': Buffer.from(JSON.stringify({ ...good, username: 'Zo\u00eb' }), 'latin1'),
      'a broken sequence': Buffer.from(JSON.stringify({ ...good, username: '\u00c3' }), 'latin1'),
      'UTF-16': Buffer.from(JSON.stringify(good), 'utf16le'),
      NUL: JSON.stringify({ ...good, username: 'a\u0000b' }),
      'half a character': '{"username":"\\ud83d","password":"x","otp":"123456"}',
      'the other half': '{"username":"\\ude00\\ud83d","password":"x","otp":"123456"}',
      'a poisoned prototype': '{"username":"x","__proto__":{"role":"administrator"}}',
      'a poisoned constructor': '{"username":"x","constructor":{"prototype":{"role":"administrator"}}}',
      'packed by gzip': Buffer.from([0x1f, 0x8b, 0x08, 0x00]),
    };
    for (const [name, body] of Object.entries(cases)) t.match(await send(body), invalid, name);
    const whole = '{"username":"\\ud83d\\uDE00 and \\\\ud83d and \\\\u0000","password":"x","otp":"123456"}';
    t.match(await send(whole), { status: 401 }, 'a whole one may be escaped');
    t.match(await send(Buffer.alloc(0)), { ...invalid, errors: [{ path: '', message: /must be object/ }] }, 'empty');
    t.match(await send(undefined, {}), invalid, 'none at all');
  });

  t.test('bodies of another kind or size', async (t) => {
    for (const type of [
      'text/plain',
      'application/xml',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'application/json; charset=latin1',
      'application/jsonp',
      'nonsense',
    ]) {
      t.match(
        await send(JSON.stringify(good), { 'content-type': type }),
        { status: 415, code: 'unsupported-media-type' },
        type,
      );
    }
    t.match(
      await send(JSON.stringify(good), { 'content-type': 'application/json; charset=UTF-8' }),
      { status: 401 },
      'UTF-8 may be said',
    );
    const padded = (bytes: number) =>
      JSON.stringify({ ...good, password: '' }).replace('"password":""', `"password":"${'x'.repeat(bytes)}"`);
    t.match(await send(padded(1024 * 1024)), { status: 413, code: 'payload-too-large' }, '1 MiB');
    t.match(await send(padded(16 * 1024)), { status: 413, code: 'payload-too-large' }, 'a little over 16 KiB');
    t.match(await send(padded(15 * 1024)), invalid, 'a little under is looked at');
    const { statusCode } = await app.inject({
      method: 'POST',
      url: '/v1/users',
      headers: json,
      payload: padded(1024 * 1024),
    });
    t.equal(statusCode, 401, 'who may not come in at all is told that first');
  });

  t.test('paths and request ids', async (t) => {
    const { authorization } = administrator.headers;
    for (const [url, status, code] of [
      ['/v1/nothing', 404, 'not-found'],
      ['/', 404, 'not-found'],
      ['/v1/%zz', 400, 'invalid-request'],
      ['/v1/users/%00', 405, 'method-not-allowed'],
    ] as const) {
      const reply = await app.inject({ url, headers: { authorization } });
      t.match({ status: reply.statusCode, body: reply.json() }, { status, body: { code, status } }, url);
      t.notMatch(reply.body, /zz|%00|nothing"/, 'the path is not repeated');
    }
    for (const url of [
      `/v1/users?cursor=urn:uuid:${administrator.userId}`,
      '/v1/users?cursor=x',
      '/v1/users?limit=0',
    ]) {
      const reply = await app.inject({ url, headers: { authorization } });
      t.match({ status: reply.statusCode, ...reply.json() }, invalid, url);
    }
    for (const date of ['0000-01-01', '2024-02-30', '2024-2-3', '+2024-02-03']) {
      const reply = await app.inject({
        method: 'PATCH',
        url: `/v1/users/${administrator.userId}`,
        headers: { authorization },
        payload: { backgroundCheckOn: date },
      });
      t.match({ status: reply.statusCode, ...reply.json() }, invalid, date);
    }
    const idFor = async (id: string | undefined) => {
      const reply = await app.inject({ url: '/v1/nothing', headers: id === undefined ? {} : { 'x-request-id': id } });
      t.equal(reply.json().requestId, reply.headers['x-request-id']);
      return reply.headers['x-request-id'];
    };
    t.equal(await idFor('call-7.B_3'), 'call-7.B_3', 'one that is given is echoed');
    for (const id of [undefined, '', 'x'.repeat(65), 'a b', 'a"b', 'a\u00e9', 'a,b']) {
      t.match(await idFor(id), /^[0-9a-f-]{36}$/, `${id} makes a new one`);
    }
  });

  t.test('methods that are not there', async (t) => {
    const { authorization } = administrator.headers;
    for (const [method, url, allow] of [
      ['DELETE', '/v1/users', 'GET, POST'],
      ['GET', `/v1/users/${administrator.userId}`, 'PATCH'],
      ['GET', '/v1/children/search', 'POST'],
      ['PATCH', '/v1/children/lookup?number=1', 'POST'],
      ['HEAD', '/health/live', 'GET'],
      ['OPTIONS', '/v1/children', 'POST'],
    ] as const) {
      const reply = await app.inject({ method, url, headers: { authorization } });
      t.equal(reply.statusCode, 405, `${method} ${url}`);
      t.equal(reply.headers.allow, allow);
      if (method !== 'HEAD') t.equal(reply.json().code, 'method-not-allowed');
    }
    const { statusCode, headers } = await app.inject({ method: 'DELETE', url: '/v1/nothing' });
    t.strictSame([statusCode, headers.allow], [404, undefined], 'nor is anything else there');
  });

  t.test('what is no HTTP', async (t) => {
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as AddressInfo;
    const raw = async (bytes: string) => {
      const socket = connect(port, '127.0.0.1');
      socket.write(bytes);
      return text(socket);
    };
    for (const bytes of [
      'HELLO\r\n\r\n',
      'GET / HTTP/1.1\r\nbad header\r\n\r\n',
      `GET / HTTP/1.1\r\nhost: x\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`,
    ]) {
      const answer = await raw(bytes);
      t.match(answer, /^HTTP\/1\.1 400 .*\r\n/);
      t.match(JSON.parse(answer.split('\r\n\r\n')[1] ?? ''), { code: 'invalid-request', status: 400 });
    }
  });

  const { count } = await owner
    .selectFrom('users')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  t.equal(count, 1, 'after all that nothing was made');
});
