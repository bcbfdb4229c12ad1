import type { Kysely } from 'kysely';
import { getCountedChildren } from '../db/name-frequencies.js';
import type { Database } from '../db/schema.js';
import { createScorer, defaultModel, type NameFrequencies, type Scorer } from '../matching/index.js';

const REREAD_AFTER_MS = 10 * 60_000;

export interface NameStatistics {
  /** A scorer that knows how common each name is; rereads PostgreSQL in the background once the copy is ten minutes old. */
  scorer(): Promise<Scorer>;
  /** Makes the next call read afresh. */
  forget(): void;
}

export function createNameStatistics(db: Kysely<Database>): NameStatistics {
  let current: { scorer: Scorer; readAt: number } | undefined;
  let reading: Promise<Scorer> | undefined;

  function read(): Promise<Scorer> {
    reading ??= readNameFrequencies(db)
      .then((frequencies) => {
        const scorer = createScorer(defaultModel, frequencies);
        current = { scorer, readAt: Date.now() };
        return scorer;
      })
      .finally(() => {
        reading = undefined;
      });
    return reading;
  }

  return {
    async scorer() {
      if (!current) return read();
      // An old copy answers this search; a failed reading leaves it in place for the next.
      if (Date.now() - current.readAt > REREAD_AFTER_MS) read().catch(() => undefined);
      return current.scorer;
    },
    forget() {
      current = undefined;
    },
  };
}

export async function readNameFrequencies(db: Kysely<Database>): Promise<NameFrequencies> {
  const children = await getCountedChildren(db);
  const rows = await db.selectFrom('name_frequencies').select(['part', 'name', 'children']).execute();
  const counts = { given: new Map<string, number>(), family: new Map<string, number>() };
  for (const row of rows) counts[row.part].set(row.name, row.children);
  const share = (part: Map<string, number>) => (name: string) => {
    const count = part.get(name);
    return count === undefined || children === 0 ? undefined : count / children;
  };
  return { children, given: share(counts.given), family: share(counts.family) };
}
