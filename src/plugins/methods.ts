import type { FastifyInstance } from 'fastify';
import { DirectoryError } from '../errors.js';

/**
 * What is there, but not by this method, is 405 with the methods that are. A path without parameters stands for
 * itself: `GET /v1/children/search` asks for no child whose id is "search". To be called before guardRoutes.
 */
export function refuseMethods(app: FastifyInstance): void {
  const methodsOf = new Map<string, Set<string>>();
  const patterns: { url: string; matches: RegExp }[] = [];

  app.addHook('onRoute', ({ method, url }) => {
    if (url.includes('*')) return;
    if (!methodsOf.has(url) && url.includes('/:')) patterns.push({ url, matches: patternOf(url) });
    methodsOf.set(url, new Set([...(methodsOf.get(url) ?? []), ...[method].flat()]));
  });

  app.addHook('onRequest', async (request) => {
    const path = request.url.split('?', 1)[0] as string;
    let methods = methodsOf.get(path);
    if (!methods && request.is404)
      methods = methodsOf.get(patterns.find(({ matches }) => matches.test(path))?.url ?? '');
    if (!methods || methods.has(request.method)) return;
    const allow = [...methods].sort();
    throw new DirectoryError('method-not-allowed', `Only ${allow.join(', ')}`, { allow });
  });
}

function patternOf(url: string): RegExp {
  return new RegExp(`^${url.replaceAll('.', '[.]').replace(/:\w+/g, '[^/]+')}$`);
}
