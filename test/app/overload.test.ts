import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import pg from 'pg';
import t, { type Test } from 'tap';
import { openDirectory, type TestDirectory } from '../helpers/directory.js';
import { until } from '../helpers/wait.js';

const IN_FLIGHT = 4;
const ANSWER_SECONDS = 2;

const env = { REQUESTS_IN_FLIGHT: String(IN_FLIGHT), ANSWER_SECONDS: String(ANSWER_SECONDS) };

/** Whoever reads that table waits until it is opened: of sessions, everybody who is signed in. */
async function hold(t: Test, { urls }: TestDirectory, table: 'sessions' | 'users') {
  const client = new pg.Client({ connectionString: urls.databaseUrl });
  await client.connect();
  t.teardown(() => client.end());
  await client.query(`begin; lock table ${table} in access exclusive mode`);
  return {
    async waiting() {
      const { rows } = await client.query(`select from pg_locks where relation = '${table}'::regclass and not granted`);
      return rows.length;
    },
    open: () => client.query('rollback'),
  };
}

t.test('more than it can work at is refused at once, and the rest is answered', async (t) => {
  const directory = await openDirectory(t, { env });
  const { app, caller } = directory;
  const { headers } = await caller('practitioner');
  const ask = async () => {
    const began = performance.now();
    const { statusCode, body, headers: answered } = await app.inject({ url: '/v1/me', headers });
    return { status: statusCode, body, retryAfter: answered['retry-after'], ms: performance.now() - began };
  };
  const gate = await hold(t, directory, 'sessions');
  const first = Array.from({ length: IN_FLIGHT }, ask);
  await until(async () => (await gate.waiting()) === IN_FLIGHT);
  for (const beyond of await Promise.all(Array.from({ length: 50 }, ask))) {
    t.equal(beyond.status, 503);
    t.match(beyond.body, /"code":"unavailable"/);
    t.match(beyond.retryAfter, /^\d+$/);
    t.ok(beyond.ms < 1_000, `in ${Math.round(beyond.ms)} ms`);
  }
  t.equal((await app.inject({ method: 'POST', url: '/v1/nowhere' })).statusCode, 503, 'whatever it is');
  for (const url of ['/health/live', '/health/ready', '/metrics'])
    t.equal((await app.inject({ url })).statusCode, 200, `${url} is there all the while`);
  t.equal(await gate.waiting(), IN_FLIGHT, 'nothing was done for those refused');
  await gate.open();
  for (const { status } of await Promise.all(first)) t.equal(status, 200);
  for (const { status } of await Promise.all(Array.from({ length: IN_FLIGHT }, ask)))
    t.equal(status, 200, 'each place is free again');
});

t.test('a place is held until the work ends, whether or not the caller is still there, and no longer', async (t) => {
  const directory = await openDirectory(t, { env });
  const { app, caller } = directory;
  const { headers } = await caller('practitioner');
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  const status = async () => (await fetch(`${url}/v1/me`, { headers })).status;
  const gate = await hold(t, directory, 'sessions');
  const impatient = Array.from({ length: IN_FLIGHT }, () => new AbortController());
  const asked = impatient.map(({ signal }) => fetch(`${url}/v1/me`, { headers, signal }).catch(() => undefined));
  await until(async () => (await gate.waiting()) === IN_FLIGHT);
  for (const one of impatient) one.abort();
  await Promise.all(asked);
  t.equal(await status(), 503, 'whoever goes away and comes again gets no more than their share');
  await gate.open();
  await until(async () => (await status()) === 200);
});

t.test('a body that comes slowly holds no place', async (t) => {
  const { app } = await openDirectory(t, { env });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  const sockets = Array.from({ length: IN_FLIGHT * 3 }, () => connect(port, '127.0.0.1'));
  t.teardown(() => sockets.forEach((socket) => void socket.destroy()));
  let begun = 0;
  app.server.on('request', () => begun++);
  for (const socket of sockets) {
    await once(socket, 'connect');
    socket.write(
      'POST /v1/session HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
    );
  }
  await until(() => begun === sockets.length);
  const reply = await fetch(`http://127.0.0.1:${port}/v1/me`);
  t.equal(reply.status, 401);
});

t.test('whatever is not answered in time is told so, with a body and without', async (t) => {
  const directory = await openDirectory(t, { env });
  const { app, caller } = directory;
  const { headers } = await caller('administrator');
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  const gate = await hold(t, directory, 'sessions');
  const ask = async (init: RequestInit) => {
    const began = performance.now();
    const reply = await fetch(`${url}/v1/users`, { ...init, signal: AbortSignal.timeout(10_000) });
    return {
      status: reply.status,
      retryAfter: reply.headers.get('retry-after'),
      body: await reply.json(),
      ms: performance.now() - began,
    };
  };
  const json = { ...headers, 'content-type': 'application/json' };
  for (const reply of await Promise.all([ask({ headers }), ask({ method: 'POST', headers: json, body: '{}' })])) {
    t.match(reply, { status: 503, retryAfter: /^\d+$/, body: { code: 'unavailable' } });
    t.ok(reply.ms >= ANSWER_SECONDS * 900 && reply.ms < ANSWER_SECONDS * 1_000 + 1_000, `${Math.round(reply.ms)} ms`);
  }
  await gate.open();
  t.equal((await ask({ headers })).status, 200);
});

t.test('so is a request that hangs after its body has been read', async (t) => {
  const directory = await openDirectory(t, { env });
  const url = await directory.app.listen({ port: 0, host: '127.0.0.1' });
  const gate = await hold(t, directory, 'users');
  const signIn = async () => {
    const began = performance.now();
    const { status } = await fetch(`${url}/v1/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username: 'nobody', password: 'of no account here', otp: '123456' }),
      signal: AbortSignal.timeout(10_000),
    });
    return { status, ms: performance.now() - began };
  };
  const replies = await Promise.all(Array.from({ length: IN_FLIGHT }, signIn));
  for (const { status, ms } of replies) {
    t.equal(status, 503);
    t.ok(ms >= ANSWER_SECONDS * 900 && ms < ANSWER_SECONDS * 1_000 + 1_000, `${Math.round(ms)} ms`);
  }
  await gate.open();
  for (const { status } of await Promise.all(Array.from({ length: IN_FLIGHT }, signIn)))
    t.equal(status, 401, 'and none of them has kept its place');
});
