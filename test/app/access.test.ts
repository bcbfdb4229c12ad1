import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import fastify from 'fastify';
import t from 'tap';
import { type Role, roles } from '../../src/db/schema.js';
import { type AccessRule, guardRoutes } from '../../src/plugins/access.js';
import { type Answer, bornYearsAgo, openChildren } from '../helpers/children.js';
import { openDirectory, type TestCaller } from '../helpers/directory.js';
import { startProvider } from '../helpers/provider.js';

type Rule = 'public' | { roles: readonly Role[]; touchesChild: boolean };
const signedIn: Rule = { roles, touchesChild: false };
const administrators: Rule = { roles: ['administrator'], touchesChild: false };
const readers = { roles: ['practitioner', 'management-team'], touchesChild: true } satisfies Rule;
const dataTeam: Rule = { roles: ['data-team'], touchesChild: false };
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
  'GET /v1/authorities': { roles: ['administrator', 'data-team'], touchesChild: false },
  'POST /v1/authorities/:code/go-live': administrators,
  'GET /v1/users': administrators,
  'POST /v1/users': administrators,
  'PATCH /v1/users/:userId': administrators,
  'POST /v1/users/:userId/approval': administrators,
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
  'PUT /v1/children/:childId/archive': managers,
  'DELETE /v1/children/:childId/archive': managers,
  'PUT /v1/children/:childId/dispute': managers,
  'DELETE /v1/children/:childId/dispute': managers,
  'POST /v1/children/:childId/subject-access': managers,
  'PUT /v1/authorities/:code/contact': { roles: ['management-team', 'administrator'], touchesChild: false },
  'PUT /v1/children/:childId/shield': managers,
  'DELETE /v1/children/:childId/shield': managers,
  'GET /v1/children/:childId/accesses': { roles: ['management-team', 'auditor'], touchesChild: true },
  'GET /v1/audit/events': { roles: ['auditor'], touchesChild: true },
  'GET /v1/audit/verification': { roles: ['auditor'], touchesChild: false },
  'GET /v1/children/:childId/shield/household': managers,
  'POST /v1/children/:childId/shield-override': managers,
  'GET /v1/shields/reviews': managers,
  'GET /v1/shields/overrides': managers,
  'GET /v1/index/health': dataTeam,
  'GET /v1/index/reconciliations': dataTeam,
  'GET /v1/index/reconciliations/:reconciliationId': dataTeam,
  'POST /v1/index/reconciliations': dataTeam,
  'GET /v1/index/dead-letters': dataTeam,
  'POST /v1/index/dead-letters/retry': dataTeam,
  'POST /v1/index/rebuilds': dataTeam,
  'GET /v1/index/rebuilds': dataTeam,
  'GET /v1/index/rebuilds/:rebuildId': dataTeam,
  'DELETE /v1/index/rebuilds/:rebuildId': dataTeam,
  'POST /v1/index/rebuilds/:rebuildId/rollback': dataTeam,
  'POST /v1/verifications': { roles: ['call-centre'], touchesChild: true },
};

/** A call that is let in and does what the route is for. Each walk has a child of its own. */
interface Walk {
  who: TestCaller;
  /** Of the child's authority. */
  manager: TestCaller;
  child: { url: string; childId: string; number: string; givenNames: string; familyName: string };
  /** With the present version of the child. */
  send(
    as: TestCaller,
    method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE',
    url: string,
    body?: object,
  ): Promise<Answer>;
  /** The verification of a practitioner by who walks, where that is an operator of the call centre. */
  mediation: { onBehalfOf?: string };
}
type Example = (walk: Walk) => Promise<Answer>;

const service = { kind: 'other', name: 'Youth club' };
const sensitive = { kind: 'mental-health', basis: 'consent' };
const involvement = { role: 'social-worker' };
const homeOf = { kind: 'home', line1: '4 Mill Lane', town: 'Leeds', postcode: 'LS8 4NW' };

/** A name that nobody else has. */
const word = () => `X${[...randomBytes(12)].map((byte) => 'bcdfghjklmnpqrstvw'[byte % 18]).join('')}`;

/** Adds a part as the one who may, and calls the route on it as the one who walks. */
const onPart =
  (
    part: string,
    idName: string,
    body: object,
    call: (walk: Walk, url: string) => Promise<Answer>,
    own = false,
  ): Example =>
  async (walk) => {
    const { send, child, manager, who } = walk;
    const { body: record } = await send(own ? who : manager, 'POST', `${child.url}/${part}`, body);
    return call(walk, `${child.url}/${part}/${record[part].at(-1)[idName]}`);
  };
const asWalker =
  (method: 'PATCH' | 'DELETE', body?: object, suffix = '') =>
  ({ send, who }: Walk, url: string) =>
    send(who, method, url + suffix, body);
