import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Context } from '../context.js';
import { authorityParams } from '../schemas/keeping.js';
import { contactSchema, contactViewSchema } from '../schemas/record.js';
import { recordContact } from '../services/authority-contact.js';

/** How management teams are reached, in and out of hours. */
export const authorityContactRoutes =
  (context: Context): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.put(
      '/v1/authorities/:code/contact',
      {
        config: { access: { roles: ['management-team', 'administrator'] } },
        schema: {
          tags: ['Authorities'],
          summary: "Record how an authority's management team is reached",
          description: 'Shown to its own people on every record that a shield hides from them.',
          params: authorityParams,
          body: contactSchema,
          response: { 200: contactViewSchema },
        },
      },
      (request) => recordContact(context, request.caller, request.id, request.params.code, request.body),
    );
  };
