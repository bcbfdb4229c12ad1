import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Context } from '../../context.js';
import { addressChangeSchema, addressParams, childParams, newAddressSchema } from '../../schemas/child.js';
import { addAddress, changeAddress, removeAddress } from '../../services/parts/addresses.js';
import { expectedVersion, sendRecord } from '../versions.js';
import { addition, change, managers, tags } from './common.js';

/** Where a child lives or lived; several may hold at once. */
export const addressRoutes =
  (context: Context): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.post(
      '/v1/children/:childId/addresses',
      {
        config: { access: managers },
        schema: { tags, summary: 'Add an address', params: childParams, body: newAddressSchema, ...addition },
      },
      async (request, reply) => {
        const { access, body, headers, params } = request;
        const key = headers['idempotency-key'];
        const added = await addAddress(context, access, params.childId, expectedVersion(request), body, key);
        return sendRecord(reply.code(201), added);
      },
    );

    app.patch(
      '/v1/children/:childId/addresses/:addressId',
      {
        config: { access: managers },
        schema: { tags, summary: 'Correct an address', params: addressParams, body: addressChangeSchema, ...change },
      },
      async (request, reply) => {
        const { access, body, params } = request;
        const version = expectedVersion(request);
        return sendRecord(reply, await changeAddress(context, access, params.childId, version, params.addressId, body));
      },
    );

    app.delete(
      '/v1/children/:childId/addresses/:addressId',
      {
        config: { access: managers },
        schema: { tags, summary: 'Remove an address recorded in error', params: addressParams, ...change },
      },
      async (request, reply) => {
        const { access, params } = request;
        return sendRecord(
          reply,
          await removeAddress(context, access, params.childId, expectedVersion(request), params.addressId),
        );
      },
    );
  };
