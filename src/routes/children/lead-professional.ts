import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Context } from '../../context.js';
import { childParams } from '../../schemas/child.js';
import { holderRequestSchema } from '../../schemas/work.js';
import { giveUp, takeOn } from '../../services/parts/lead-and-caf.js';
import { expectedVersion, sendRecord } from '../versions.js';
import { change, readers, tags } from './common.js';

/** The practitioner who coordinates; one at a time. */
export const leadProfessionalRoutes =
  (context: Context): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.put(
      '/v1/children/:childId/lead-professional',
      {
        config: { access: readers },
        schema: {
          tags,
          summary: 'Become lead professional by an involvement',
          params: childParams,
          body: holderRequestSchema,
          ...change,
        },
      },
      async (request, reply) => {
        const { access, body, params } = request;
        const version = expectedVersion(request);
        return sendRecord(reply, await takeOn(context, access, params.childId, version, 'lead-professional', body));
      },
    );

    app.delete(
      '/v1/children/:childId/lead-professional',
      {
        config: { access: readers },
        schema: { tags, summary: 'Be lead professional no longer', params: childParams, ...change },
      },
      async (request, reply) => {
        const { access, params } = request;
        return sendRecord(
          reply,
          await giveUp(context, access, params.childId, expectedVersion(request), 'lead-professional'),
        );
      },
    );
  };
