import type { Kysely } from 'kysely';
import { findSeals } from '../../db/audit-chain.js';
import type { Database } from '../../db/schema.js';
import { appendLines } from '../append-only-file.js';
import { readLastHead, toExported } from './heads-file.js';

/** The chain in the database is not the one whose heads were exported: somebody has rewritten, or restored, it. */
export class ChainRewrittenError extends Error {
  override readonly name = 'ChainRewrittenError';
}

const PAGE = 500;

/**
 * Writes to the file the heads that it doesn't have yet, whoever sealed them, so that each machine's file is whole.
 * @returns how many
 * @throws ChainRewrittenError where the last head in the file is not in the chain any more: nothing is added to the evidence
 */
export async function exportHeads(db: Kysely<Database>, file: string, key: string): Promise<number> {
  let { last } = await readLastHead(file);
  let exported = 0;
  for (;;) {
    // With the last one again, to see that it still stands.
    const seals = await findSeals(db, (last?.seal ?? 1) - 1, PAGE);
    const fresh = last ? seals.slice(1) : seals;
    if (last && (seals[0]?.seal !== last.seal || seals[0].head.toString('hex') !== last.head)) {
      throw new ChainRewrittenError(`Seal ${last.seal} is not the one whose head was exported`);
    }
    if (fresh.length === 0) return exported;
    const heads = fresh.map((seal) => toExported(seal, key));
    await appendLines(file, heads);
    exported += heads.length;
    last = heads.at(-1);
  }
}
