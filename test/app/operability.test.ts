import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { Validator } from '@seriousme/openapi-schema-validator';
import { sql } from 'kysely';
import t, { type Test } from 'tap';
import { buildApp } from '../../src/app.js';
import { openDirectory } from '../helpers/directory.js';

const NOBODY_LISTENS = '127.0.0.1:1';

t.test('the directory tells how it is', async (t) => {
  const { app, caller, context, openContext, urls, owner } = await openDirectory(t);
  const appOn = async (t: Test, changed: Partial<typeof urls>) => {
    const elsewhere = await openContext({ urls: { ...urls, ...changed } });
    const other = await buildApp(elsewhere);
    t.teardown(() => other.close());
    return other;
  };
  const ready = async (on = app) => {
    const start = performance.now();
    const reply = await on.inject({ url: '/health/ready' });
    return { status: reply.statusCode, body: reply.json(), ms: performance.now() - start };
  };

  t.test('live and ready', async (t) => {
    t.match(await app.inject({ url: '/health/live' }), { statusCode: 200 });
    t.match(await ready(), { status: 200, body: { status: 'ready', postgresql: { reachable: true, migrated: true } } });
  });

  t.test('without PostgreSQL: live, not ready, and every request 503 and soon', async (t) => {
    const { headers } = await caller('administrator');
    // One refuses, the other takes the connection and never says a word.
    const mute = createServer().listen(0, '127.0.0.1');
    await once(mute, 'listening');
    t.teardown(() => mute.close());
    const ports = [NOBODY_LISTENS, `127.0.0.1:${(mute.address() as AddressInfo).port}`];
    for (const port of ports) {
      const away = await appOn(t, { databaseUrl: `postgres://nobody@${port}/nothing` });
      t.match(await away.inject({ url: '/health/live' }), { statusCode: 200 });
      const answer = await ready(away);
      t.match(answer, {
        status: 503,
        body: { status: 'not-ready', postgresql: { reachable: false, migrated: false } },
      });
      t.ok(answer.ms < 3_000, `in ${Math.round(answer.ms)} ms`);
      const reply = await away.inject({ url: '/v1/me', headers });
      t.match(reply.json(), { status: 503, code: 'unavailable' });
      t.match(reply.headers['retry-after'], /^\d+$/);
      t.notMatch(reply.body, /ECONN|127\.0\.0|postgres/i, 'nothing of the inside shows');
    }
  });

  t.test('without its schema: not ready', async (t) => {
    await sql`delete from kysely_migration where name = (select max(name) from kysely_migration)`.execute(owner);
    t.match(await ready(), { status: 503, body: { postgresql: { reachable: true, migrated: false } } });
    const empty = await appOn(t, { databaseUrl: urls.databaseUrl.replace(/[^/]*$/, 'postgres') });
    t.match(await ready(empty), { status: 503, body: { postgresql: { reachable: true, migrated: false } } });
  });

  t.test('without Elasticsearch: degraded, and says which way', async (t) => {
    const other = await appOn(t, { elasticsearchUrl: `http://${NOBODY_LISTENS}` });
    const answer = await ready(other);
    t.match(answer.body, { elasticsearch: { reachable: false }, degraded: [/Fuzzy search/] });
    t.ok(answer.ms < 3_000);
  });

  t.test('a failure of our own is a 500 that shows nothing, and is logged without its text', async (t) => {
    const { logged, context, caller } = await openDirectory(t);
    const broken = await buildApp({
      ...context,
      db: new Proxy(context.db, {
        get(db, key) {
          if (key === 'selectFrom') throw new TypeError('SENTINEL: born 2015-03-04');
          return Reflect.get(db, key);
        },
      }),
      metrics: new (context.metrics.constructor as typeof import('prom-client').Registry)(),
    });
    t.teardown(() => broken.close());
    const { headers } = await caller('practitioner');
    const reply = await broken.inject({ url: '/v1/me', headers });
    t.match(reply.json(), { status: 500, code: 'internal' });
    t.notMatch(reply.body, /SENTINEL|TypeError|\.ts/);
    t.match(logged(), /"type":"TypeError"/);
    t.notMatch(logged(), /SENTINEL/);
  });

  t.test('measurements name routes, never what was in the path', async (t) => {
    const { headers, userId } = await caller('administrator');
    await app.inject({ method: 'PATCH', url: `/v1/users/${userId}`, headers, payload: { name: 'SENTINEL' } });
    await app.inject({ url: '/v1/SENTINEL?SENTINEL=SENTINEL', headers });
    const reply = await app.inject({ url: '/metrics' });
    t.match(reply.headers['content-type'], /^text\/plain/);
    t.match(
      reply.body,
      /http_request_duration_seconds_count\{method="PATCH",route="\/v1\/users\/:userId",status="200"\} 1/,
    );
    t.match(reply.body, /route="unknown",status="404"/);
    t.match(reply.body, /process_cpu_seconds_total/);
    t.notMatch(reply.body, new RegExp(`SENTINEL|${userId}|administrator`));
    t.equal(context.metrics.contentType, reply.headers['content-type']);
  });

  t.test('measurements are told to whoever brings the token, and in production to nobody else', async (t) => {
    const token = 'a-token-that-only-prometheus-knows';
    const told = async (env: NodeJS.ProcessEnv, authorization?: string) => {
      const { app } = await openDirectory(t, { env });
      const headers = authorization === undefined ? {} : { authorization };
      const { statusCode, body, headers: answered } = await app.inject({ url: '/metrics', headers });
      t.equal(statusCode === 200, /http_request_duration_seconds/.test(body));
      if (statusCode !== 200) t.match(answered, { 'www-authenticate': 'Bearer' });
      return statusCode;
    };
    t.equal(await told({}), 200);
    t.equal(await told({ NODE_ENV: 'production' }), 401);
    t.equal(await told({ NODE_ENV: 'production' }, 'Bearer '), 401);
    for (const NODE_ENV of ['development', 'production']) {
      const env = { NODE_ENV, METRICS_TOKEN: token };
      t.equal(await told(env, `Bearer ${token}`), 200);
      for (const wrong of [undefined, '', token, `Bearer ${token}x`, `Bearer ${token.slice(1)}`, `bearer ${token}`])
        t.equal(await told(env, wrong), 401, `${wrong}`);
    }
  });

  t.test('security headers are on every reply', async (t) => {
    for (const url of ['/v1/me', '/nowhere', '/health/live']) {
      const { headers } = await app.inject({ url });
      t.match(
        headers,
        {
          'x-content-type-options': 'nosniff',
          'content-security-policy': /default-src 'none'/,
          'cache-control': 'no-store',
        },
        url,
      );
    }
  });
});

