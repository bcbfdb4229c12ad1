import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Context } from '../../context.js';
import { searchAnswerSchema, searchQuerySchema, searchRequestSchema } from '../../schemas/search.js';
import { searchChildren } from '../../services/search/search-children.js';
import { tags } from './common.js';

/** The call centre on behalf of a practitioner whom it has verified. */
const searchers = { roles: ['practitioner', 'management-team', 'call-centre'], touchesChild: true } as const;

/** Finding a child by what is known of them. */
export const searchRoutes =
  (context: Context): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.post(
      '/v1/children/search',
      {
        config: {
          access: searchers,
          rateLimited: true,
          refusals: ['insufficient-criteria', 'too-many-matches', 'search-unavailable'],
        },
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
  };
