import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Context } from '../context.js';
import { authoritiesSchema, authorityParams, authoritySchema } from '../schemas/authorities.js';
import { nothingSchema } from '../schemas/common.js';
import { goLiveAs, readAuthorities } from '../services/authorities.js';

const tags = ['Authorities'];

export function authorityRoutes(context: Context): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/v1/authorities',
      {
        config: { access: { roles: ['administrator', 'data-team'] } },
        schema: { summary: 'How far the roll-out is', tags, response: { 200: authoritiesSchema } },
      },
      async (request) => readAuthorities(context, request.caller, request.id),
    );

    app.post(
      '/v1/authorities/:code/go-live',
      {
        config: { access: { roles: ['administrator'] }, refusals: ['conflict'] },
        schema: {
          summary: 'Let the people of an authority sign in',
          description:
            '409 while nobody of its management team is ready. One that is live stays so, and is answered alike.',
          tags,
          params: authorityParams,
          body: nothingSchema,
          response: { 200: authoritySchema },
        },
      },
      async (request) => goLiveAs(context, request.caller, request.id, request.params.code),
    );
  };
}
