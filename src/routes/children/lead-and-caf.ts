import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Context } from '../../context.js';
import { childParams } from '../../schemas/child.js';
import { holderRequestSchema } from '../../schemas/work.js';
import { giveUp, type Held, takeOn } from '../../services/parts/lead-and-caf.js';
import { expectedVersion, sendRecord } from '../versions.js';
import { change, readers, tags } from './common.js';

const summaries: Record<Held, { put: string; delete: string }> = {
  'lead-professional': { put: 'Become lead professional by an involvement', delete: 'Be lead professional no longer' },
  'caf-indicator': {
    put: 'Record who holds a common assessment',
    delete: 'Take back that a common assessment exists',
  },
};

/** The practitioner who coordinates, and who holds a common assessment (never the assessment): one each at a time. */
export const leadAndCafRoutes =
  (context: Context): FastifyPluginAsyncTypebox =>
  async (app) => {
    for (const what of ['lead-professional', 'caf-indicator'] as const) {
      app.put(
        `/v1/children/:childId/${what}`,
        {
          config: { access: readers },
          schema: { tags, summary: summaries[what].put, params: childParams, body: holderRequestSchema, ...change },
        },
        async (request, reply) => {
          const { access, body, params } = request;
          const version = expectedVersion(request);
          return sendRecord(reply, await takeOn(context, access, params.childId, version, what, body));
        },
      );

      app.delete(
        `/v1/children/:childId/${what}`,
        {
          config: { access: readers },
          schema: { tags, summary: summaries[what].delete, params: childParams, ...change },
        },
        async (request, reply) => {
          const { access, params } = request;
          return sendRecord(reply, await giveUp(context, access, params.childId, expectedVersion(request), what));
        },
      );
    }
  };
