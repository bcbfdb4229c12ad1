import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Context } from '../../context.js';
import { childParams } from '../../schemas/child.js';
import { nothingSchema } from '../../schemas/common.js';
import { recordConsentTo25 } from '../../services/parts/consent.js';
import { expectedVersion, sendRecord } from '../versions.js';
import { change, managers, tags } from './common.js';

/** The young person's agreement to stay in the directory to 25. */
export const consentTo25Routes =
  (context: Context): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.put(
      '/v1/children/:childId/consent-to-25',
      {
        config: { access: managers },
        schema: { tags, summary: 'Record the consent', params: childParams, body: nothingSchema, ...change },
      },
      async (request, reply) => {
        const { access, params } = request;
        return sendRecord(
          reply,
          await recordConsentTo25(context, access, params.childId, expectedVersion(request), true),
        );
      },
    );

    app.delete(
      '/v1/children/:childId/consent-to-25',
      {
        config: { access: managers },
        schema: { tags, summary: 'Withdraw the consent', params: childParams, ...change },
      },
      async (request, reply) => {
        const { access, params } = request;
        return sendRecord(
          reply,
          await recordConsentTo25(context, access, params.childId, expectedVersion(request), false),
        );
      },
    );
  };
