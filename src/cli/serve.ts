import closeWithGrace from 'close-with-grace';
import { Command } from 'commander';
import { wholeNumber } from './arguments.js';
import { compactHeap } from './compact-heap.js';

const LONGEST_CLOSE_MS = 10_000;

export function serveCommand(): Command {
  return new Command('serve')
    .description('run the API until Ctrl-C')
    .option('--port <port>', 'port to listen on; 0 for any free one (default: PORT, else 8080)', wholeNumber(0, 65_535))
    .action(async (options: { port?: number }) => {
      compactHeap();
      const { readConfig } = await import('../config.js');
      const { startServer } = await import('../server.js');
      const config = readConfig();
      const port = options.port ?? config.http.port;
      const server = await startServer({ ...config, http: { ...config.http, port } });
      closeWithGrace({ delay: LONGEST_CLOSE_MS, logger: false }, async ({ err }) => {
        if (err) server.log.error({ err }, 'stopping after an error');
        else server.log.info('stopping');
        await server.close();
      });
      console.log(`listening on ${server.url}`);
    });
}
