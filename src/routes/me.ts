import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Context } from '../context.js';
import { everyone } from '../plugins/access.js';
import { meSchema } from '../schemas/session.js';
import { readMe } from '../services/me.js';

export function meRoutes(context: Context): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/v1/me',
      {
        config: { access: everyone },
        schema: { summary: 'Who am I?', tags: ['Sign-in'], response: { 200: meSchema } },
      },
      async (request) => readMe(context, request.caller),
    );
  };
}
