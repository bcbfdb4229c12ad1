import { NAME_LEVELS } from './compare-names.js';
import type { Model } from './model/model.js';
import type { Field, Scored } from './types.js';

/** Tables of a model whose numbers can be counted. */
export const TRAINED_TABLES = [
  'given',
  'family',
  'date',
  'gender',
  'postcode',
  'line',
  'lineInPostcode',
  'town',
  'townInPostcode',
  'parent',
] as const;
export type TrainedTable = (typeof TRAINED_TABLES)[number];

/** How many pairs reached each level, by table. */
export type LevelCounts = Record<TrainedTable, Map<string, number>>;

/** Levels of a date known in part are no alternatives to those of a whole one: their weights stay as they are. */
const PARTIAL_DATES: ReadonlySet<string> = new Set(['same-month', 'same-year', 'in-range', 'just-outside']);
const NAMES: ReadonlySet<string> = new Set(NAME_LEVELS);

/**
 * Counts the levels of scored pairs that are known to be the same child (for `m`), or known not to be (for `u`).
 * Where a reading of the names had to be chosen, the scorer's own choice counts: train, score again, and count once more.
 */
export function countLevels(pairs: Iterable<Pick<Scored, 'levels'>>): LevelCounts {
  const counts = Object.fromEntries(TRAINED_TABLES.map((table) => [table, new Map()])) as LevelCounts;
  for (const { levels } of pairs) {
    const reached = new Map(levels.map(({ field, level }) => [field, level]));
    for (const [field, described] of reached) {
      const table = tableOf(field, reached);
      const level = bareLevel(described, table);
      if (level !== undefined) counts[table].set(level, (counts[table].get(level) ?? 0) + 1);
    }
  }
  return counts;
}

/**
 * A model whose `m` (or `u`) are the counted shares, drawn towards the given model's as if that had been seen in
 * `strength` pairs (a Dirichlet prior), so that what was seen seldom changes little. Each table's sum stays what it was.
 */
export function reestimate(
  model: Model,
  counts: LevelCounts,
  what: 'm' | 'u',
  strength: number,
  version: string,
): Model {
  const trained = structuredClone(model);
  trained.version = version;
  for (const table of TRAINED_TABLES) {
    const weights = trained[table] as Record<string, { m: number; u?: number }>;
    const levels = Object.keys(weights).filter((level) => isTrained(table, level));
    const shareOf = (level: string) => weights[level]?.[what] ?? 0;
    const sum = levels.reduce((total, level) => total + shareOf(level), 0);
    const pairs = levels.reduce((total, level) => total + (counts[table].get(level) ?? 0), 0);
    // Names have no u of their own: it is how common they are.
    if (pairs === 0 || sum === 0) continue;
    for (const level of levels) {
      const counted = (counts[table].get(level) ?? 0) + (strength * shareOf(level)) / sum;
      weights[level]![what] = (sum * counted) / (pairs + strength);
    }
  }
  return trained;
}

function isTrained(table: TrainedTable, level: string): boolean {
  return !(table === 'date' && PARTIAL_DATES.has(level)) && level !== 'beginning';
}

function tableOf(field: Field, reached: ReadonlyMap<Field, string>): TrainedTable {
  const postcode = reached.get('postcode');
  const inPostcode = postcode === 'same' || postcode === 'one-character';
  const line = reached.get('address');
  switch (field) {
    case 'givenNames':
      return 'given';
    case 'familyName':
      return 'family';
    case 'dateOfBirth':
      return 'date';
    case 'address':
      return inPostcode ? 'lineInPostcode' : 'line';
    case 'town':
      return inPostcode || line === 'same' || line === 'same-but-flat' ? 'townInPostcode' : 'town';
    case 'parentName':
      return 'parent';
    default:
      return field;
  }
}

/** A level without what the explanation says beside it: which kind of name, which arrangement, former or current. */
function bareLevel(described: string, table: TrainedTable): string | undefined {
  const words = described.split(' ');
  // Readings other than as typed are counted by none of the levels: they are rarer than any, and explained apart.
  if (table === 'given' || table === 'family') {
    return words.includes('swapped') || words.includes('divided') ? undefined : words.find((word) => NAMES.has(word));
  }
  const level = words.at(-1) as string;
  return level === 'not-held' || !isTrained(table, level) ? undefined : level;
}
