import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Context } from '../../context.js';
import { childParams } from '../../schemas/child.js';
import { newServiceSchema, serviceChangeSchema, serviceParams } from '../../schemas/work.js';
import { addService, changeService, removeService } from '../../services/parts/services.js';
import { expectedVersion, sendRecord } from '../versions.js';
import { addition, change, managers, tags } from './common.js';

/** Organisations that a child uses. */
export const serviceRoutes =
  (context: Context): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.post(
      '/v1/children/:childId/services',
      {
        config: { access: managers },
        schema: {
          tags,
          summary: 'Add a service; a sensitive one by consent or decision only',
          params: childParams,
          body: newServiceSchema,
          ...addition,
        },
      },
      async (request, reply) => {
        const { access, body, headers, params } = request;
        const key = headers['idempotency-key'];
        const added = await addService(context, access, params.childId, expectedVersion(request), body, key);
        return sendRecord(reply.code(201), added);
      },
    );

    app.patch(
      '/v1/children/:childId/services/:serviceId',
      {
        config: { access: managers },
        schema: { tags, summary: 'Correct a service', params: serviceParams, body: serviceChangeSchema, ...change },
      },
      async (request, reply) => {
        const { access, body, params } = request;
        const version = expectedVersion(request);
        return sendRecord(reply, await changeService(context, access, params.childId, version, params.serviceId, body));
      },
    );

    app.delete(
      '/v1/children/:childId/services/:serviceId',
      {
        config: { access: managers },
        schema: { tags, summary: 'Remove a service', params: serviceParams, ...change },
      },
      async (request, reply) => {
        const { access, params } = request;
        return sendRecord(
          reply,
          await removeService(context, access, params.childId, expectedVersion(request), params.serviceId),
        );
      },
    );

    app.delete(
      '/v1/children/:childId/services/:serviceId/consent',
      {
        config: { access: managers },
        schema: {
          tags,
          summary: 'Withdraw the consent to a sensitive service, which removes it',
          params: serviceParams,
          ...change,
        },
      },
      async (request, reply) => {
        const { access, params } = request;
        const version = expectedVersion(request);
        const withdrawn = { withdrawn: true };
        return sendRecord(
          reply,
          await removeService(context, access, params.childId, version, params.serviceId, withdrawn),
        );
      },
    );
  };
