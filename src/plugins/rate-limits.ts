import type { FastifyInstance } from 'fastify';
import type { Context } from '../context.js';
import { DirectoryError } from '../errors.js';
import { createRateLimiter } from '../services/rate-limiter.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whatever tells who else there is: search, look-up, verification, households, what is compared with everybody. One count for all of them but `shields`. */
    rateLimited?: boolean | 'shields';
  }
}

/**
 * Refuses who asks too often: once it is known who asks, before the body is read, and whatever would come of it. An
 * answer says nothing of the limits but Retry-After. To be called after guardRoutes.
 */
export function limitRates(app: FastifyInstance, { config, urls, log }: Context): void {
  if (config.rateLimits.user === 0 && config.rateLimits.organisation === 0) return;
  const limiter = createRateLimiter(config, urls.redisUrl, log);
  app.addHook('onReady', () => limiter.open());
  app.addHook('onClose', async () => limiter.close());
  app.addHook('onRequest', async (request) => {
    const { rateLimited } = request.routeOptions.config;
    if (request.is404 || !rateLimited) return;
    const retryAfterSeconds = await limiter.take(request.caller, rateLimited === 'shields' ? 'shields' : 'searches');
    if (retryAfterSeconds === undefined) return;
    throw new DirectoryError(
      'rate-limited',
      'Too many searches, and whatever else tells of children, within a minute',
      {
        retryAfterSeconds,
      },
    );
  });
}
