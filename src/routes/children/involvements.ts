import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Context } from '../../context.js';
import { childParams } from '../../schemas/child.js';
import { involvementChangeSchema, involvementParams, newInvolvementSchema } from '../../schemas/work.js';
import { changeInvolvement, declareInvolvement, removeInvolvement } from '../../services/parts/involvements.js';
import { expectedVersion, sendRecord } from '../versions.js';
import { addition, change, readers, tags } from './common.js';

/** Practitioners' declared work with a child: each declares and ends their own. */
export const involvementRoutes =
  (context: Context): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.post(
      '/v1/children/:childId/involvements',
      {
        config: { access: readers },
        schema: {
          tags,
          summary: 'Declare an involvement; a sensitive one by consent or decision only',
          params: childParams,
          body: newInvolvementSchema,
          ...addition,
        },
      },
      async (request, reply) => {
        const { access, body, headers, params } = request;
        const key = headers['idempotency-key'];
        const added = await declareInvolvement(context, access, params.childId, expectedVersion(request), body, key);
        return sendRecord(reply.code(201), added);
      },
    );

    app.patch(
      '/v1/children/:childId/involvements/:involvementId',
      {
        config: { access: readers },
        schema: {
          tags,
          summary: 'Change or end an involvement',
          params: involvementParams,
          body: involvementChangeSchema,
          ...change,
        },
      },
      async (request, reply) => {
        const { access, body, params } = request;
        const version = expectedVersion(request);
        return sendRecord(
          reply,
          await changeInvolvement(context, access, params.childId, version, params.involvementId, body),
        );
      },
    );

    app.delete(
      '/v1/children/:childId/involvements/:involvementId',
      {
        config: { access: readers },
        schema: { tags, summary: 'Remove an involvement declared in error', params: involvementParams, ...change },
      },
      async (request, reply) => {
        const { access, params } = request;
        return sendRecord(
          reply,
          await removeInvolvement(context, access, params.childId, expectedVersion(request), params.involvementId),
        );
      },
    );

    app.delete(
      '/v1/children/:childId/involvements/:involvementId/consent',
      {
        config: { access: readers },
        schema: {
          tags,
          summary: 'Withdraw the consent to a sensitive involvement, which removes it',
          params: involvementParams,
          ...change,
        },
      },
      async (request, reply) => {
        const { access, params } = request;
        const version = expectedVersion(request);
        const withdrawn = { withdrawn: true };
        return sendRecord(
          reply,
          await removeInvolvement(context, access, params.childId, version, params.involvementId, withdrawn),
        );
      },
    );
  };
