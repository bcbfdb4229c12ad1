import type { Kysely, Transaction } from 'kysely';
import { findLastSeal, findUnsealed, insertSeal, tryLockSealing } from '../../db/audit-chain.js';
import type { Database } from '../../db/schema.js';
import { EMPTY_SNAPSHOT, GENESIS, hashRow, headOf, linkAfter } from './chain.js';

/** Rows in one seal at most: what one transaction holds in memory. */
const LARGEST_SEAL = 2_000;

export interface Sealed {
  sealed: number;
  more: boolean;
}

export interface SealOptions {
  largest?: number;
  /** Done in the transaction of the seal, while nobody else seals. */
  afterwards?: (trx: Transaction<Database>) => Promise<void>;
}

/**
 * Seals the rows that have no place yet, at most one batch of them. One process at a time: whoever finds another at it
 * leaves it to that one.
 * @returns how many were sealed, and whether more wait; undefined where another process is sealing
 */
export async function sealRows(
  db: Kysely<Database>,
  { largest = LARGEST_SEAL, afterwards }: SealOptions = {},
): Promise<Sealed | undefined> {
  return db.transaction().execute(async (trx) => {
    if (!(await tryLockSealing(trx))) return undefined;
    const done = await sealBatch(trx, largest);
    if (done.sealed > 0) await afterwards?.(trx);
    return done;
  });
}

/** To be called by whoever holds the lock. */
export async function sealBatch(trx: Transaction<Database>, largest: number): Promise<Sealed> {
  const last = await findLastSeal(trx);
  const before = last?.snapshot ?? EMPTY_SNAPSHOT;
  const { rows, snapshot, now } = await findUnsealed(trx, before, largest);
  if (rows.length === 0) return { sealed: 0, more: false };
  const more = rows.length === largest;
  const fromPosition = (last?.toPosition ?? 0) + 1;
  const previousHead = last?.head ?? GENESIS;
  let link = previousHead;
  const entries = rows.map((row, index) => {
    link = linkAfter(link, hashRow(row));
    return { position: fromPosition + index, eventId: row.id, link };
  });
  const seal = {
    seal: (last?.seal ?? 0) + 1,
    fromPosition,
    toPosition: fromPosition + rows.length - 1,
    previousHead,
    // While some of what this snapshot sees is still to be sealed, the next look has to begin where this one did.
    snapshot: more ? before : snapshot,
    sealedAt: now,
  };
  await insertSeal(trx, { ...seal, head: headOf(seal, link) }, entries);
  return { sealed: rows.length, more };
}
