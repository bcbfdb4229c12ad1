import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Context } from '../context.js';
import {
  accessPageSchema,
  auditEventPageSchema,
  auditEventQuery,
  pageQuery,
  verificationSchema,
} from '../schemas/audit.js';
import { childParams } from '../schemas/child.js';
import { observeUnsealed } from '../services/audit/metrics.js';
import { readAccesses, readAuditEvents } from '../services/audit/read-events.js';
import { createLateVerification } from '../services/audit/verify-lately.js';

const tags = ['Audit'];

/** The audit log: reading it, verifying it, and who looked at a child. */
export const auditRoutes =
  (context: Context): FastifyPluginAsyncTypebox =>
  async (app) => {
    const verifyLately = createLateVerification(context);
    observeUnsealed(context);

    app.get(
      '/v1/audit/events',
      {
        config: { access: { roles: ['auditor'], touchesChild: true } },
        schema: {
          tags,
          summary: 'The audit log, by child, user and time',
          querystring: auditEventQuery,
          response: { 200: auditEventPageSchema },
        },
      },
      (request) => readAuditEvents(context, request.access, request.query),
    );

    app.get(
      '/v1/audit/verification',
      {
        config: { access: { roles: ['auditor'] } },
        schema: {
          tags,
          summary: "Verify the end of the log's hash chain",
          description: 'The latest 100,000 rows, within ten seconds; `directory audit verify` checks all.',
          response: { 200: verificationSchema },
        },
      },
      (request) => verifyLately(request.caller, request.id),
    );

    app.get(
      '/v1/children/:childId/accesses',
      {
        config: { access: { roles: ['management-team', 'auditor'], touchesChild: true } },
        schema: {
          tags,
          summary: 'Who looked at a child, when and why',
          params: childParams,
          querystring: pageQuery,
          response: { 200: accessPageSchema },
        },
      },
      (request) => readAccesses(context, request.access, request.params.childId, request.query),
    );
  };
