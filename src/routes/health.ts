import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { Context } from '../context.js';
import { mayReadMetrics } from '../metrics-token.js';
import { unauthenticated } from '../plugins/access-tokens.js';
import { checkReadiness, readinessSchema } from '../services/readiness.js';

export function healthRoutes(context: Context): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/health/live',
      {
        config: { access: 'public' },
        schema: { summary: 'The process runs', response: { 200: Type.Object({ status: Type.Literal('live') }) } },
      },
      async () => ({ status: 'live' as const }),
    );

    app.get(
      '/health/ready',
      {
        config: { access: 'public' },
        schema: {
          summary: 'Requests can be answered',
          description:
            'Needs PostgreSQL with its schema up to date. Without Elasticsearch the directory is ready, and degraded.',
          response: { 200: readinessSchema, 503: readinessSchema },
        },
      },
      async (_request, reply) => {
        const readiness = await checkReadiness(context);
        return reply.code(readiness.status === 'ready' ? 200 : 503).send(readiness);
      },
    );

    app.get(
      '/metrics',
      {
        config: { access: 'public' },
        schema: {
          summary: 'Measurements, for Prometheus',
          description: 'With the bearer token METRICS_TOKEN where one is set; in production not without.',
          response: { 200: { content: { 'text/plain': { schema: Type.String() } } } },
        },
      },
      async (request, reply) => {
        if (!mayReadMetrics(context.config, request.headers.authorization))
          throw unauthenticated('Measurements are told to whoever brings METRICS_TOKEN as a bearer token');
        return reply.type(context.metrics.contentType).send(await context.metrics.metrics());
      },
    );
  };
}
