import type { Kysely } from 'kysely';
import {
  countStandingShields,
  findProtectionsBetween,
  findUnexported,
  findUnprotected,
  type Protection,
} from '../../db/protections.js';
import type { Database } from '../../db/schema.js';
import { isSameEntry, readJournal } from './journal.js';

const PAGE = 500;
/** Of each kind: to see that there are many is enough. */
const MOST = 1_000;
/** Workers write what is new to their journal within half a second. */
const LATEST_SECONDS = 60;

/**
 * Beside what `findUnprotected` tells. `entry-changed`: the database does not hold the journal's entry as it was written.
 * `journal-gap`: the journal lacks an entry that the database has. `not-exported`: an entry has waited too long to be written.
 */
export const differenceKinds = [
  'lifted',
  'not-noted',
  'returned',
  'number-free',
  'destroyed-not-noted',
  'entry-changed',
  'journal-gap',
  'not-exported',
] as const;

export interface Difference {
  kind: (typeof differenceKinds)[number];
  /** Null of an account. */
  childId: string | null;
  number: string | null;
}

export interface ProtectionsVerified {
  ok: boolean;
  /** Entries of the journal that were compared. */
  entries: number;
  /** Shields that stand. */
  shields: number;
  differences: Difference[];
}

/**
 * Compares the shields that stand and the numbers of destroyed children with what was noted of them, and that with the
 * journal outside the database: whoever lifts a shield past the triggers leaves it noted, and whoever changes what is noted leaves
 * it in the journal.
 */
export async function verifyProtections(db: Kysely<Database>, file: string): Promise<ProtectionsVerified> {
  const differences: Difference[] = [];
  let entries = 0;
  let next = 1;
  for await (const page of inPages(readJournal(file))) {
    const last = page.at(-1)?.sequence ?? 0;
    const known = new Map(
      (await findProtectionsBetween(db, Math.min(next, page[0]?.sequence ?? next), last)).map((entry) => [
        entry.sequence,
        entry,
      ]),
    );
    const written = new Set(page.map(({ sequence }) => sequence));
    for (const entry of page) {
      const { sequence, childId, number } = entry;
      if (!isSameEntry(known.get(sequence), entry)) differences.push({ kind: 'entry-changed', childId, number });
    }
    for (const { sequence, childId, number } of known.values())
      if (sequence >= next && !written.has(sequence)) differences.push({ kind: 'journal-gap', childId, number });
    entries += page.length;
    next = Math.max(next, last + 1);
    if (differences.length >= MOST) break;
  }
  const waiting = await findUnexported(db, next - 1, LATEST_SECONDS);
  if (waiting && differences.length < MOST) differences.push({ kind: 'not-exported', ...waiting });
  differences.push(...(await findUnprotected(db, MOST)));
  return { ok: differences.length === 0, entries, shields: await countStandingShields(db), differences };
}

/** In the order of their numbers, each once: two processes that write to one file write an entry twice, side by side. */
async function* inPages(entries: AsyncIterable<Protection>): AsyncGenerator<Protection[]> {
  let page: Protection[] = [];
  for await (const entry of entries) {
    page.push(entry);
    if (page.length < PAGE) continue;
    yield page.sort((one, other) => one.sequence - other.sequence);
    page = [];
  }
  if (page.length > 0) yield page.sort((one, other) => one.sequence - other.sequence);
}

const words: Record<Difference['kind'], string> = {
  lifted: 'no shield stands, and nothing says that it was lifted',
  'not-noted': 'a shield stands that nothing says was set: a restore would lose it',
  returned: 'was destroyed, and is there again',
  'number-free': 'was destroyed, and its number may be given out again',
  'destroyed-not-noted': 'was destroyed, and a restore would bring it back',
  'entry-changed': 'the database does not hold what the journal says of it',
  'journal-gap': 'the journal lacks what the database says of it',
  'not-exported': 'what was noted of it has not reached the journal: do the workers run?',
};

/** One line for an operator. */
export function describeDifference({ kind, childId, number }: Difference): string {
  const whom = childId === null ? 'an account' : `child ${childId}, number ${number}`;
  return `${whom}: ${kind}, ${words[kind]}`;
}
