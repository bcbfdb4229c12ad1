import type { AddressInfo } from 'node:net';
import { buildApp } from './app.js';
import type { Config } from './config.js';
import { type Context, createContext } from './context.js';
import { listenFailure } from './listen-failure.js';
import { requireReplayed } from './services/keeping/journal.js';

export interface Server {
  url: string;
  log: Context['log'];
  /** Stops taking requests, lets those under way end, and closes every connection. */
  close(): Promise<void>;
}

/** The API, listening. @throws CommandError when the port is taken, or a restored backup has not caught up with its journal, or in production that cannot be told */
export async function startServer(config: Config): Promise<Server> {
  const context = await createContext(config, { application: 'directory-api' });
  try {
    await requireReplayed(context.db, config.protectionJournalFile, { mustBeHere: config.production });
    const app = await buildApp(context);
    const { host: address, port: wanted } = config.http;
    await app.listen({ host: address, port: wanted }).catch(async (error: NodeJS.ErrnoException) => {
      await app.close();
      throw listenFailure(error, config.http, '--port or PORT, or 0 for any free one');
    });
    // The first search should not be the one that reads how common every name is; if this fails, it will be.
    context.names.current().catch(() => undefined);
    const { port } = app.server.address() as AddressInfo;
    const host = config.http.host.includes(':') ? `[${config.http.host}]` : config.http.host;
    return {
      url: `http://${host}:${port}`,
      log: context.log,
      async close() {
        await app.close();
        await context.close();
      },
    };
  } catch (error) {
    await context.close();
    throw error;
  }
}