t.test('the API describes itself in OpenAPI 3.1', async (t) => {
  const { app } = await openDirectory(t);
  const reply = await app.inject({ url: '/docs/json' });
  const document = reply.json();
  t.match(document.openapi, /^3\.1\./);
  const { valid, errors } = await new Validator().validate(document);
  t.ok(valid, JSON.stringify(errors));

  const guarded = app.routeAccess.filter(({ url }) => !/^\/docs(\/|$)/.test(url));
  const operations = Object.values(document.paths as Record<string, object>).flatMap((path) => Object.values(path));
  t.equal(operations.length, guarded.length, 'every route, and no other');
  for (const { method, url, access } of guarded) {
    const operation = document.paths[url.replace(/:(\w+)/g, '{$1}')]?.[method.toLowerCase()];
    t.ok(operation?.summary, `${method} ${url} says what it does`);
    if (access === 'public') {
      t.notOk(operation.security, 'and is public');
      continue;
    }
    t.strictSame(operation.security, [{ bearer: access.roles }], 'and for whom');
    t.hasProps(operation.responses, ['401', '403', '500', '503']);
    t.notOk(operation.responses.default, 'each status is foreseen');
    const reason = operation.parameters?.find((one: { name: string }) => one.name === 'x-access-reason');
    t.equal(reason?.required, access.touchesChild || undefined, 'a reason, where it touches a child');
  }
  const { parameters, responses } = document.paths['/v1/children/{childId}'].patch;
  t.ok(
    parameters.some((one: { name: string; required?: boolean }) => one.name === 'if-match' && one.required),
    "and the route's own headers",
  );
  t.hasProps(responses, ['400', '404', '409', '412', '413', '415', '422', '428'], 'and what it may refuse');

  const page = await app.inject({ url: '/docs' });
  t.match(page.headers['content-type'], /^text\/html/);
  t.match(page.headers['content-security-policy'], /default-src 'self'/);
  for (const [, file = ''] of page.body.matchAll(/(?:src|href)="([^"]+)"/g)) {
    t.equal((await app.inject({ url: file })).statusCode, 200, file);
  }
  t.notMatch(page.body, /<script>|onload=/, 'no script in the page that the policy would refuse');
});
