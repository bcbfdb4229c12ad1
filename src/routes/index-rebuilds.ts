import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { Context } from '../context.js';
import type { AccessRule } from '../plugins/access.js';
import { nothingSchema } from '../schemas/common.js';
import { rebuildListSchema, rebuildParams, rebuildSchema, rebuildStartedSchema } from '../schemas/index-rebuilds.js';
import {
  readRebuild,
  readRebuilds,
  requestCancellation,
  requestRebuild,
  requestRollback,
} from '../services/index/rebuilds.js';

const tags = ['Index'];
const access: AccessRule = { roles: ['data-team'] };

/** Rebuilding the index beside live traffic. */
export const indexRebuildRoutes =
  ({ db }: Context): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.post(
      '/v1/index/rebuilds',
      {
        config: { access, refusals: ['conflict'] },
        schema: {
          tags,
          summary: 'Rebuild the index from PostgreSQL, by the newest mapping',
          description: '409 while one runs. Searches go on; no change made meanwhile is lost.',
          body: nothingSchema,
          response: { 202: rebuildStartedSchema },
        },
      },
      async (request, reply) =>
        reply.code(202).send(await requestRebuild(db, { caller: request.caller, requestId: request.id })),
    );

    app.get(
      '/v1/index/rebuilds',
      {
        config: { access },
        schema: { tags, summary: 'Rebuilds so far', response: { 200: rebuildListSchema } },
      },
      () => readRebuilds(db),
    );

    app.get(
      '/v1/index/rebuilds/:rebuildId',
      {
        config: { access },
        schema: {
          tags,
          summary: 'How far a rebuild is, or how it ended',
          params: rebuildParams,
          response: { 200: rebuildSchema },
        },
      },
      (request) => readRebuild(db, request.params.rebuildId),
    );

    app.delete(
      '/v1/index/rebuilds/:rebuildId',
      {
        config: { access, refusals: ['conflict'] },
        schema: {
          tags,
          summary: 'Cancel a rebuild',
          description: 'The index in use stays as it is. 409 once the rebuild has ended or is about to go live.',
          params: rebuildParams,
          response: { 204: Type.Null() },
        },
      },
      async (request, reply) => {
        await requestCancellation(db, { caller: request.caller, requestId: request.id }, request.params.rebuildId);
        return reply.code(204).send(null);
      },
    );

    app.post(
      '/v1/index/rebuilds/:rebuildId/rollback',
      {
        config: { access, refusals: ['conflict'] },
        schema: {
          tags,
          summary: 'Search the index before that rebuild again',
          description:
            'What has changed since is brought into it first; this is a rebuild of its own, to be watched by its id.',
          params: rebuildParams,
          body: nothingSchema,
          response: { 202: rebuildStartedSchema },
        },
      },
      async (request, reply) =>
        reply
          .code(202)
          .send(await requestRollback(db, { caller: request.caller, requestId: request.id }, request.params.rebuildId)),
    );
  };
