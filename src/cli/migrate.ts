import { Command } from 'commander';

export function migrateCommand(): Command {
  return new Command('migrate')
    .description('bring the database schema up to date')
    .option('--json', 'one JSON object')
    .action(async (options: { json?: boolean }) => {
      const { readConfig } = await import('../config.js');
      const { resolveServices } = await import('../service-urls.js');
      const { migrateToLatest } = await import('../db/migrate.js');
      const { databaseUrl } = resolveServices(readConfig(), ['databaseUrl']);
      const applied = await migrateToLatest(databaseUrl);
      if (options.json) console.log(JSON.stringify({ applied }));
      else console.log(applied.length > 0 ? applied.map((name) => `applied ${name}`).join('\n') : 'up to date');
    });
}