/** Becomes holder by an involvement of their own. */
const hold =
  (path: string): Example =>
  async ({ send, who, child }) => {
    const { body } = await send(who, 'POST', `${child.url}/involvements`, involvement);
    return send(who, 'PUT', `${child.url}/${path}`, { involvementId: body.involvements.at(-1).involvementId });
  };
const letGo =
  (path: string): Example =>
  async (walk) => {
    await hold(path)(walk);
    return walk.send(walk.who, 'DELETE', `${walk.child.url}/${path}`);
  };
const shield = ({ send, manager, child }: Walk) =>
  send(manager, 'PUT', `${child.url}/shield`, { reason: 'refuge', decisions: [] });

/** For each route that touches a child. A route that is new needs one here, or its test fails. */
const examples: Record<string, Example> = {
  'POST /v1/children/search': ({ send, who, mediation, child: { givenNames, familyName } }) =>
    send(who, 'POST', '/v1/children/search', { givenNames, familyName, ...mediation }),
  'POST /v1/children/lookup': ({ send, who, child }) =>
    send(who, 'POST', '/v1/children/lookup', { number: child.number }),
  'GET /v1/children/:childId': ({ send, who, child }) => send(who, 'GET', child.url),
  'POST /v1/children': ({ send, who }) =>
    send(who, 'POST', '/v1/children', { givenNames: word(), familyName: word(), dateOfBirth: bornYearsAgo(9) }),
  'PATCH /v1/children/:childId': ({ send, who, child }) => send(who, 'PATCH', child.url, { gender: 'other' }),
  'POST /v1/children/:childId/addresses': ({ send, who, child }) => send(who, 'POST', `${child.url}/addresses`, homeOf),
  'PATCH /v1/children/:childId/addresses/:addressId': onPart(
    'addresses',
    'addressId',
    homeOf,
    asWalker('PATCH', { kind: 'former' }),
  ),
  'DELETE /v1/children/:childId/addresses/:addressId': onPart('addresses', 'addressId', homeOf, asWalker('DELETE')),
  'POST /v1/children/:childId/names': ({ send, who, child }) =>
    send(who, 'POST', `${child.url}/names`, { kind: 'birth', familyName: word() }),
  'PATCH /v1/children/:childId/names/:nameId': onPart(
    'names',
    'nameId',
    { kind: 'birth', familyName: word() },
    asWalker('PATCH', { kind: 'former' }),
  ),
  'DELETE /v1/children/:childId/names/:nameId': onPart(
    'names',
    'nameId',
    { kind: 'birth', familyName: word() },
    asWalker('DELETE'),
  ),
  'POST /v1/children/:childId/parents': ({ send, who, child }) =>
    send(who, 'POST', `${child.url}/parents`, { name: 'Jo Lee' }),
  'PATCH /v1/children/:childId/parents/:parentId': onPart(
    'parents',
    'parentId',
    { name: 'Jo Lee' },
    asWalker('PATCH', { name: 'Jo Leigh' }),
  ),
  'DELETE /v1/children/:childId/parents/:parentId': onPart(
    'parents',
    'parentId',
    { name: 'Jo Lee' },
    asWalker('DELETE'),
  ),
  'POST /v1/children/:childId/services': ({ send, who, child }) => send(who, 'POST', `${child.url}/services`, service),
  'PATCH /v1/children/:childId/services/:serviceId': onPart(
    'services',
    'serviceId',
    service,
    asWalker('PATCH', { name: 'Scouts' }),
  ),
  'DELETE /v1/children/:childId/services/:serviceId': onPart('services', 'serviceId', service, asWalker('DELETE')),
  'DELETE /v1/children/:childId/services/:serviceId/consent': onPart(
    'services',
    'serviceId',
    { ...service, sensitive },
    asWalker('DELETE', undefined, '/consent'),
  ),
  'POST /v1/children/:childId/involvements': ({ send, who, child }) =>
    send(who, 'POST', `${child.url}/involvements`, involvement),
  'PATCH /v1/children/:childId/involvements/:involvementId': onPart(
    'involvements',
    'involvementId',
    involvement,
    asWalker('PATCH', { role: 'teacher' }),
    true,
  ),
  'DELETE /v1/children/:childId/involvements/:involvementId': onPart(
    'involvements',
    'involvementId',
    involvement,
    asWalker('DELETE'),
    true,
  ),
  'DELETE /v1/children/:childId/involvements/:involvementId/consent': onPart(
    'involvements',
    'involvementId',
    { ...involvement, sensitive },
    asWalker('DELETE', undefined, '/consent'),
    true,
  ),
  'PUT /v1/children/:childId/lead-professional': hold('lead-professional'),
  'DELETE /v1/children/:childId/lead-professional': letGo('lead-professional'),
  'PUT /v1/children/:childId/caf-indicator': hold('caf-indicator'),
  'DELETE /v1/children/:childId/caf-indicator': letGo('caf-indicator'),
  'PUT /v1/children/:childId/consent-to-25': ({ send, who, child }) => send(who, 'PUT', `${child.url}/consent-to-25`),
  'DELETE /v1/children/:childId/consent-to-25': async ({ send, who, child }) => {
    await send(who, 'PUT', `${child.url}/consent-to-25`);
    return send(who, 'DELETE', `${child.url}/consent-to-25`);
  },
  'PUT /v1/children/:childId/shield': (walk) => shield({ ...walk, manager: walk.who }),
  'DELETE /v1/children/:childId/shield': async (walk) => {
    await shield(walk);
    return walk.send(walk.who, 'DELETE', `${walk.child.url}/shield`, { show: [] });
  },
  'GET /v1/children/:childId/accesses': ({ send, who, child }) => send(who, 'GET', `${child.url}/accesses`),
  'GET /v1/audit/events': ({ send, who, child }) => send(who, 'GET', `/v1/audit/events?child=${child.childId}`),
  'GET /v1/children/:childId/shield/household': ({ send, who, child }) =>
    send(who, 'GET', `${child.url}/shield/household`),
  'POST /v1/children/:childId/shield-override': async (walk) => {
    await shield(walk);
    return walk.send(walk.who, 'POST', `${walk.child.url}/shield-override`, { reason: 'missing-child' });
  },
  'GET /v1/shields/reviews': ({ send, who }) => send(who, 'GET', '/v1/shields/reviews'),
  'GET /v1/shields/overrides': ({ send, who }) => send(who, 'GET', '/v1/shields/overrides'),
  'PUT /v1/children/:childId/archive': ({ send, who, child }) => send(who, 'PUT', `${child.url}/archive`, {}),
  'DELETE /v1/children/:childId/archive': async ({ send, who, child }) => {
    await send(who, 'PUT', `${child.url}/archive`, {});
    return send(who, 'DELETE', `${child.url}/archive`);
  },
  'PUT /v1/children/:childId/dispute': ({ send, who, child }) =>
    send(who, 'PUT', `${child.url}/dispute`, { parts: ['names'] }),
  'DELETE /v1/children/:childId/dispute': async ({ send, who, child }) => {
    await send(who, 'PUT', `${child.url}/dispute`, { parts: ['names'] });
    return send(who, 'DELETE', `${child.url}/dispute`);
  },
  'POST /v1/children/:childId/subject-access': ({ send, who, child }) =>
    send(who, 'POST', `${child.url}/subject-access`, { requestedBy: 'child' }),
  'POST /v1/verifications': ({ send, who, child: { childId, givenNames } }) =>
    send(who, 'POST', '/v1/verifications', { subject: 'child', childId, claims: { givenNames } }),
};

