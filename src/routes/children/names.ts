import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Context } from '../../context.js';
import { childParams, nameChangeSchema, nameParams, newNameSchema } from '../../schemas/child.js';
import { addName, changeName, removeName } from '../../services/parts/names.js';
import { expectedVersion, sendChanged, sendRecord } from '../versions.js';
import { addition, change, managers, queued, tags } from './common.js';

/** Birth, former and known-as names; the current one is corrected with the record. */
export const nameRoutes =
  (context: Context): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.post(
      '/v1/children/:childId/names',
      {
        config: { access: managers, rateLimited: true },
        schema: {
          tags,
          summary:
            'Add a birth, former or known-as name; queued for matching where the child would then resemble another',
          params: childParams,
          headers: addition.headers,
          body: newNameSchema,
          response: { ...addition.response, ...queued },
        },
      },
      async (request, reply) => {
        const { access, body, headers, params } = request;
        const key = headers['idempotency-key'];
        const added = await addName(context, access, params.childId, expectedVersion(request), body, key);
        return sendChanged(reply, added, 201);
      },
    );

    app.patch(
      '/v1/children/:childId/names/:nameId',
      {
        config: { access: managers, rateLimited: true },
        schema: {
          tags,
          summary: 'Correct a name that is not the current one',
          params: nameParams,
          headers: change.headers,
          body: nameChangeSchema,
          response: { ...change.response, ...queued },
        },
      },
      async (request, reply) => {
        const { access, body, params } = request;
        const version = expectedVersion(request);
        const changed = await changeName(context, access, params.childId, version, params.nameId, body);
        return sendChanged(reply, changed, 200);
      },
    );

    app.delete(
      '/v1/children/:childId/names/:nameId',
      {
        config: { access: managers },
        schema: { tags, summary: 'Remove a name recorded in error', params: nameParams, ...change },
      },
      async (request, reply) => {
        const { access, params } = request;
        return sendRecord(
          reply,
          await removeName(context, access, params.childId, expectedVersion(request), params.nameId),
        );
      },
    );
  };
