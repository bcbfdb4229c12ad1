import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Context } from '../../context.js';
import { childParams } from '../../schemas/child.js';
import { nothingSchema } from '../../schemas/common.js';
import { disputeSchema, subjectAccessAnswer, subjectAccessSchema } from '../../schemas/keeping.js';
import { giveSubjectAccess } from '../../services/keeping/subject-access.js';
import { archiveChild, unarchiveChild } from '../../services/parts/archive.js';
import { disputeParts } from '../../services/parts/dispute.js';
import { expectedVersion, sendRecord } from '../versions.js';
import { change, managers, tags } from './common.js';

/** The archive, and what a family may ask for: to see what is held, and to have it marked as disputed. */
export const keepingRoutes =
  (context: Context): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.put(
      '/v1/children/:childId/archive',
      {
        config: { access: managers },
        schema: {
          tags,
          summary: 'Archive a record: its own management team alone knows of it from then on',
          params: childParams,
          body: nothingSchema,
          ...change,
        },
      },
      async (request, reply) => {
        const { access, params } = request;
        return sendRecord(reply, await archiveChild(context, access, params.childId, expectedVersion(request)));
      },
    );

    app.delete(
      '/v1/children/:childId/archive',
      {
        config: { access: managers },
        schema: {
          tags,
          summary: 'Take a record out of the archive; 409 where age or death would bring it back',
          params: childParams,
          ...change,
        },
      },
      async (request, reply) => {
        const { access, params } = request;
        return sendRecord(reply, await unarchiveChild(context, access, params.childId, expectedVersion(request)));
      },
    );

    app.put(
      '/v1/children/:childId/dispute',
      {
        config: { access: managers },
        schema: {
          tags,
          summary: 'Mark what the family says is wrong',
          params: childParams,
          body: disputeSchema,
          ...change,
        },
      },
      async (request, reply) => {
        const { access, body, params } = request;
        const version = expectedVersion(request);
        return sendRecord(reply, await disputeParts(context, access, params.childId, version, body.parts));
      },
    );

    app.delete(
      '/v1/children/:childId/dispute',
      {
        config: { access: managers },
        schema: { tags, summary: 'Nothing is disputed any more', params: childParams, ...change },
      },
      async (request, reply) => {
        const { access, params } = request;
        return sendRecord(reply, await disputeParts(context, access, params.childId, expectedVersion(request), []));
      },
    );

    app.post(
      '/v1/children/:childId/subject-access',
      {
        config: { access: managers, refusals: ['conflict'] },
        schema: {
          tags,
          summary: 'All that is held of a child, to be handed to the family',
          params: childParams,
          body: subjectAccessSchema,
          response: { 200: subjectAccessAnswer },
        },
      },
      (request) => giveSubjectAccess(context, request.access, request.params.childId, request.body),
    );
  };
