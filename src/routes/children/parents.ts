import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Context } from '../../context.js';
import { childParams, newParentSchema, parentChangeSchema, parentParams } from '../../schemas/child.js';
import { addParent, changeParent, removeParent } from '../../services/parts/parents.js';
import { expectedVersion, sendRecord } from '../versions.js';
import { addition, change, managers, tags } from './common.js';

/** Parents and carers. */
export const parentRoutes =
  (context: Context): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.post(
      '/v1/children/:childId/parents',
      {
        config: { access: managers },
        schema: { tags, summary: 'Add a parent or carer', params: childParams, body: newParentSchema, ...addition },
      },
      async (request, reply) => {
        const { access, body, headers, params } = request;
        const key = headers['idempotency-key'];
        const added = await addParent(context, access, params.childId, expectedVersion(request), body, key);
        return sendRecord(reply.code(201), added);
      },
    );

    app.patch(
      '/v1/children/:childId/parents/:parentId',
      {
        config: { access: managers },
        schema: {
          tags,
          summary: 'Correct a parent or carer',
          params: parentParams,
          body: parentChangeSchema,
          ...change,
        },
      },
      async (request, reply) => {
        const { access, body, params } = request;
        const version = expectedVersion(request);
        return sendRecord(reply, await changeParent(context, access, params.childId, version, params.parentId, body));
      },
    );

    app.delete(
      '/v1/children/:childId/parents/:parentId',
      {
        config: { access: managers },
        schema: { tags, summary: 'Remove a parent or carer', params: parentParams, ...change },
      },
      async (request, reply) => {
        const { access, params } = request;
        return sendRecord(
          reply,
          await removeParent(context, access, params.childId, expectedVersion(request), params.parentId),
        );
      },
    );
  };
