import { Command } from 'commander';

export function restoreCommand(): Command {
  const restore = new Command('restore').description('after a backup was restored');
  restore
    .command('replay')
    .description(
      'set the shields, destroy the records and take back whatever else the backup does not know of, end every session, and have the index made anew',
    )
    .option('--journal <file>', 'the journal of shields and destructions (default: PROTECTION_JOURNAL_FILE)')
    .option('--json', 'one JSON object')
    .action(replay);
  return restore;
}

async function replay(flags: { journal?: string; json?: boolean }): Promise<void> {
  const { existsSync } = await import('node:fs');
  const { readConfig } = await import('../config.js');
  const { createContext } = await import('../context.js');
  const { CommandError } = await import('../errors.js');
  const { dropIndices } = await import('../search/aliases.js');
  const { replayProtections } = await import('../services/keeping/replay.js');
  const config = readConfig();
  const file = flags.journal ?? config.protectionJournalFile;
  if (!existsSync(file)) throw new CommandError(`There is no journal at ${file}: name it with --journal`);
  const context = await createContext(config, {
    role: 'directory_owner',
    application: 'directory-restore',
    statementMs: 600_000,
  });
  try {
    // First: it is made anew from whatever the database holds then. It may hold later versions than the backup, which
    // would stand in the way of its own.
    await dropIndices(context);
    const replayed = await replayProtections(context.db, file);
    if (flags.json) console.log(JSON.stringify(replayed));
    else print(replayed);
  } finally {
    await context.close();
  }
}

function print(replayed: Awaited<ReturnType<typeof import('../services/keeping/replay.js').replayProtections>>): void {
  const { entries, shielded, destroyed, removed, archived, consentsEnded, standAgain, unknown } = replayed;
  console.log(
    `${entries} entries replayed: ${shielded} shielded again, ${destroyed} destroyed again, ${removed} services and involvements removed again, ` +
      `${archived} archived again, ${consentsEnded} consents ended again`,
  );
  for (const userId of replayed.closedAccounts)
    console.log(
      `closed, or of another role or authority, since the backup; closed until an administrator opens it: ${userId}`,
    );
  for (const userId of replayed.narrowedAccounts)
    console.log(`has lost its right to look past shields again: ${userId}`);
  for (const childId of replayed.stayArchived)
    console.log(`taken out of the archive since the backup, and in it until it is taken out anew: ${childId}`);
  for (const childId of standAgain)
    console.log(`lifted since the backup, and standing again until it is lifted anew: ${childId}`);
  for (const childId of unknown) console.log(`shielded since the backup, and not in it: ${childId}`);
}
