import { DirectoryError } from '../../errors.js';
import { MOST_PLAUSIBLE, type Scored, weighRivals } from '../../matching/index.js';

/** Least score of a result that is shown, of a plausible one, and of the bands of the contract. */
const LEAST = 0.05;
export const PLAUSIBLE = 0.5;
const POSSIBLE = 0.85;
const MATCH = 0.95;
/** Ahead by this much, one result stands alone. */
const MARGIN = 0.1;

export type Band = 'match' | 'possible' | 'weak';
export type Outcome = 'match' | 'candidates' | 'none';

export interface Ranked<T> {
  child: T;
  scored: Scored;
}

export interface Ranking<T> {
  outcome: Outcome;
  results: (Ranked<T> & { band: Band })[];
}

/** The same children, each with its probability beside the others: of those alone whom the caller may see. */
export function amongRivals<T>(found: Ranked<T>[]): Ranked<T>[] {
  const weighed = weighRivals(found.map(({ scored }) => scored));
  return found.map(({ child }, at) => ({ child, scored: weighed[at] as Scored }));
}

/**
 * From scored children, best first, to what may be shown of them.
 * @param incomplete there were more candidates than could be compared, so the best may be missing
 * @throws DirectoryError `too-many-matches` where more than fifty are plausible and none stands alone: no partial list
 */
export function rank<T>(sorted: Ranked<T>[], limit: number, incomplete: boolean): Ranking<T> {
  const shown = sorted.map(rounded).filter(({ scored }) => scored.score >= LEAST);
  const plausible = shown.filter(({ scored }) => scored.score >= PLAUSIBLE).length;
  const alone = standsAlone(shown);
  if (incomplete || (plausible > MOST_PLAUSIBLE && !alone)) {
    throw new DirectoryError(
      'too-many-matches',
      'More than 50 children match. Add a date of birth, a first name or an address.',
    );
  }
  const results = shown.slice(0, limit).map((entry) => ({ ...entry, band: bandOf(entry.scored.score) }));
  const first = results[0];
  if (!first) return { outcome: 'none', results };
  return { outcome: first.band === 'match' && alone ? 'match' : 'candidates', results };
}

/** Decided by what the caller is told: a 0.95 that is called possible would be a riddle. */
function rounded<T>({ child, scored }: Ranked<T>): Ranked<T> {
  return { child, scored: { ...scored, score: roundScore(scored.score) } };
}

function roundScore(score: number): number {
  return Math.round(score * 10_000) / 10_000;
}

function standsAlone<T>(sorted: Ranked<T>[]): boolean {
  const [first, ...others] = sorted;
  if (!first) return false;
  return others.every(({ scored }) => roundScore(first.scored.score - scored.score) >= MARGIN);
}

function bandOf(score: number): Band {
  if (score >= MATCH) return 'match';
  return score >= POSSIBLE ? 'possible' : 'weak';
}
