import { getHeapStatistics } from 'node:v8';
import helmet from '@fastify/helmet';
import underPressure from '@fastify/under-pressure';
import type { FastifyInstance } from 'fastify';
import { tooBusy } from './bound-requests.js';

/** Starting up blocks the event loop for a while; that is no pressure. */
const SETTLING_MS = 3_000;

/** Security headers, no caching, and a quick refusal when the process can't keep up. */
export async function protect(app: FastifyInstance): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    // TLS ends before us; whoever ends it says so.
    strictTransportSecurity: false,
  });
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
  });
  let readyAt = Number.POSITIVE_INFINITY;
  app.addHook('onReady', async () => {
    readyAt = performance.now();
  });
  await app.register(underPressure, {
    maxEventLoopDelay: 2_000,
    maxHeapUsedBytes: Math.floor(getHeapStatistics().heap_size_limit * 0.9),
    pressureHandler: (request) => {
      const { url } = request.routeOptions;
      // Whoever watches must see a busy process as busy, not as dead.
      if (url === '/health/live' || url === '/metrics' || performance.now() < readyAt + SETTLING_MS) return;
      throw tooBusy();
    },
  });

  let closing = false;
  app.addHook('preClose', async () => {
    closing = true;
  });
  app.addHook('onSend', async (_request, reply) => {
    // A connection that is kept for another request would keep a process that is closing.
    if (closing) reply.header('connection', 'close');
  });
}
