import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyContextConfig, FastifyInstance, FastifySchema } from 'fastify';
import { Type } from 'typebox';
import { accessReasons } from '../caller.js';
import { type ErrorCode, statusOf } from '../errors.js';
import { nothingSchema, problemSchema } from '../schemas/common.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Codes that the OpenAPI description cannot know by the route's access, input and headers. */
    refusals?: readonly ErrorCode[];
  }
}

const PREFIX = '/docs';

/** OpenAPI 3.1 from the routes' own schemas. What every guarded route has in common is written in here, not at each route. */
export async function describeApi(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Child directory',
        version: '1',
        description:
          'Who is this child, and who else is working with them? All errors are RFC 9457 problems with a stable `code`. ' +
          'No text holds NUL. A method that is not described is 405 with `Allow`.',
      },
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
    },
    transform: ({ schema, url, route }) => ({ url, schema: complete(schema ?? {}, route.config ?? {}) }),
    transformObject: (document) => {
      if (!('openapiObject' in document)) return document.swaggerObject;
      relaxBodies((document.openapiObject.paths ?? {}) as Parameters<typeof relaxBodies>[0]);
      return document.openapiObject;
    },
  });
  // The pages' own routes come from a library and can't state a rule themselves.
  app.addHook('onRoute', (route) => {
    if (route.url === PREFIX || route.url.startsWith(`${PREFIX}/`))
      route.config = { ...route.config, access: 'public' };
  });
}

/** To be called after every route is there. */
export async function serveApiDocs(app: FastifyInstance): Promise<void> {
  await app.register(swaggerUi, {
    routePrefix: PREFIX,
    staticCSP: {
      'default-src': "'self'",
      'img-src': "'self' data:",
      'style-src': "'self' 'unsafe-inline'",
      'object-src': "'none'",
      'frame-ancestors': "'none'",
    },
  });
}

/** Of an OpenAPI document what is read here. */
interface DescribedOperation {
  requestBody?: { required?: boolean; content: Record<string, { schema?: { anyOf?: { type?: unknown }[] } }> };
}

/** A body that may be null need not be sent; the library calls every body required. */
function relaxBodies(paths: Record<string, Record<string, DescribedOperation>>): void {
  for (const { requestBody } of Object.values(paths).flatMap((operations) => Object.values(operations))) {
    const schema = requestBody?.content['application/json']?.schema;
    if (requestBody && schema?.anyOf?.some(({ type }) => type === 'null')) requestBody.required = false;
  }
}

const reasonHeader = Type.Enum([...accessReasons], { description: 'Why the record is touched; audited' });

function complete(schema: FastifySchema, { access, rateLimited, refusals }: FastifyContextConfig): FastifySchema {
  const headers = headersOf(schema);
  const codes: ErrorCode[] = [...(refusals ?? []), 'internal', 'unavailable'];
  if (access !== 'public') codes.push('unauthenticated', 'forbidden');
  if (access !== 'public' && access?.touchesChild) {
    codes.push('reason-required');
    headers['x-access-reason'] = reasonHeader;
  }
  if (schema.body || schema.params || schema.querystring) codes.push('invalid-request');
  if (schema.params) codes.push('not-found');
  if (schema.body) codes.push('payload-too-large', 'unsupported-media-type');
  if (headers['if-match']) {
    codes.push('version-required', 'stale-version');
    headers['if-match'] = { ...(headers['if-match'] as object), pattern: '^"[0-9]{1,15}"$' };
  }
  if (headers['if-match'] || headers['idempotency-key']) codes.push('conflict', 'not-a-child');
  if (rateLimited) codes.push('rate-limited');
  const { body, ...rest } = schema;
  return {
    ...rest,
    // One that may only be empty need not be there.
    ...(body && body !== nothingSchema ? { body } : {}),
    // A role is written where OAuth would have a scope (OpenAPI 3.1, Security Requirement Object).
    ...(access !== 'public' ? { security: [{ bearer: access?.roles ?? [] }] } : {}),
    ...(Object.keys(headers).length > 0 ? { headers: describeHeaders(headers) } : {}),
    response: { ...problemsOf(codes), ...(schema.response as object | undefined) },
  };
}

function headersOf(schema: FastifySchema): Record<string, unknown> {
  return { ...(schema.headers as { properties?: Record<string, unknown> } | undefined)?.properties };
}

/** If-Match is optional and of any form to the validator alone: the route answers what is wrong with it by codes of its own. */
function describeHeaders(properties: Record<string, unknown>): object {
  const required = Object.keys(properties).filter((name) => name !== 'idempotency-key');
  return { type: 'object', properties, required };
}

const content = { 'application/problem+json': { schema: problemSchema } };
const text = Type.String();
const problemHeaders: Record<number, Record<string, unknown>> = {
  401: { 'WWW-Authenticate': { ...text, description: 'Bearer' } },
  429: { 'Retry-After': { ...text, description: 'Seconds' } },
  503: { 'Retry-After': { ...text, description: 'Seconds' } },
};

/** Each status with the codes that it stands for. None is left to a default, so that one that is not foreseen is noticed. */
function problemsOf(codes: ErrorCode[]): Record<number, object> {
  const problems: Record<number, object> = {};
  for (const status of new Set(codes.map((code) => statusOf[code]))) {
    const description = [...new Set(codes.filter((code) => statusOf[code] === status))].join(', ');
    const headers = problemHeaders[status];
    problems[status] = { description, ...(headers ? { headers } : {}), content };
  }
  return problems;
}
