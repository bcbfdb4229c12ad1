import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Config } from '../config.js';
import { DirectoryError } from '../errors.js';

const RETRY_AFTER_SECONDS = 5;
/** Whoever watches must see a busy process as busy, not as dead. */
const watching = ['/health/live', '/health/ready', '/metrics'];

export function tooBusy(): DirectoryError {
  return new DirectoryError('unavailable', 'The directory is too busy at the moment; try again shortly', {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}

function tooLate(): DirectoryError {
  return new DirectoryError('unavailable', 'The directory could not answer in time; try again shortly', {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}

/**
 * Works at so many requests at once and refuses the others before anything is done for them: they would wait longer
 * than anybody does, and keep those from being answered who came first. Whatever is not answered in time is told so.
 * (Fastify's own `handlerTimeout` ends with the body of a request, so it sees to requests without one alone.)
 */
export function boundRequests(
  app: FastifyInstance,
  { mostInFlight, answerSeconds }: Pick<Config['http'], 'mostInFlight' | 'answerSeconds'>,
): void {
  const inFlight = new Set<FastifyRequest>();
  const deadlines = new WeakMap<FastifyRequest, NodeJS.Timeout>();
  const enter = (request: FastifyRequest) => {
    if (watching.includes(request.routeOptions.url ?? '')) return;
    // Its time was over while its body came: in again, it would never go, and nobody waits for what it would do.
    if (!deadlines.has(request)) throw tooLate();
    if (inFlight.size >= mostInFlight) throw tooBusy();
    inFlight.add(request);
  };

  const leave = (request: FastifyRequest) => {
    clearTimeout(deadlines.get(request));
    deadlines.delete(request);
    inFlight.delete(request);
  };

  app.addHook('onRequest', async (request, reply) => {
    const deadline = setTimeout(() => {
      // Of a caller who has gone away nothing else may tell that the work has ended.
      leave(request);
      if (reply.sent || reply.raw.headersSent || reply.raw.destroyed) return;
      reply.send(tooLate());
    }, answerSeconds * 1_000);
    deadlines.set(request, deadline.unref());
    enter(request);
  });
  // A body that comes slowly is no work, and must keep nobody out.
  app.addHook('preParsing', async (request) => void inFlight.delete(request));
  app.addHook('preValidation', async (request) => enter(request));
  app.addHook('onSend', async (request) => leave(request));
}
