import { Command } from 'commander';

export function shieldsCommand(): Command {
  const shields = new Command('shields').description('the shields that stand');
  shields
    .command('verify')
    .description('compare them, and the numbers of destroyed children, with the journal outside the database')
    .option('--journal <file>', 'the journal of shields and destructions (default: PROTECTION_JOURNAL_FILE)')
    .option('--json', 'one JSON object')
    .action(verify);
  return shields;
}

async function verify(flags: { journal?: string; json?: boolean }): Promise<void> {
  const { existsSync } = await import('node:fs');
  const { readConfig } = await import('../config.js');
  const { recordSystemAudit } = await import('../db/audit.js');
  const { UsageError } = await import('../errors.js');
  const { withDatabase } = await import('./database.js');
  const { describeDifference, verifyProtections } = await import('../services/keeping/verify-protections.js');
  const config = readConfig();
  const file = flags.journal ?? config.protectionJournalFile;
  if (!existsSync(file)) throw new UsageError(`There is no journal at ${file}: name it with --journal`);
  const verified = await withDatabase(
    config,
    async (db) => {
      const done = await verifyProtections(db, file);
      await recordSystemAudit(db, {
        action: 'verify-shields',
        details: { ok: done.ok, differences: done.differences.length },
      });
      return done;
    },
    'directory_worker',
    600_000,
  );
  const { ok, entries, shields, differences } = verified;
  if (flags.json) console.log(JSON.stringify(verified));
  else {
    console.log(
      `${ok ? 'as noted' : 'DIFFERENT'}: ${shields} shields stand, ${entries} entries of the journal compared`,
    );
    for (const difference of differences) console.log(describeDifference(difference));
  }
  if (!ok) process.exitCode = 1;
}
