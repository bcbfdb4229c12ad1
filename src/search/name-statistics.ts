import { setImmediate } from 'node:timers/promises';
import type { Kysely } from 'kysely';
import { findNewNames, findSomeNames, type NamePartKind, readSize } from '../db/name-frequencies.js';
import type { Database } from '../db/schema.js';
import {
  createScorer,
  defaultModel,
  frequenciesOf,
  joinVocabularies,
  type NameFrequencies,
  type Scorer,
  type Vocabulary,
  vocabularyBuilder,
} from '../matching/index.js';

/** How old a copy may be before it is asked whether the names were counted anew. */
const RECOUNT_NOTICED_AFTER_MS = 30_000;
/** How old before names that came since the count are asked for: a misspelt search must soon find a new name, too. */
const NEW_NAMES_NOTICED_AFTER_MS = 1_000;
const PAGE = 5_000;
/** What the directory knows of its own names. */
export interface Names {
  /** Children in the directory when they were counted. */
  children: number;
  /** How common each name is, and a scorer that knows it. */
  frequencies: NameFrequencies;
  score: Scorer;
  given: Vocabulary;
  family: Vocabulary;
}

export interface NameStatistics {
  /** Kept in memory; what is out of date is reread in the background, after this answer. */
  current(): Promise<Names>;
  /** Makes the next call read afresh. */
  forget(): void;
}

interface Counted extends Names {
  countedAt: Date;
}

export function createNameStatistics(db: Kysely<Database>): NameStatistics {
  let counted: Counted | undefined;
  let joined: Names | undefined;
  let newest = 0;
  let checkedAt = 0;
  let newNamesAt = 0;
  let reading: Promise<Names> | undefined;

  async function read(): Promise<Names> {
    const now = Date.now();
    const size = await readSize(db);
    if (!counted || counted.countedAt.getTime() !== size.countedAt.getTime()) {
      // Should they be counted again while they are read, the next look finds another moment and reads once more.
      counted = await readCounted(db, size);
      newest = 0;
      joined = undefined;
    }
    checkedAt = now;
    await addNewNames();
    return joined as Names;
  }

  async function addNewNames(): Promise<void> {
    const base = counted as Counted;
    newNamesAt = Date.now();
    const { seen, names } = await findNewNames(db);
    // Joined anew only where there is something new: what has been looked up is remembered.
    if (joined && seen === newest) return;
    if (counted !== base) return;
    newest = seen;
    const builders = { given: vocabularyBuilder('given'), family: vocabularyBuilder('family') };
    for (const { part, name } of names) builders[part].add(name, 0);
    joined = {
      ...base,
      given: joinVocabularies(base.given, builders.given.build()),
      family: joinVocabularies(base.family, builders.family.build()),
    };
  }

  function readOnce(): Promise<Names> {
    reading ??= read().finally(() => {
      reading = undefined;
    });
    return reading;
  }

  return {
    async current() {
      if (!joined) return readOnce();
      const now = Date.now();
      // A failed reading leaves the copy in place for the next search.
      if (now - checkedAt > RECOUNT_NOTICED_AFTER_MS) {
        checkedAt = now;
        readOnce().catch(() => undefined);
      } else if (now - newNamesAt > NEW_NAMES_NOTICED_AFTER_MS && !reading) {
        addNewNames().catch(() => undefined);
      }
      return joined;
    },
    forget() {
      counted = undefined;
      joined = undefined;
    },
  };
}

async function readCounted(
  db: Kysely<Database>,
  { children, countedAt }: Pick<Counted, 'children' | 'countedAt'>,
): Promise<Counted> {
  const given = await readPart(db, 'given');
  const family = await readPart(db, 'family');
  const frequencies = frequenciesOf(children, { given, family });
  return { children, countedAt, frequencies, score: createScorer(defaultModel, frequencies), given, family };
}

/** Page by page, so that searches go on between. */
async function readPart(db: Kysely<Database>, part: NamePartKind): Promise<Vocabulary> {
  const builder = vocabularyBuilder(part);
  let after = '';
  for (;;) {
    const page = await findSomeNames(db, part, after, PAGE);
    for (const { name, children } of page) builder.add(name, children);
    const last = page.at(-1);
    if (!last || page.length < PAGE) return builder.build();
    after = last.name;
    await setImmediate();
  }
}
