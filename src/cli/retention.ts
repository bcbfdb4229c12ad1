import { Command } from 'commander';
import type { Kysely } from 'kysely';
import type { RetentionRun } from '../db/retention.js';
import type { Database } from '../db/schema.js';
import { calendarDay, wholeNumber } from './arguments.js';

/** As in the workers: of millions a count alone takes many seconds. */
const STATEMENT_MS = 120_000;

export function retentionCommand(): Command {
  const retention = new Command('retention').description('archive, destroy, and let the oldest audit months go');
  retention
    .command('run')
    .description('do now what the workers do each night')
    .option('--dry-run', 'count what would be done, and do nothing')
    .option('--on <date>', 'the day to go by; with --dry-run also one to come (default: today)', calendarDay)
    .option('--json', 'one JSON object')
    .action(run);
  retention
    .command('report')
    .description('what the last runs did: counts alone')
    .option('--runs <count>', 'how many, the latest first', wholeNumber(1, 1_000), 10)
    .option('--json', 'one JSON array')
    .action(report);
  return retention;
}

async function run(flags: { dryRun?: boolean; on?: string; json?: boolean }): Promise<void> {
  const { readConfig } = await import('../config.js');
  const { createLogger } = await import('../logger.js');
  const { UsageError } = await import('../errors.js');
  const { withDatabase } = await import('./database.js');
  const { todayInEngland } = await import('../services/child-age.js');
  const { runRetention } = await import('../services/keeping/retention.js');
  const today = todayInEngland();
  const on = flags.on ?? today;
  const dryRun = flags.dryRun ?? false;
  if (on > today && !dryRun)
    throw new UsageError('A day to come may only be looked at: add --dry-run. What is destroyed does not come back.');
  const config = readConfig();
  const log = createLogger(config.logLevel);
  const work = (db: Kysely<Database>) => runRetention({ db, log }, { today: on, dryRun });
  const done = await withDatabase(config, work, 'directory_worker', STATEMENT_MS);
  console.log(flags.json ? JSON.stringify(done) : describe(done));
}

async function report(flags: { runs: number; json?: boolean }): Promise<void> {
  const { readConfig } = await import('../config.js');
  const { withDatabase } = await import('./database.js');
  const { findRuns } = await import('../db/retention.js');
  const runs = await withDatabase(readConfig(), (db) => findRuns(db, flags.runs));
  if (flags.json) console.log(JSON.stringify(runs));
  else console.log(runs.length > 0 ? runs.map(describe).join('\n') : 'no run yet');
}

function describe({ on, dryRun, state, ...counts }: RetentionRun): string {
  const { archivedAt18, archivedAt25, archivedAfterDeath, destroyed, auditRows } = counts;
  return (
    `${on}${dryRun ? ' (dry run)' : ''} ${state}: archived ${archivedAt18} at 18, ${archivedAt25} at 25, ` +
    `${archivedAfterDeath} after death; destroyed ${destroyed}; ${auditRows} audit rows gone`
  );
}
