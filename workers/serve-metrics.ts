import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { collectDefaultMetrics } from 'prom-client';
import type { Context } from '../src/context.js';
import { listenFailure } from '../src/listen-failure.js';
import { mayReadMetrics } from '../src/metrics-token.js';

export interface MetricsServer {
  port: number;
  close(): Promise<void>;
}

/**
 * A worker's own measurements, at `/metrics` as the API's, and `/health/live`. Once a process.
 * @param port 0 for any free one
 * @throws CommandError where it can't be listened on
 */
export async function serveMetrics(context: Context, port: number): Promise<MetricsServer> {
  collectDefaultMetrics({ register: context.metrics });
  const server = createServer((request, reply) => {
    answer(context, request, reply).catch((error: unknown) => {
      context.log.error({ err: error }, 'measurements could not be told');
      reply.writeHead(500).end();
    });
  });
  const { host } = context.config.http;
  server.listen(port, host);
  await once(server, 'listening').catch((error: NodeJS.ErrnoException) => {
    throw listenFailure(error, { host, port }, 'WORKER_METRICS_PORT, or 0 for none');
  });
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function answer({ config, metrics }: Context, request: IncomingMessage, reply: ServerResponse): Promise<void> {
  reply.setHeader('cache-control', 'no-store');
  if (request.method !== 'GET') return void reply.writeHead(405).end();
  if (request.url === '/health/live') return void reply.end('{"status":"live"}');
  if (request.url !== '/metrics') return void reply.writeHead(404).end();
  if (!mayReadMetrics(config, request.headers.authorization))
    return void reply.writeHead(401, { 'www-authenticate': 'Bearer' }).end();
  const text = await metrics.metrics();
  reply.setHeader('content-type', metrics.contentType).end(text);
}
