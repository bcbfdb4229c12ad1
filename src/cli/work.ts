import { existsSync } from 'node:fs';
import closeWithGrace from 'close-with-grace';
import { Command } from 'commander';
import { CommandError } from '../errors.js';
import { compactHeap } from './compact-heap.js';

export function workCommand(): Command {
  return new Command('work')
    .description('run the workers that keep the index true')
    .option(
      '--begin-journal',
      'in production, on a machine that has no journal of shields and destructions: write it anew from the database. Never after a restore',
    )
    .action(work);
}

async function work(flags: { beginJournal?: boolean }): Promise<void> {
  compactHeap();
  const { readConfig } = await import('../config.js');
  const { createContext } = await import('../context.js');
  const { startWorkers } = await import('../../workers/main.js');
  const { serveMetrics } = await import('../../workers/serve-metrics.js');
  const { requireReplayed } = await import('../services/keeping/journal.js');
  const config = readConfig();
  if (flags.beginJournal && existsSync(config.protectionJournalFile))
    throw new CommandError('The journal of shields and destructions is here: start without --begin-journal');
  const context = await createContext(config, {
    role: 'directory_worker',
    application: 'directory-worker',
    statementMs: 120_000,
  });
  let metrics: Awaited<ReturnType<typeof serveMetrics>> | undefined;
  const start = async () => {
    await requireReplayed(context.db, config.protectionJournalFile, {
      mustBeHere: config.production && !flags.beginJournal,
    });
    if (config.workerMetricsPort !== 0) metrics = await serveMetrics(context, config.workerMetricsPort);
    return startWorkers(context);
  };
  const workers = await start().catch(async (error: unknown) => {
    // A process without workers that answers as though it were alive would be believed.
    await metrics?.close();
    await context.close();
    throw error;
  });
  context.log.info('workers started');
  console.log('working');
  closeWithGrace({ delay: 10_000 }, async ({ err }) => {
    if (err) context.log.error({ err }, 'stopping after an error');
    await metrics?.close();
    await workers.close();
    await context.close();
  });
}
