import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Context } from '../context.js';
import { verificationAnswerSchema, verificationRequestSchema } from '../schemas/verification.js';
import { verifyCaller } from '../services/verification/verify-caller.js';

/** Who is on the telephone? */
export const verificationRoutes =
  (context: Context): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.post(
      '/v1/verifications',
      {
        config: {
          access: { roles: ['call-centre'], touchesChild: true },
          rateLimited: true,
          refusals: ['not-found', 'verification-locked'],
        },
        schema: {
          tags: ['Verification'],
          summary: "Compare a caller's claims with what is held of a child or a practitioner",
          body: verificationRequestSchema,
          response: { 200: verificationAnswerSchema },
        },
      },
      (request) => verifyCaller(context, request.access, request.body),
    );
  };
