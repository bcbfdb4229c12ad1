import { NAME_LEVELS } from './compare-names.js';
import type { Model, Seen } from './model/model.js';
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

/** How many pairs reached each level, by table; and what became of middle names, where given names were compared as typed. */
export type LevelCounts = Record<TrainedTable | 'middle', Map<string, number>>;

/** What becomes of middle names that can be counted: how much it says that they agree depends on how common they are. */
const MIDDLES = ['omitted', 'added'] as const;
const OTHER_DATES: ReadonlySet<string> = new Set([
  'same-placeholder',
  'placeholder-in-same-year',
  'same-month',
  'same-year',
  'in-range',
  'just-outside',
]);
const NAMES: ReadonlySet<string> = new Set(NAME_LEVELS);

/**
 * Counts the levels of scored pairs that are known to be the same child (for `m`), or known not to be (for `u`).
 * Where a reading of the names had to be chosen, the scorer's own choice counts: train, score again, and count once more.
 */
export function countLevels(pairs: Iterable<Pick<Scored, 'levels'>>): LevelCounts {
  const counts = Object.fromEntries([...TRAINED_TABLES, 'middle'].map((table) => [table, new Map()])) as LevelCounts;
  const count = (table: keyof LevelCounts, level: string) => {
    counts[table].set(level, (counts[table].get(level) ?? 0) + 1);
  };
  for (const { levels } of pairs) {
    const reached = new Map(levels.map(({ field, level }) => [field, level]));
    for (const [field, described] of reached) {
      const table = tableOf(field, reached);
      const level = bareLevel(described, table);
      if (level === undefined) continue;
      count(table, level);
      if (table === 'given')
        count('middle', MIDDLES.find((middle) => described.endsWith(`middle-${middle}`)) ?? 'other');
    }
  }
  return counts;
}

/**
 * How strongly a level is drawn to the given model: as if it had been seen in so many pairs at the given rate (a gamma
 * prior on each rate), which ties rare and common levels down alike, to about a fifth of their value.
 */
const PRIOR_PAIRS = 20;
/** Fewer pairs than these say that the data lacks a kind of mistake rather than that it is rare. */
const FEW = 30;

export interface Reestimation {
  version: string;
  /** Tables to estimate: all, if not given. */
  tables?: readonly TrainedTable[];
  /**
   * The pairs show whatever there is. Without it, mistakes were made to order: levels that are hardly met, and those of a
   * value that is wholly wrong, keep their shares, since nobody ordered them.
   */
  complete: boolean;
  /** How far, in bits, a number goes from the given one towards the estimate (a logarithmic pool of two opinions): 0 to 1. */
  trust: number;
}

/** A model whose `m` (or `u`) are the counted shares. Each table's sum stays what it was; the given model is not touched. */
export function reestimate(model: Model, counts: LevelCounts, what: 'm' | 'u', options: Reestimation): Model {
  const trained = structuredClone(model);
  trained.version = options.version;
  for (const table of options.tables ?? TRAINED_TABLES) {
    const weights: Record<string, { m: number; u?: number; seen?: Seen }> = trained[table];
    const seenAt = (level: string) => counts[table].get(level) ?? 0;
    for (const alternatives of alternativesIn(table, weights)) {
      const rows = alternatives.map((level) => ({ level, weight: weights[level]!, seen: seenAt(level) }));
      // Names have no u of their own: it is how common they are.
      const estimated = rows.filter(({ weight }) => weight[what] !== undefined);
      for (const { weight, seen } of estimated) weight.seen = { ...weight.seen, [what]: seen };
      const free = options.complete ? estimated : estimated.filter(({ level, seen }) => seen >= FEW && !isWrong(level));
      const sum = free.reduce((total, { weight }) => total + (weight[what] ?? 0), 0);
      const pairs = free.reduce((total, { seen }) => total + seen, 0);
      if (pairs === 0) continue;
      const estimates = free.map(({ weight, seen }) => {
        const given = (weight[what] ?? 0) / sum;
        return given ** (1 - options.trust) * ((seen + PRIOR_PAIRS) / (pairs + PRIOR_PAIRS / given)) ** options.trust;
      });
      const total = estimates.reduce((whole, estimate) => whole + estimate, 0);
      for (const [at, { weight }] of free.entries()) weight[what] = (sum * (estimates[at] as number)) / total;
    }
  }
  return trained;
}

/** A model whose ratios of omitted and added middle names are as counted among pairs of the same child and of strangers. */
export function reestimateMiddle(model: Model, same: LevelCounts, apart: LevelCounts, trust: number): Model {
  const trained = structuredClone(model);
  const pairsOf = ({ middle }: LevelCounts) => [...middle.values()].reduce((sum, pairs) => sum + pairs, 0);
  for (const middle of MIDDLES) {
    const given = trained.middle[middle];
    const shareApart = ((apart.middle.get(middle) ?? 0) + PRIOR_PAIRS) / (pairsOf(apart) + PRIOR_PAIRS);
    const shareSame =
      ((same.middle.get(middle) ?? 0) + PRIOR_PAIRS) / (pairsOf(same) + PRIOR_PAIRS / (given * shareApart));
    trained.middle[middle] = given ** (1 - trust) * (shareSame / shareApart) ** trust;
  }
  return trained;
}

function isWrong(level: string): boolean {
  return level.startsWith('different');
}

/** Levels of which each pair reaches one: the gender's are other ones where the given name agrees. */
function alternativesIn(table: TrainedTable, weights: object): string[][] {
  const levels = Object.keys(weights).filter((level) => isTrained(table, level));
  if (table !== 'gender') return [levels];
  return [levels.filter((level) => !level.includes('name')), levels.filter((level) => level.includes('name'))];
}

/**
 * Levels whose weights stay as they are: of a date known in part, which are no alternatives to those of a whole one; of the
 * first of January, which stands for an unknown day oftener in life than in any synthetic feed; of a wildcard.
 */
function isTrained(table: TrainedTable, level: string): boolean {
  return !(table === 'date' && OTHER_DATES.has(level)) && level !== 'beginning';
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
