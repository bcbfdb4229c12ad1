import type { Kysely, Transaction } from 'kysely';
import { recordSystemAudit } from '../../db/audit.js';
import { findStandingForUpdate, recordChange } from '../../db/children.js';
import {
  beginReplay,
  findLastProtection,
  insertNotedShield,
  insertProtection,
  insertTombstone,
  noteStandingShield,
  type Protection,
  revokeEverySession,
} from '../../db/protections.js';
import { destroyChildren } from '../../db/retention.js';
import type { Database } from '../../db/schema.js';
import { CommandError } from '../../errors.js';
import { isSameEntry, readJournal } from './journal.js';

export interface Replayed {
  /** Entries of the journal that the backup did not have. */
  entries: number;
  shielded: number;
  destroyed: number;
  /** Lifted since the backup. They stand again: what may show is decided anew, by people. */
  standAgain: string[];
  /** Shielded since, and not in the backup at all: were they to come back by a feed, they would come back open. */
  unknown: string[];
}

/**
 * Brings a restored backup up to the journal, in one transaction: shields that were set since stand, who was destroyed since is
 * gone, and nobody is signed in. A shield that was lifted since is not lifted.
 * @param db as the owner
 * @throws CommandError where the journal is not this directory's, or has a gap
 */
export async function replayProtections(db: Kysely<Database>, file: string): Promise<Replayed> {
  return db.transaction().execute(async (trx) => {
    await beginReplay(trx);
    const entries = await readMissing(trx, file);
    for (const entry of entries) await insertProtection(trx, entry);
    const last = new Map(entries.map((entry) => [entry.childId, entry]));
    const replayed: Replayed = { entries: entries.length, shielded: 0, destroyed: 0, standAgain: [], unknown: [] };
    for (const [childId, entry] of [...last].sort()) await settle(trx, childId, entry, replayed);
    await revokeEverySession(trx);
    const { shielded, destroyed, standAgain, unknown } = replayed;
    await recordSystemAudit(trx, {
      action: 'replay-protections',
      childIds: [...last.keys()],
      details: { entries: entries.length, shielded, destroyed, standAgain: standAgain.length, unknown: unknown.length },
    });
    return replayed;
  });
}

async function readMissing(trx: Transaction<Database>, file: string): Promise<Protection[]> {
  const known = await findLastProtection(trx);
  const missing: Protection[] = [];
  let next = (known?.sequence ?? 0) + 1;
  let met = known === undefined;
  for await (const entry of readJournal(file)) {
    if (known && isSameEntry(known, entry)) met = true;
    // Twice in the file, where two processes wrote it.
    if (entry.sequence < next) continue;
    if (entry.sequence > next) throw new CommandError(`The journal has a gap before its entry ${entry.sequence}`);
    missing.push(entry);
    next += 1;
  }
  if (!met)
    throw new CommandError('The journal is not that of this database: it does not hold what the database noted last');
  return missing;
}

async function settle(
  trx: Transaction<Database>,
  childId: string,
  { kind, number, shield }: Protection,
  replayed: Replayed,
): Promise<void> {
  const standing = await findStandingForUpdate(trx, childId);
  if (kind === 'destroy') {
    if (standing) await destroyChildren(trx, [{ childId, number, version: standing.version + 1 }]);
    else await insertTombstone(trx, { childId, number });
    replayed.destroyed += 1;
  } else if (kind === 'unshield') {
    if (!standing?.shielded) return;
    await noteStandingShield(trx, childId);
    replayed.standAgain.push(childId);
  } else if (!standing) {
    replayed.unknown.push(childId);
  } else if (!standing.shielded && shield) {
    await insertNotedShield(trx, childId, shield);
    // The history says nothing of what stood there before: whoever lifts the shield is asked about everything.
    const note = { changedBy: null, reason: 'restore', change: { action: 'shield-again', parts: ['shield'] } };
    await recordChange(trx, childId, note, { urgent: true, hidden: true });
    replayed.shielded += 1;
  }
}
