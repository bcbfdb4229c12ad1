import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance, FastifySchema } from 'fastify';
import { Type } from 'typebox';
import { accessReasons } from '../caller.js';
import { problemSchema } from '../schemas/common.js';
import type { AccessRule } from './access.js';

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
          'Who is this child, and who else is working with them? All errors are RFC 9457 problems with a stable `code`.',
      },
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
    },
    transform: ({ schema, url, route }) => ({ url, schema: complete(schema ?? {}, url, route.config?.access) }),
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

const problem = { content: { 'application/problem+json': { schema: problemSchema } } };
const reasonHeader = Type.Enum([...accessReasons], { description: 'Why the record is touched; audited' });

function complete(schema: FastifySchema, url: string, access: AccessRule | undefined): FastifySchema {
  const guarded = access !== 'public';
  const takesInput = Boolean(schema.body || schema.params || schema.querystring);
  const problems: Record<string, unknown> = {
    ...(takesInput ? { 400: { description: 'invalid-request', ...problem } } : {}),
    ...(guarded || url === '/v1/session' ? { 401: { description: 'unauthenticated', ...problem } } : {}),
    ...(guarded ? { 403: { description: 'forbidden, reason-required', ...problem } } : {}),
    ...(schema.params ? { 404: { description: 'not-found', ...problem } } : {}),
    ...(schema.body
      ? {
          413: { description: 'payload-too-large', ...problem },
          415: { description: 'unsupported-media-type', ...problem },
        }
      : {}),
    default: { description: 'internal, unavailable and whatever else goes wrong', ...problem },
  };
  const answers = (schema.response ?? {}) as Record<string, unknown>;
  return {
    ...schema,
    ...(guarded ? { security: [{ bearer: [] }] } : {}),
    ...(guarded && access?.touchesChild ? { headers: withReason(schema.headers) } : {}),
    response: { ...problems, ...answers },
  };
}

function withReason(headers: unknown): Type.TObject {
  const { properties = {} } = (headers ?? {}) as Partial<Type.TObject>;
  return Type.Object({ 'x-access-reason': reasonHeader, ...properties });
}
