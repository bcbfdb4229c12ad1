import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Counter } from 'prom-client';
import { Type } from 'typebox';
import type { Context } from '../context.js';
import { childParams } from '../schemas/child.js';
import { recordSchema } from '../schemas/record.js';
import {
  householdSchema,
  liftSchema,
  overridePageQuery,
  overridePageSchema,
  overrideSchema,
  reviewPageQuery,
  reviewPageSchema,
  shieldSchema,
} from '../schemas/shields.js';
import { readHousehold } from '../services/shielding/household.js';
import { unshieldChild } from '../services/shielding/lift-shield.js';
import { readOverrides, readReviews } from '../services/shielding/lists.js';
import { overrideShield } from '../services/shielding/override-shield.js';
import { shieldChild } from '../services/shielding/set-shield.js';
import { expectedVersion, sendRecord, versionHeaders } from './versions.js';

const managers = { roles: ['management-team'], touchesChild: true } as const;
const tags = ['Shields'];
/** Room for a decision on everybody at one address. */
const HOUSEHOLD_BYTES = 128 * 1024;

/** Shields: set, reviewed, looked past and lifted by management teams. */
export const shieldRoutes =
  (context: Context): FastifyPluginAsyncTypebox =>
  async (app) => {
    const overridden = new Counter({
      name: 'shield_overrides_total',
      help: 'Looks past a shield: each is an alert',
      registers: [context.metrics],
    });
    const changes = { params: childParams, headers: versionHeaders, response: { 200: recordSchema } };

    app.get(
      '/v1/children/:childId/shield/household',
      {
        config: { access: managers, rateLimited: true },
        schema: {
          tags,
          summary: 'Who shares an address or a parent with a child, and what may be decided on them',
          params: childParams,
          response: { 200: householdSchema },
        },
      },
      (request) => readHousehold(context, request.access, request.params.childId),
    );

    app.put(
      '/v1/children/:childId/shield',
      {
        config: { access: managers, rateLimited: 'shields' },
        bodyLimit: HOUSEHOLD_BYTES,
        schema: {
          tags,
          summary: 'Shield a child',
          description: 'Each child who shares an address or a parent needs a decision; 409 names those who lack one.',
          body: shieldSchema,
          ...changes,
        },
      },
      async (request, reply) => {
        const { childId } = request.params;
        const version = expectedVersion(request);
        return sendRecord(reply, await shieldChild(context, request.access, childId, version, request.body));
      },
    );

    app.delete(
      '/v1/children/:childId/shield',
      {
        config: { access: managers },
        schema: {
          tags,
          summary: 'Lift a shield',
          description:
            'What was recorded while it stood is shown or removed; 409 names it where nothing was said of it.',
          body: liftSchema,
          ...changes,
        },
      },
      async (request, reply) => {
        const { childId } = request.params;
        const version = expectedVersion(request);
        const show = request.body?.show;
        return sendRecord(reply, await unshieldChild(context, request.access, childId, version, show));
      },
    );

    app.post(
      '/v1/children/:childId/shield-override',
      {
        config: { access: managers, rateLimited: true, refusals: ['conflict'] },
        schema: {
          tags,
          summary: "Look past another authority's shield, once",
          description: 'Only with a right of its own. The look is alerted and listed for the authority responsible.',
          params: childParams,
          body: overrideSchema,
          response: { 200: Type.Omit(recordSchema, ['version']) },
        },
      },
      async (request) => {
        const { childId } = request.params;
        const view = await overrideShield(context, request.access, childId, request.body.reason);
        overridden.inc();
        request.log.warn({ alert: 'shield-override' }, 'a shield was looked past');
        return view;
      },
    );

    app.get(
      '/v1/shields/reviews',
      {
        config: { access: managers },
        schema: {
          tags,
          summary: "Shields of one's own authority that are due for review",
          querystring: reviewPageQuery,
          response: { 200: reviewPageSchema },
        },
      },
      (request) => readReviews(context, request.access, request.query),
    );

    app.get(
      '/v1/shields/overrides',
      {
        config: { access: managers },
        schema: {
          tags,
          summary: "Looks past shields of one's own authority",
          querystring: overridePageQuery,
          response: { 200: overridePageSchema },
        },
      },
      (request) => readOverrides(context, request.access, request.query),
    );
  };