t.test('every route lets in whom it should and nobody else', async (t) => {
  const provider = await startProvider(t);
  const key = await provider.addKey('key');
  const { app, caller, config } = await openDirectory(t, { env: provider.env });
  let walked = 0;

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

  /** Tokens of a session and an account that are good, were it not for the role that they claim. */
  const tokensWithoutRole = async (role: Role): Promise<Record<string, string>> => {
    const { headers, userId } = await caller(role);
    const [, body = ''] = headers.authorization.split('.');
    const text = Buffer.from(body, 'base64url').toString();
    const claims = JSON.parse(text);
    const own = (payload: string) => {
      const input = [JSON.stringify({ alg: 'HS256', typ: 'JWT' }), payload]
        .map((part) => Buffer.from(part).toString('base64url'))
        .join('.');
      return `${input}.${createHmac('sha256', config.secrets.jwt).update(input).digest('base64url')}`;
    };
    const theirs = (changes: object) => {
      const { AUTH_ISSUER: iss, AUTH_AUDIENCE: aud } = provider.env;
      return key.sign({ iss, aud, sub: userId, role, iat: claims.iat, exp: claims.exp, ...changes });
    };
    const { role: _, ...without } = claims;
    return {
      'no role': own(JSON.stringify(without)),
      'an empty role': own(JSON.stringify({ ...claims, role: '' })),
      'an unknown role': own(JSON.stringify({ ...claims, role: 'superuser' })),
      'a role twice in a list': own(JSON.stringify({ ...claims, role: [role, role] })),
      'a role twice': own(text.replace('{', `{"role":"${role}",`)),
      'no role of the provider': await theirs({ role: undefined }),
      'an empty role of the provider': await theirs({ role: '' }),
      'an unknown role of the provider': await theirs({ role: 'superuser' }),
      'two roles of the provider': await theirs({ role: [role, 'auditor'] }),
    };
  };

  for (const [route, rule] of Object.entries(expected)) {
    const [method = '', pattern = ''] = route.split(' ');
    const call = async (headers: Record<string, string>) => {
      const url = pattern.replace(/:\w+/g, () => randomUUID());
      // A field that no route knows: whoever is let in is told so, and nothing is done.
      const body = method === 'GET' || method === 'DELETE' ? {} : { payload: { unheardOf: true } };
      const reply = await app.inject({ method: method as 'GET', url, headers, ...body });
      walked += 1;
      return {
        status: reply.statusCode,
        code: /json/.test(String(reply.headers['content-type'])) && reply.body ? reply.json().code : undefined,
      };
    };

    t.test(route, async (t) => {
      if (rule === 'public') {
        for (const headers of [{}, ...(await Promise.all(roles.map(async (role) => (await caller(role)).headers)))]) {
          const { status } = await call(headers);
          t.notOk(status === 401 || status === 403 || status >= 500, `everybody is let in (${status})`);
        }
        return;
      }
      t.match(await call({}), { status: 401, code: 'unauthenticated' }, 'without a token');
      for (const [name, token] of Object.entries(await tokensWithoutRole(rule.roles[0]!))) {
        const headers = { authorization: `Bearer ${token}`, 'x-access-reason': 'direct-work' };
        t.match(await call(headers), { status: 401, code: 'unauthenticated' }, `${name} gets nothing`);
      }
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

  t.test('the count', async (t) => {
    const of = Object.keys(expected).length;
    t.comment(`${of} routes × ${roles.length} roles = ${of * roles.length}, ${walked} calls`);
    t.equal(
      of,
      new Set(app.routeAccess.filter(({ url }) => !url.startsWith('/docs')).map(({ method, url }) => method + url))
        .size,
    );
  });
});

t.test('whatever touches a child leaves its audit row before the answer', async (t) => {
  const directory = await openChildren(t);
  const { owner, caller, add, call, index } = directory;
  await index();
  const manager = await caller('management-team', { mayOverrideShields: true });
  const callers = Object.fromEntries(
    await Promise.all(
      roles.map(async (role) => [role, role === 'management-team' ? manager : await caller(role)] as const),
    ),
  ) as Record<Role, TestCaller>;
  const farManager = await caller('management-team', { authority: 'Southmoor' });
  let answered = 0;

  for (const [route, rule] of Object.entries(expected)) {
    if (rule === 'public' || !rule.touchesChild) continue;
    t.test(route, async (t) => {
      const example = examples[route];
      if (!example) return void t.fail('has no example: add one to the table above');
      for (const role of rule.roles) {
        const parts = { givenNames: word(), familyName: word(), dateOfBirth: bornYearsAgo(10) };
        // A shield is looked past from another authority.
        const far = route.endsWith('/shield-override');
        const [added] = await add([{ ...parts, authority: far ? 'Southmoor' : 'Northvale' }]);
        const theirs = far ? farManager : manager;
        const child = { ...added!, ...parts, url: `/v1/children/${added!.childId}` };
        const send: Walk['send'] = async (as, method, url, body) => {
          const changes = method !== 'GET' && url.startsWith(child.url);
          const { headers } = changes ? await call(theirs, 'GET', child.url) : { headers: {} as Answer['headers'] };
          return call(as, method, url, body, headers.etag ? { 'if-match': String(headers.etag) } : {});
        };
        const mediation = role === 'call-centre' ? { onBehalfOf: randomUUID() } : {};
        if (mediation.onBehalfOf) {
          const [operator, practitioner] = [callers['call-centre'].userId, callers.practitioner.userId];
          await owner
            .insertInto('practitioner_verifications')
            .values({ id: mediation.onBehalfOf, operator_id: operator, practitioner_id: practitioner })
            .execute();
        }
        const { status, headers, body } = await example({
          who: callers[role],
          manager: theirs,
          child,
          send,
          mediation,
        });
        t.ok(
          status >= 200 && status < 300,
          `a ${role} gets an answer (${status} ${JSON.stringify(body?.errors ?? body?.detail ?? '')})`,
        );
        const events = await owner
          .selectFrom('audit_events')
          .select(['user_id', 'role', 'reason', 'child_ids'])
          .where('request_id', '=', String(headers['x-request-id']))
          .execute();
        t.match(events, [{ user_id: callers[role].userId, role, reason: 'direct-work' }], 'and the log has it');
        if (route.includes(':childId')) {
          t.ok(
            events.some(({ child_ids }) => child_ids.includes(child.childId)),
            'under the child',
          );
        }
        answered += 1;
      }
    });
  }

  t.test('the count', async (t) => {
    t.comment(`${Object.keys(examples).length} routes that touch a child, ${answered} calls by who may`);
    const touching = Object.entries(expected).filter(([, rule]) => rule !== 'public' && rule.touchesChild);
    t.strictSame(Object.keys(examples).sort(), touching.map(([route]) => route).sort());
  });
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
