import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Context } from '../context.js';
import {
  approvalSchema,
  newUserSchema,
  userChangeSchema,
  userPageQuery,
  userPageSchema,
  userParams,
  userWithSecretSchema,
} from '../schemas/users.js';
import { approveOverrideAs } from '../services/approve-override.js';
import { changeUser, createUserAs, readUsers } from '../services/users.js';

const access = { roles: ['administrator'] } as const;
const tags = ['Users'];

export function userRoutes(context: Context): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/v1/users',
      {
        config: { access },
        schema: { summary: 'Accounts', tags, querystring: userPageQuery, response: { 200: userPageSchema } },
      },
      async (request) => readUsers(context, request.caller, request.id, request.query),
    );

    app.post(
      '/v1/users',
      {
        config: { access, refusals: ['conflict'] },
        schema: { summary: 'Make an account', tags, body: newUserSchema, response: { 201: userWithSecretSchema } },
      },
      async (request, reply) =>
        reply.code(201).send(await createUserAs(context, request.caller, request.id, request.body)),
    );

    app.patch(
      '/v1/users/:userId',
      {
        config: { access, refusals: ['conflict'] },
        schema: {
          summary: 'Change an account',
          description:
            'A new role, authority, organisation, password or second factor, and disabling, end its sessions at once.',
          tags,
          params: userParams,
          body: userChangeSchema,
          response: { 200: userWithSecretSchema },
        },
      },
      async (request) => changeUser(context, request.caller, request.id, request.params.userId, request.body),
    );

    app.post(
      '/v1/users/:userId/approval',
      {
        config: { access, refusals: ['conflict'] },
        schema: {
          summary: 'Approve that an account may look past shields',
          description:
            'By another administrator than the one who asked (mayOverrideShields of the account), within a week. The account gets a new second factor, told in this answer alone. 403 for who asked, for an administrator whose account was made or reset by them or by a third behind both, and for who has ever set credentials of the account; 409 where nothing was asked, or by somebody else.',
          tags,
          params: userParams,
          body: approvalSchema,
          response: { 200: userWithSecretSchema },
        },
      },
      async (request) =>
        approveOverrideAs(context, request.caller, request.id, request.params.userId, request.body.askedBy),
    );
  };
}
