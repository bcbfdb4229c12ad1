import closeWithGrace from 'close-with-grace';
import { Command } from 'commander';

export function workCommand(): Command {
  return new Command('work').description('run the workers that keep the index true').action(async () => {
    const { readConfig } = await import('../config.js');
    const { createContext } = await import('../context.js');
    const { startWorkers } = await import('../../workers/main.js');
    const { serveMetrics } = await import('../../workers/serve-metrics.js');
    const { requireReplayed } = await import('../services/keeping/journal.js');
    const config = readConfig();
    const context = await createContext(config, {
      role: 'directory_worker',
      application: 'directory-worker',
      statementMs: 120_000,
    });
    const prepare = async () => {
      await requireReplayed(context.db, config.protectionJournalFile);
      return config.workerMetricsPort === 0 ? undefined : await serveMetrics(context, config.workerMetricsPort);
    };
    const metrics = await prepare().catch(async (error: unknown) => {
      await context.close();
      throw error;
    });
    const workers = await startWorkers(context);
    context.log.info('workers started');
    console.log('working');
    closeWithGrace({ delay: 10_000 }, async ({ err }) => {
      if (err) context.log.error({ err }, 'stopping after an error');
      await metrics?.close();
      await workers.close();
      await context.close();
    });
  });
}
