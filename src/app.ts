import fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { Context } from './context.js';
import { guardRoutes } from './plugins/access.js';
import { addAccessTokens } from './plugins/access-tokens.js';
import { describeApi, serveApiDocs } from './plugins/api-docs.js';
import { boundRequests } from './plugins/bound-requests.js';
import { acceptJsonBodies } from './plugins/json-body.js';
import { refuseMethods } from './plugins/methods.js';
import { observeRequests } from './plugins/observe.js';
import { answerProblems, refuseConnection, sendProblem } from './plugins/problems.js';
import { protect } from './plugins/protect.js';
import { limitRates } from './plugins/rate-limits.js';
import { echoRequestIds, requestIdOf } from './plugins/request-id.js';
import { validateStrictly } from './plugins/validation.js';
import { auditRoutes } from './routes/audit.js';
import { authorityRoutes } from './routes/authorities.js';
import { authorityContactRoutes } from './routes/authority-contact.js';
import { addressRoutes } from './routes/children/addresses.js';
import { consentTo25Routes } from './routes/children/consent-to-25.js';
import { involvementRoutes } from './routes/children/involvements.js';
import { keepingRoutes } from './routes/children/keeping.js';
import { leadAndCafRoutes } from './routes/children/lead-and-caf.js';
import { nameRoutes } from './routes/children/names.js';
import { parentRoutes } from './routes/children/parents.js';
import { recordRoutes } from './routes/children/records.js';
import { searchRoutes } from './routes/children/search.js';
import { serviceRoutes } from './routes/children/services.js';
import { healthRoutes } from './routes/health.js';
import { indexHealthRoutes } from './routes/index-health.js';
import { indexRebuildRoutes } from './routes/index-rebuilds.js';
import { meRoutes } from './routes/me.js';
import { sessionRoutes } from './routes/session.js';
import { shieldRoutes } from './routes/shields.js';
import { userRoutes } from './routes/users.js';
import { verificationRoutes } from './routes/verifications.js';

/** The API, ready for `listen` or `inject`. Closing it leaves the context open: whoever opened that closes it. */
export async function buildApp(context: Context): Promise<FastifyInstance> {
  const app = fastify({
    loggerInstance: context.log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    requestIdHeader: false,
    genReqId: requestIdOf,
    // Without a proxy that is known nobody's word on an address counts but the connection's.
    trustProxy: context.config.http.trustedProxies.length > 0 && context.config.http.trustedProxies,
    bodyLimit: 16 * 1024,
    connectionTimeout: 60_000,
    requestTimeout: 15_000,
    // A HEAD would do, and audit, all that its GET does; nobody asks for it.
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    frameworkErrors: (error, request, reply) => void sendProblem(error, request, reply),
    clientErrorHandler: refuseConnection,
  });
  try {
    validateStrictly(app);
    acceptJsonBodies(app);
    answerProblems(app);
    echoRequestIds(app);
    observeRequests(app, context.metrics);
    await protect(app);
    boundRequests(app, context.config.http);
    await describeApi(app);
    refuseMethods(app);
    await addAccessTokens(app, context.config.secrets, context.config.auth.provider);
    guardRoutes(app, context);
    limitRates(app, context);

    await app.register(healthRoutes(context));
    await app.register(sessionRoutes(context));
    await app.register(meRoutes(context));
    await app.register(userRoutes(context));
    await app.register(authorityRoutes(context));
    await app.register(searchRoutes(context));
    await app.register(recordRoutes(context));
    await app.register(nameRoutes(context));
    await app.register(addressRoutes(context));
    await app.register(parentRoutes(context));
    await app.register(serviceRoutes(context));
    await app.register(involvementRoutes(context));
    await app.register(leadAndCafRoutes(context));
    await app.register(consentTo25Routes(context));
    await app.register(keepingRoutes(context));
    await app.register(authorityContactRoutes(context));
    await app.register(auditRoutes(context));
    await app.register(shieldRoutes(context));
    await app.register(verificationRoutes(context));
    await app.register(indexHealthRoutes(context));
    await app.register(indexRebuildRoutes(context));

    await serveApiDocs(app);
    await app.ready();
    return app;
  } catch (error) {
    await app.close();
    throw error;
  }
}
