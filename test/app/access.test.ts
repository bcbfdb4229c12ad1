import { randomUUID } from 'node:crypto';
import fastify from 'fastify';
import t from 'tap';
import { type Role, roles } from '../../src/db/schema.js';
import { type AccessRule, guardRoutes } from '../../src/plugins/access.js';
import { openDirectory } from '../helpers/directory.js';

type Rule = 'public' | { roles: readonly Role[]; touchesChild: boolean };
const signedIn: Rule = { roles, touchesChild: false };
const administrators: Rule = { roles: ['administrator'], touchesChild: false };
const readers = { roles: ['practitioner', 'management-team'], touchesChild: true } satisfies Rule;
const dataTeams: Rule = { roles: ['data-team'], touchesChild: false };
const managers: Rule = { roles: ['management-team'], touchesChild: true };

/** Who may call what, written down a second time: a route that is new or changed must be thought of here as well. */
const expected: Record<string, Rule> = {
  'GET /health/live': 'public',
  'GET /health/ready': 'public',
  'GET /metrics': 'public',
  'POST /v1/session': 'public',
  'POST /v1/session/refresh': 'public',
  'DELETE /v1/session': signedIn,
  'GET /v1/me': signedIn,
  'GET /v1/users': administrators,
  'POST /v1/users': administrators,
  'PATCH /v1/users/:userId': administrators,
  'POST /v1/children/search': { roles: [...readers.roles, 'call-centre'], touchesChild: true },
  'POST /v1/children/lookup': readers,
  'GET /v1/children/:childId': readers,
  'POST /v1/children': managers,
  'PATCH /v1/children/:childId': managers,
  'POST /v1/children/:childId/addresses': managers,
  'PATCH /v1/children/:childId/addresses/:addressId': managers,
  'DELETE /v1/children/:childId/addresses/:addressId': managers,
  'POST /v1/children/:childId/names': managers,
  'PATCH /v1/children/:childId/names/:nameId': managers,
  'DELETE /v1/children/:childId/names/:nameId': managers,
  'POST /v1/children/:childId/parents': managers,
  'PATCH /v1/children/:childId/parents/:parentId': managers,
  'DELETE /v1/children/:childId/parents/:parentId': managers,
  'POST /v1/children/:childId/services': managers,
  'PATCH /v1/children/:childId/services/:serviceId': managers,
  'DELETE /v1/children/:childId/services/:serviceId': managers,
  'DELETE /v1/children/:childId/services/:serviceId/consent': managers,
  'POST /v1/children/:childId/involvements': readers,
  'PATCH /v1/children/:childId/involvements/:involvementId': readers,
  'DELETE /v1/children/:childId/involvements/:involvementId': readers,
  'DELETE /v1/children/:childId/involvements/:involvementId/consent': readers,
  'PUT /v1/children/:childId/lead-professional': readers,
  'DELETE /v1/children/:childId/lead-professional': readers,
  'PUT /v1/children/:childId/caf-indicator': readers,
  'DELETE /v1/children/:childId/caf-indicator': readers,
  'PUT /v1/children/:childId/consent-to-25': managers,
  'DELETE /v1/children/:childId/consent-to-25': managers,
  'PUT /v1/children/:childId/shield': managers,
  'DELETE /v1/children/:childId/shield': managers,
  'GET /v1/children/:childId/accesses': { roles: ['management-team', 'auditor'], touchesChild: true },
  'GET /v1/audit/events': { roles: ['auditor'], touchesChild: true },
  'GET /v1/audit/verification': { roles: ['auditor'], touchesChild: false },
  'GET /v1/children/:childId/shield/household': managers,
  'POST /v1/children/:childId/shield-override': managers,
  'GET /v1/shields/reviews': managers,
  'GET /v1/shields/overrides': managers,
  'POST /v1/index/rebuilds': dataTeams,
  'GET /v1/index/rebuilds': dataTeams,
  'GET /v1/index/rebuilds/:rebuildId': dataTeams,
  'DELETE /v1/index/rebuilds/:rebuildId': dataTeams,
  'POST /v1/index/rebuilds/:rebuildId/rollback': dataTeams,
  'POST /v1/verifications': { roles: ['call-centre'], touchesChild: true },
};

t.test('every route lets in whom it should and nobody else', async (t) => {
  const { app, caller } = await openDirectory(t);

  t.test('the routes are those written down here', async (t) => {
    const found = app.routeAccess.filter(({ url }) => !/^\/docs(\/|$)/.test(url));
    t.strictSame(found.map(({ method, url }) => `${method} ${url}`).sort(), Object.keys(expected).sort());
    t.ok(
      app.routeAccess.every(
        ({ url, access }) => access !== 'public' || !url.startsWith('/v1/') || /^\/v1\/session/.test(url),
      ),
      'under /v1 nothing is public but signing in',
    );
  });

  for (const [route, rule] of Object.entries(expected)) {
    if (rule === 'public') continue;
    const [method = '', pattern = ''] = route.split(' ');
    const call = async (headers: Record<string, string>) => {
      const url = pattern.replace(/:\w+/g, () => randomUUID());
      // A field that no route knows: whoever is let in is told so, and nothing is done.
      const body = method === 'GET' || method === 'DELETE' ? {} : { payload: { unheardOf: true } };
      const reply = await app.inject({ method: method as 'GET', url, headers, ...body });
      return { status: reply.statusCode, code: reply.body ? reply.json().code : undefined };
    };

    t.test(route, async (t) => {
      t.match(await call({}), { status: 401, code: 'unauthenticated' }, 'without a token');
      for (const role of roles) {
        const { headers } = await caller(role);
        const { authorization } = headers;
        if (!rule.roles.includes(role)) {
          t.match(await call(headers), { status: 403, code: 'forbidden' }, `not a ${role}, and not for a wrong body`);
          t.match(await call({ authorization }), { code: 'forbidden' }, 'the role comes before the reason');
          continue;
        }
        if (rule.touchesChild) {
          for (const reason of [undefined, '', 'curiosity', 'Audit', 'audit, audit', 'audit,safeguarding']) {
            const answer = await call({
              authorization,
              ...(reason === undefined ? {} : { 'x-access-reason': reason }),
            });
            t.match(answer, { status: 403, code: 'reason-required' }, `a ${role} with the reason ${reason}`);
          }
        }
        const { status } = await call(rule.touchesChild ? headers : { authorization });
        t.notOk(status === 401 || status === 403 || status >= 500, `a ${role} is let in (${status})`);
      }
    });
  }
});

t.test('a route cannot be made without saying who may call it', async (t) => {
  const { context } = await openDirectory(t);
  const guarded = () => {
    const app = fastify();
    guardRoutes(app, context);
    return app;
  };
  for (const access of [undefined, '', 'everybody', {}, { roles: undefined }, { roles: [] }, null]) {
    t.throws(
      () => guarded().get('/v1/secrets', { config: { access: access as AccessRule } }, async () => 'told'),
      /does not say who may call it/,
      JSON.stringify(access),
    );
  }
  t.throws(() => guarded().get('/outside', async () => 'told'), /does not say who may call it/, 'outside /v1 as well');

  const app = guarded();
  app.get('/public', { config: { access: 'public' } }, async (request) => request.caller);
  app.get('/public/reason', { config: { access: 'public' } }, async (request) => request.access);
  for (const url of ['/public', '/public/reason']) {
    t.equal((await app.inject({ url })).statusCode, 500, 'a public route has no caller to mistake for somebody');
  }
  await app.close();
});
