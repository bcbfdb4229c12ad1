import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { Context } from '../context.js';
import {
  addressChangeSchema,
  addressParams,
  childChangeSchema,
  childParams,
  newAddressSchema,
  newChildSchema,
  numberSchema,
  queuedSchema,
  recordSchema,
} from '../schemas/child.js';
import { searchAnswerSchema, searchQuerySchema, searchRequestSchema } from '../schemas/search.js';
import { addAddress, changeAddress, correctChild, removeAddress } from '../services/change-child.js';
import { createChild } from '../services/create-child.js';
import { lookUpNumber, readChild } from '../services/read-child.js';
import { searchChildren } from '../services/search/search-children.js';
import { expectedVersion, sendRecord, versionHeaders } from './versions.js';

const readers = { roles: ['practitioner', 'management-team'], touchesChild: true } as const;
const managers = { roles: ['management-team'], touchesChild: true } as const;
const tags = ['Children'];
const idempotencyHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      pattern: '^[!-~]+$',
      description: 'A repeated request makes nothing twice',
    }),
  ),
});

/** Children: search, read, and the changes a management team makes. */
export const childRoutes =
  (context: Context): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.post(
      '/v1/children/search',
      {
        config: { access: readers },
        schema: {
          tags,
          summary: 'Find a child by what is known of them',
          querystring: searchQuerySchema,
          body: searchRequestSchema,
          response: { 200: searchAnswerSchema },
        },
      },
      (request) => searchChildren(context, request.access, request.body, { explained: request.query.explain ?? false }),
    );

    app.post(
      '/v1/children/lookup',
      {
        config: { access: readers },
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
        config: { access: managers },
        schema: {
          tags,
          summary: 'Add a child; queued for matching where it resembles one already there',
          headers: idempotencyHeaders,
          body: newChildSchema,
          response: {
            201: recordSchema,
            202: queuedSchema,
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

    const changes = { headers: versionHeaders, response: { 200: recordSchema } };

    app.patch(
      '/v1/children/:childId',
      {
        config: { access: managers },
        schema: {
          tags,
          summary: 'Correct a record; queued for matching where it would then resemble another child',
          params: childParams,
          headers: versionHeaders,
          body: childChangeSchema,
          response: { 200: recordSchema, 202: queuedSchema },
        },
      },
      async (request, reply) => {
        const { childId } = request.params;
        const corrected = await correctChild(context, request.access, childId, expectedVersion(request), request.body);
        return corrected.queued ? reply.code(202).send({ queued: true }) : sendRecord(reply, corrected);
      },
    );

    app.post(
      '/v1/children/:childId/addresses',
      {
        config: { access: managers },
        schema: {
          tags,
          summary: 'Add an address',
          params: childParams,
          headers: versionHeaders,
          body: newAddressSchema,
          response: { 201: recordSchema },
        },
      },
      async (request, reply) => {
        const { childId } = request.params;
        reply.code(201);
        return sendRecord(
          reply,
          await addAddress(context, request.access, childId, expectedVersion(request), request.body),
        );
      },
    );

    app.patch(
      '/v1/children/:childId/addresses/:addressId',
      {
        config: { access: managers },
        schema: { tags, summary: 'Correct an address', params: addressParams, body: addressChangeSchema, ...changes },
      },
      async (request, reply) => {
        const { childId, addressId } = request.params;
        return sendRecord(
          reply,
          await changeAddress(context, request.access, childId, expectedVersion(request), addressId, request.body),
        );
      },
    );

    app.delete(
      '/v1/children/:childId/addresses/:addressId',
      {
        config: { access: managers },
        schema: { tags, summary: 'Remove an address recorded in error', params: addressParams, ...changes },
      },
      async (request, reply) => {
        const { childId, addressId } = request.params;
        return sendRecord(
          reply,
          await removeAddress(context, request.access, childId, expectedVersion(request), addressId),
        );
      },
    );
  };
