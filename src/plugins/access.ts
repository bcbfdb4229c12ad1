import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Access, type AccessReason, accessReasons, type Caller } from '../caller.js';
import type { Context } from '../context.js';
import { type Role, roles } from '../db/schema.js';
import { findSessionAccount, findSubjectAccount } from '../db/sessions.js';
import { DirectoryError, notLive } from '../errors.js';
import { type Claims, readAccessToken, unauthenticated } from './access-tokens.js';
import { CLOCK_TOLERANCE_SECONDS, type ProviderClaims } from './provider-tokens.js';

/** Who may call a route. `touchesChild`: only with a stated reason. */
export type AccessRule = 'public' | { roles: readonly Role[]; touchesChild?: boolean };

/** Whoever is signed in. */
export const everyone: AccessRule = { roles };

export interface RouteAccess {
  method: string;
  url: string;
  access: AccessRule;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: AccessRule;
  }
  interface FastifyInstance {
    /** Every route with its rule, in the order of registration. */
    routeAccess: RouteAccess[];
  }
  interface FastifyRequest {
    /** Who asks. Throws on a public route, so that nobody is ever taken for somebody. */
    caller: Caller;
    /** Who asks and why. Throws on a route that does not say `touchesChild`. */
    access: Access;
  }
}

/**
 * No route without a rule, no request past its rule. Runs before the body is read, so that nobody learns from a
 * validation error what a route takes that they may not call.
 */
export function guardRoutes(app: FastifyInstance, context: Context): void {
  const callers = new WeakMap<FastifyRequest, Caller>();
  const reasons = new WeakMap<FastifyRequest, AccessReason>();

  app.decorate('routeAccess', []);
  app.decorateRequest('caller', {
    getter(this: FastifyRequest) {
      return known(callers.get(this), 'caller');
    },
  });
  app.decorateRequest('access', {
    getter(this: FastifyRequest) {
      return { caller: this.caller, reason: known(reasons.get(this), 'reason'), requestId: this.id };
    },
  });

  app.addHook('onRoute', (route) => {
    const rule = route.config?.access;
    if (!isRule(rule))
      throw new Error(`${String(route.method)} ${route.url} does not say who may call it: config.access`);
    for (const method of [route.method].flat()) app.routeAccess.push({ method, url: route.url, access: rule });
  });

  app.addHook('onRequest', async (request) => {
    if (request.is404) return;
    const rule = request.routeOptions.config.access;
    if (rule === 'public') return;
    if (!isRule(rule)) throw new DirectoryError('forbidden', 'Nobody may do this');
    const caller = await identify(app, context, request);
    if (!rule.roles.includes(caller.role))
      throw new DirectoryError('forbidden', `The role ${caller.role} may not do this`);
    callers.set(request, caller);
    if (rule.touchesChild) reasons.set(request, statedReason(request));
  });
}

function isRule(rule: AccessRule | undefined): rule is AccessRule {
  return rule === 'public' || (Array.isArray(rule?.roles) && rule.roles.length > 0);
}

function known<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`This route has no ${what}: its access rule does not ask for one`);
  return value;
}

/** The token says who the caller claims to be; role and authority are what the database says at this moment. */
async function identify(app: FastifyInstance, context: Context, request: FastifyRequest): Promise<Caller> {
  const token = await readAccessToken(app, request);
  return 'own' in token ? ofSession(context, token.own) : ofProvider(context, token.provider);
}

async function ofSession(context: Context, claims: Claims): Promise<Caller> {
  const account = await findSessionAccount(context.db, claims.jti, claims.sub);
  if (!account) throw unauthenticated('The session has ended, or the account may not be used');
  const { role, organisationId, authority } = account;
  if (claims.role !== role || claims.org !== organisationId || claims.authority !== authority) {
    throw unauthenticated('The account has changed since the access token was made: sign in again');
  }
  return { ...account, sessionId: claims.jti };
}

/** Of the organisation the provider has its own idea; of the authority it may be silent, but not say another. */
async function ofProvider(context: Context, { subject, role, authority, issuedAt }: ProviderClaims): Promise<Caller> {
  const account = await findSubjectAccount(context.db, subject, issuedAt, CLOCK_TOLERANCE_SECONDS);
  if (!account) throw unauthenticated('No account here is for this token, or it may not be used');
  if (role !== account.role || (authority !== undefined && authority !== account.authority)) {
    throw unauthenticated('The account has another role or authority than the access token says');
  }
  if (!account.live) throw notLive();
  const { live, ...caller } = account;
  return { ...caller, sessionId: null };
}

function statedReason(request: FastifyRequest): AccessReason {
  const stated = request.headers['x-access-reason'];
  const reason = accessReasons.find((one) => one === stated);
  if (!reason) {
    throw new DirectoryError(
      'reason-required',
      `Say why in the header X-Access-Reason, once: ${accessReasons.join(', ')}`,
    );
  }
  return reason;
}
