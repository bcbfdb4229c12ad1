import type { Kysely, Transaction } from 'kysely';
import { recordSystemAudit } from '../../db/audit.js';
import { findStandingForUpdate, recordChange, type Standing } from '../../db/children.js';
import {
  beginReplay,
  findLastProtection,
  insertNotedShield,
  insertProtection,
  insertTombstone,
  type NotedPart,
  noteStandingShield,
  type Protection,
  revokeEverySession,
} from '../../db/protections.js';
import { archiveAgain, endConsentTo25, narrowAccount, removeNotedPart } from '../../db/replayed.js';
import { destroyChildren } from '../../db/retention.js';
import type { Database } from '../../db/schema.js';
import { CommandError } from '../../errors.js';
import { isSameEntry, readJournal } from './journal.js';

export interface Replayed {
  /** Entries of the journal that the backup did not have. */
  entries: number;
  shielded: number;
  destroyed: number;
  /** Services and involvements, those among them whose consent was withdrawn. */
  removed: number;
  archived: number;
  /** Consents to stay to 25 that were taken back. */
  consentsEnded: number;
  /** Ids of accounts that were closed, or have another role or authority since: they are closed until an administrator opens them. */
  closedAccounts: string[];
  /** Ids of accounts that have lost a right since. */
  narrowedAccounts: string[];
  /** Taken out of the archive since; they stay in it. */
  stayArchived: string[];
  /** Lifted since the backup. They stand again: what may show is decided anew, by people. */
  standAgain: string[];
  /** Shielded since, and not in the backup at all: were they to come back by a feed, they would come back open. */
  unknown: string[];
}

/**
 * Brings a restored backup up to the journal, in one transaction: shields that were set since stand, who was destroyed since is
 * gone, so is what was removed of a record; whoever was archived by hand, took back a consent or lost an account is so again, and
 * nobody is signed in. Nothing is given back: a shield that was lifted since is not lifted.
 * @param db as the owner
 * @throws CommandError where the journal is not this directory's, or has a gap
 */
export async function replayProtections(db: Kysely<Database>, file: string): Promise<Replayed> {
  return db.transaction().execute(async (trx) => {
    await beginReplay(trx);
    const entries = await readMissing(trx, file);
    for (const entry of entries) await insertProtection(trx, entry);
    const replayed: Replayed = {
      entries: entries.length,
      shielded: 0,
      destroyed: 0,
      removed: 0,
      archived: 0,
      consentsEnded: 0,
      closedAccounts: [],
      narrowedAccounts: [],
      stayArchived: [],
      standAgain: [],
      unknown: [],
    };
    const ofChildren = new Map<string, OfChild[]>();
    const accounts = new Map<string, OfAccount>();
    for (const entry of entries) {
      if (entry.kind === 'account') accounts.set(entry.details.userId, entry);
      else ofChildren.set(entry.childId, [...(ofChildren.get(entry.childId) ?? []), entry]);
    }
    for (const [childId, noted] of [...ofChildren].sort(byId)) await settle(trx, childId, noted, replayed);
    for (const [userId, { details }] of [...accounts].sort(byId)) {
      const narrowed = await narrowAccount(trx, details);
      if (narrowed) (narrowed.closed ? replayed.closedAccounts : replayed.narrowedAccounts).push(userId);
    }
    await revokeEverySession(trx);
    await recordSystemAudit(trx, {
      action: 'replay-protections',
      childIds: [...ofChildren.keys()],
      details: Object.fromEntries(
        Object.entries(replayed).map(([what, done]) => [what, Array.isArray(done) ? done.length : done]),
      ),
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

type OfAccount = Extract<Protection, { kind: 'account' }>;
type OfChild = Exclude<Protection, OfAccount>;
type OfShield = Extract<Protection, { kind: 'shield' | 'unshield' | 'destroy' }>;

const byId = ([one]: [string, unknown], [other]: [string, unknown]) => (one < other ? -1 : 1);

/** All that was noted of one child, in its order. */
async function settle(
  trx: Transaction<Database>,
  childId: string,
  noted: OfChild[],
  replayed: Replayed,
): Promise<void> {
  const standing = await findStandingForUpdate(trx, childId);
  const shield = noted.filter(isOfShield).at(-1);
  if (shield) await settleShield(trx, standing, shield, replayed);
  if (!standing || shield?.kind === 'destroy') return;
  const parts = new Set<string>();
  for (const { details } of noted.filter((entry) => entry.kind === 'remove')) {
    if (!(await removeNotedPart(trx, childId, details))) continue;
    parts.add(details.part satisfies NotedPart['part']);
    replayed.removed += 1;
  }
  const archiving = noted.filter(({ kind }) => kind === 'archive' || kind === 'unarchive').at(-1);
  if (archiving?.kind === 'unarchive' && standing.archived) replayed.stayArchived.push(childId);
  if (archiving?.kind === 'archive' && (await archiveAgain(trx, childId, archiving.at))) {
    parts.add('archived');
    replayed.archived += 1;
  }
  const consent = noted.filter((entry) => entry.kind === 'consent').at(-1);
  if (consent?.details.given === false && (await endConsentTo25(trx, childId))) {
    parts.add('consentTo25');
    replayed.consentsEnded += 1;
  }
  // As when it was done first, the history does not say what was removed.
  const note = { changedBy: null, reason: 'restore', change: { action: 'settle-again', parts: [...parts] } };
  if (parts.size > 0) await recordChange(trx, childId, note, { hidden: true });
}

function isOfShield(entry: OfChild): entry is OfShield {
  return ['shield', 'unshield', 'destroy'].includes(entry.kind);
}

async function settleShield(
  trx: Transaction<Database>,
  standing: Standing | undefined,
  { kind, childId, number, shield }: OfShield,
  replayed: Replayed,
): Promise<void> {
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
