import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Context } from '../../context.js';
import { childParams, shieldSchema } from '../../schemas/child.js';
import { shieldChild, unshieldChild } from '../../services/change-child.js';
import { expectedVersion, sendRecord } from '../versions.js';
import { change, managers, tags } from './common.js';

/** The decision that a child's whereabouts must not be found. */
export const shieldRoutes =
  (context: Context): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.put(
      '/v1/children/:childId/shield',
      {
        config: { access: managers },
        schema: { tags, summary: 'Shield a child', params: childParams, body: shieldSchema, ...change },
      },
      async (request, reply) =>
        sendRecord(
          reply,
          await shieldChild(context, request.access, request.params.childId, expectedVersion(request), request.body),
        ),
    );

    app.delete(
      '/v1/children/:childId/shield',
      {
        config: { access: managers },
        schema: { tags, summary: 'Lift a shield', params: childParams, ...change },
      },
      async (request, reply) =>
        sendRecord(
          reply,
          await unshieldChild(context, request.access, request.params.childId, expectedVersion(request)),
        ),
    );
  };
