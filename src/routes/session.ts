import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { Context } from '../context.js';
import { everyone } from '../plugins/access.js';
import { refreshSchema, sessionSchema, signInSchema } from '../schemas/session.js';
import { endSession, refreshSession } from '../services/sessions.js';
import { signIn } from '../services/sign-in.js';

export function sessionRoutes(context: Context): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.post(
      '/v1/session',
      {
        config: { access: 'public', refusals: ['unauthenticated'] },
        schema: { summary: 'Sign in', tags: ['Sign-in'], body: signInSchema, response: { 200: sessionSchema } },
      },
      async (request) => signIn(context, app.signAccessToken, request.body, { requestId: request.id, ip: request.ip }),
    );

    app.post(
      '/v1/session/refresh',
      {
        config: { access: 'public', refusals: ['unauthenticated'] },
        schema: {
          summary: 'Exchange a refresh token',
          tags: ['Sign-in'],
          body: refreshSchema,
          response: { 200: sessionSchema },
        },
      },
      async (request) => refreshSession(context, app.signAccessToken, request.body.refreshToken, request.id),
    );

    app.delete(
      '/v1/session',
      {
        config: { access: everyone },
        schema: { summary: 'Sign out', tags: ['Sign-in'], response: { 204: Type.Null({ description: 'Signed out' }) } },
      },
      async (request, reply) => {
        await endSession(context, request.caller, request.id);
        return reply.code(204).send(null);
      },
    );
  };
}
