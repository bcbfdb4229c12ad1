import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { Context } from '../../context.js';
import { childChangeSchema, childParams, newChildSchema, numberSchema } from '../../schemas/child.js';
import { recordSchema } from '../../schemas/record.js';
import { correctChild } from '../../services/change-identity.js';
import { createChild } from '../../services/create-child.js';
import { lookUpNumber, readChild } from '../../services/read-child.js';
import { expectedVersion, sendChanged, sendRecord, versionHeaders } from '../versions.js';
import { change, idempotencyHeaders, managers, queued, readers, tags } from './common.js';

/** A record as a whole: read, added, corrected. */
export const recordRoutes =
  (context: Context): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.post(
      '/v1/children/lookup',
      {
        config: { access: readers, rateLimited: true, refusals: ['not-found'] },
        schema: {
          tags,
          summary: 'Read a record by its number',
          body: Type.Object({ number: numberSchema }, { additionalProperties: false }),
          response: { 200: recordSchema },
        },
      },
      async (request, reply) => sendRecord(reply, await lookUpNumber(context, request.access, request.body.number)),
    );

    app.get(
      '/v1/children/:childId',
      {
        config: { access: readers },
        schema: {
          tags,
          summary: 'Read a record',
          params: childParams,
          response: { 200: recordSchema },
        },
      },
      async (request, reply) => sendRecord(reply, await readChild(context, request.access, request.params.childId)),
    );

    app.post(
      '/v1/children',
      {
        config: { access: managers, rateLimited: true },
        schema: {
          tags,
          summary: 'Add a child; queued for matching where it resembles one already there',
          headers: idempotencyHeaders,
          body: newChildSchema,
          response: {
            201: recordSchema,
            ...queued,
          },
        },
      },
      async (request, reply) => {
        const created = await createChild(context, request.access, request.body, request.headers['idempotency-key']);
        if (created.queued) return reply.code(202).send({ queued: true });
        reply.code(201).header('location', `/v1/children/${created.view.childId}`);
        return sendRecord(reply, created);
      },
    );

    app.patch(
      '/v1/children/:childId',
      {
        config: { access: managers, rateLimited: true },
        schema: {
          tags,
          summary: 'Correct a record; queued for matching where it would then resemble another child',
          params: childParams,
          headers: versionHeaders,
          body: childChangeSchema,
          response: { ...change.response, ...queued },
        },
      },
      async (request, reply) => {
        const { access, body, params } = request;
        const corrected = await correctChild(context, access, params.childId, expectedVersion(request), body);
        return sendChanged(reply, corrected, 200);
      },
    );
  };
