import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Context } from '../../context.js';
import { childParams } from '../../schemas/child.js';
import { holderRequestSchema } from '../../schemas/work.js';
import { giveUp, takeOn } from '../../services/parts/lead-and-caf.js';
import { expectedVersion, sendRecord } from '../versions.js';
import { change, readers, tags } from './common.js';

/** That a common assessment exists and who holds it; never the assessment. */
export const cafIndicatorRoutes =
  (context: Context): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.put(
      '/v1/children/:childId/caf-indicator',
      {
        config: { access: readers },
        schema: {
          tags,
          summary: 'Record who holds a common assessment',
          params: childParams,
          body: holderRequestSchema,
          ...change,
        },
      },
      async (request, reply) => {
        const { access, body, params } = request;
        const version = expectedVersion(request);
        return sendRecord(reply, await takeOn(context, access, params.childId, version, 'caf-indicator', body));
      },
    );

    app.delete(
      '/v1/children/:childId/caf-indicator',
      {
        config: { access: readers },
        schema: { tags, summary: 'Take back that a common assessment exists', params: childParams, ...change },
      },
      async (request, reply) => {
        const { access, params } = request;
        return sendRecord(
          reply,
          await giveUp(context, access, params.childId, expectedVersion(request), 'caf-indicator'),
        );
      },
    );
  };
