import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Context } from '../context.js';
import {
  deadLetterPageSchema,
  deadLetterQuery,
  indexHealthSchema,
  reconciliationAcceptedSchema,
  reconciliationListSchema,
  reconciliationParams,
  reconciliationRequestSchema,
  reconciliationSchema,
  retriedSchema,
  retryRequestSchema,
} from '../schemas/index-health.js';
import { readDeadLetters, retryDeadLettersAs } from '../services/index/dead-letters.js';
import { createHealthReader } from '../services/index/health.js';
import { observeIndex } from '../services/index/metrics.js';
import { readReconciliation, readReconciliations, requestReconciliationAs } from '../services/index/reconciliations.js';

const config = { access: { roles: ['data-team'] } } as const;
const tags = ['Index'];

/** Whether the index tells the truth, and what was done where it did not. */
export const indexHealthRoutes =
  (context: Context): FastifyPluginAsyncTypebox =>
  async (app) => {
    const health = createHealthReader(context);
    app.addHook('onClose', () => health.close());
    observeIndex(context.metrics, health);

    app.get(
      '/v1/index/health',
      { config, schema: { tags, summary: 'Health of the index', response: { 200: indexHealthSchema } } },
      () => health.read(),
    );

    app.post(
      '/v1/index/reconciliations',
      {
        config,
        schema: {
          tags,
          summary: 'Compare the index with PostgreSQL, and repair it',
          body: reconciliationRequestSchema,
          response: { 202: reconciliationAcceptedSchema },
        },
      },
      async (request, reply) => {
        const deep = request.body?.deep ?? false;
        return reply.code(202).send(await requestReconciliationAs(context, request.caller, request.id, deep));
      },
    );

    app.get(
      '/v1/index/reconciliations',
      {
        config,
        schema: { tags, summary: 'The latest checks of the index', response: { 200: reconciliationListSchema } },
      },
      () => readReconciliations(context),
    );

    app.get(
      '/v1/index/reconciliations/:reconciliationId',
      {
        config,
        schema: {
          tags,
          summary: 'One check of the index',
          params: reconciliationParams,
          response: { 200: reconciliationSchema },
        },
      },
      (request) => readReconciliation(context, request.params.reconciliationId),
    );

    app.get(
      '/v1/index/dead-letters',
      {
        config,
        schema: {
          tags,
          summary: 'Documents that the index refused for good',
          querystring: deadLetterQuery,
          response: { 200: deadLetterPageSchema },
        },
      },
      (request) => readDeadLetters(context, request.query),
    );

    app.post(
      '/v1/index/dead-letters/retry',
      {
        config,
        schema: {
          tags,
          summary: 'Have the index asked again, for some or all of them',
          body: retryRequestSchema,
          response: { 202: retriedSchema },
        },
      },
      async (request, reply) =>
        reply.code(202).send(await retryDeadLettersAs(context, request.caller, request.id, request.body?.ids)),
    );
  };
