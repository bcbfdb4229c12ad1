import { createReadStream, existsSync } from 'node:fs';
import readline from 'node:readline';
import { isDeepStrictEqual } from 'node:util';
import type { Kysely } from 'kysely';
import { findProtections, type Protection } from '../../db/protections.js';
import type { Database } from '../../db/schema.js';
import { CommandError } from '../../errors.js';
import { appendLines, readLastLine } from '../append-only-file.js';

const PAGE = 500;

/** Whole lines in the order of the file; one that two processes wrote comes twice. */
export async function* readJournal(file: string): AsyncGenerator<Protection> {
  if (!existsSync(file)) return;
  const lines = readline.createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY });
  for await (const line of lines) {
    const entry = parseEntry(line);
    if (entry) yield entry;
  }
}

function parseEntry(line: string): Protection | undefined {
  try {
    const value = JSON.parse(line) as Partial<Protection> | null;
    if (typeof value?.sequence === 'number' && value.kind && (value.childId || value.details))
      return value as Protection;
  } catch {
    // Half a line.
  }
  return undefined;
}

export function isSameEntry(one: Protection | undefined, other: Protection): boolean {
  return (
    one?.sequence === other.sequence &&
    one.kind === other.kind &&
    one.childId === other.childId &&
    one.number === other.number &&
    isDeepStrictEqual(one.details ?? null, other.details ?? null)
  );
}

/**
 * Appends what the database has noted since: ids and words of lists, nothing of a record.
 * @returns how many entries
 * @throws CommandError where the database does not have the last entry of the file
 */
export async function exportProtections(db: Kysely<Database>, file: string): Promise<number> {
  let { last } = await readLastLine(file, parseEntry);
  let exported = 0;
  for (;;) {
    // With the last one again, to see that it still stands.
    const found = await findProtections(db, (last?.sequence ?? 1) - 1, PAGE);
    if (last && !isSameEntry(found[0], last)) throw behind();
    const fresh = last ? found.slice(1) : found;
    if (fresh.length === 0) return exported;
    await appendLines(file, fresh);
    exported += fresh.length;
    last = fresh.at(-1);
  }
}

/**
 * To be called before anything is served: a restored backup may have forgotten shields and destructions.
 * @param mustBeHere where the database has noted anything, somebody must have written it to this file
 * @throws CommandError where the journal knows of something that the database does not, or is not here
 */
export async function requireReplayed(db: Kysely<Database>, file: string, { mustBeHere = false } = {}): Promise<void> {
  const { last } = await readLastLine(file, parseEntry);
  if (!last) {
    if (mustBeHere && (await findProtections(db, 0, 1)).length > 0) throw notHere();
    return;
  }
  const [found] = await findProtections(db, last.sequence - 1, 1);
  if (!isSameEntry(found, last)) throw behind();
}

function notHere(): CommandError {
  return new CommandError(
    'The journal of shields and destructions is not here, so that nobody can tell whether the database is a backup from before them.\n' +
      'Set PROTECTION_JOURNAL_FILE to where the workers write it, on a disk that every machine sees; an API need only read it.\n' +
      'Where there never was one, and the database is no backup: npm run directory -- work --begin-journal',
  );
}

function behind(): CommandError {
  return new CommandError(
    'The journal of shields and destructions is ahead of the database, which must have been restored from a backup.\n' +
      'Nothing is served until they are replayed: npm run directory -- restore replay',
  );
}
