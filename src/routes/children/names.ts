import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Context } from '../../context.js';
import { childParams, nameChangeSchema, nameParams, newNameSchema } from '../../schemas/child.js';
import { addName, changeName, removeName } from '../../services/parts/names.js';
import { expectedVersion, sendRecord } from '../versions.js';
import { addition, change, managers, tags } from './common.js';

/** Birth, former and known-as names; the current one is corrected with the record. */
export const nameRoutes =
  (context: Context): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.post(
      '/v1/children/:childId/names',
      {
        config: { access: managers },
        schema: {
          tags,
          summary: 'Add a birth, former or known-as name',
          params: childParams,
          body: newNameSchema,
          ...addition,
        },
      },
      async (request, reply) => {
        const { access, body, headers, params } = request;
        const key = headers['idempotency-key'];
        const added = await addName(context, access, params.childId, expectedVersion(request), body, key);
        return sendRecord(reply.code(201), added);
      },
    );

    app.patch(
      '/v1/children/:childId/names/:nameId',
      {
        config: { access: managers },
        schema: {
          tags,
          summary: 'Correct a name that is not the current one',
          params: nameParams,
          body: nameChangeSchema,
          ...change,
        },
      },
      async (request, reply) => {
        const { access, body, params } = request;
        const version = expectedVersion(request);
        return sendRecord(reply, await changeName(context, access, params.childId, version, params.nameId, body));
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
