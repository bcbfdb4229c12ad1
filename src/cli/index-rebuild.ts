import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Kysely } from 'kysely';
import type { Database } from '../db/schema.js';
import type { RebuildView } from '../schemas/index-rebuilds.js';

interface Flags {
  json?: boolean;
  wait?: boolean;
}

const WATCHED_EVERY_MS = 500;
const latest = 'the latest by default';

/** Adds what rebuilds the index to the group `index`. */
export function addRebuildCommands(index: Command): Command {
  index
    .command('rebuild')
    .description('make a new index from PostgreSQL by the newest mapping, beside the one in use; the workers do it')
    .option('--wait', 'until it has ended; exit code 1 unless it is done')
    .option('--json', 'one JSON object')
    .action((flags: Flags) =>
      withServices(async (db, services) => {
        await report(db, (await services.requestRebuild(db, 'system')).rebuildId, flags);
      }),
    );
  index
    .command('rebuilds')
    .description('rebuilds so far, the latest first')
    .option('--json', 'one JSON object')
    .action((flags: Flags) =>
      withServices(async (db, { readRebuilds }) => {
        const { rebuilds } = await readRebuilds(db);
        console.log(flags.json ? JSON.stringify({ rebuilds }) : rebuilds.map(describe).join('\n'));
      }),
    );
  index
    .command('cancel-rebuild')
    .argument('[id]', latest)
    .description('cancel a rebuild; the index in use stays')
    .option('--json', 'one JSON object')
    .action((id: string | undefined, flags: Flags) =>
      withServices(async (db, services) => {
        const rebuildId = id ?? (await latestOf(db));
        await services.requestCancellation(db, 'system', rebuildId);
        await report(db, rebuildId, { json: flags.json === true });
      }),
    );
  index
    .command('roll-back')
    .argument('[id]', latest)
    .description('search the index before that rebuild again, once what has changed since is in it')
    .option('--wait', 'until it has ended; exit code 1 unless it is done')
    .option('--json', 'one JSON object')
    .action((id: string | undefined, flags: Flags) =>
      withServices(async (db, services) => {
        const { rebuildId } = await services.requestRollback(db, 'system', id ?? (await latestOf(db)));
        await report(db, rebuildId, flags);
      }),
    );
  return index;
}

async function withServices(
  use: (db: Kysely<Database>, services: typeof import('../services/index/rebuilds.js')) => Promise<void>,
): Promise<void> {
  const { readConfig } = await import('../config.js');
  const { CommandError, DirectoryError } = await import('../errors.js');
  const { withDatabase } = await import('./database.js');
  const services = await import('../services/index/rebuilds.js');
  try {
    await withDatabase(readConfig(), (db) => use(db, services));
  } catch (error) {
    if (error instanceof DirectoryError) throw new CommandError(error.message);
    throw error;
  }
}

async function latestOf(db: Kysely<Database>): Promise<string> {
  const { readRebuilds } = await import('../services/index/rebuilds.js');
  const { CommandError } = await import('../errors.js');
  const [rebuild] = (await readRebuilds(db)).rebuilds;
  if (!rebuild) throw new CommandError('There was no rebuild yet');
  return rebuild.rebuildId;
}

async function report(db: Kysely<Database>, rebuildId: string, { json, wait }: Flags): Promise<void> {
  const { readRebuild } = await import('../services/index/rebuilds.js');
  let rebuild = await readRebuild(db, rebuildId);
  while (wait && ['running', 'checking'].includes(rebuild.state)) {
    if (process.stderr.isTTY) process.stderr.write(`\r${describe(rebuild)}   `);
    await delay(WATCHED_EVERY_MS);
    rebuild = await readRebuild(db, rebuildId);
  }
  if (wait && process.stderr.isTTY) process.stderr.write('\n');
  console.log(json ? JSON.stringify(rebuild) : describe(rebuild));
  if (wait && rebuild.state !== 'done') process.exitCode = 1;
}

function describe({ rebuildId, state, reason, toIndex, progress }: RebuildView): string {
  const { percent, secondsLeft, copied, total } = progress;
  const left = secondsLeft === null ? '' : `, about ${secondsLeft} s left`;
  return `${rebuildId} ${state}${reason ? ` (${reason})` : ''}: ${percent} %, ${copied} of ${total} children${left}${toIndex ? `, ${toIndex}` : ''}`;
}
