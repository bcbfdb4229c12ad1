import type { Judged } from './calibration.js';
import { round, wilson } from './statistics.js';

/** What became of one query. `rank` counts from 1; undefined where the target was not among the results. */
export interface Outcome {
  kind: 'answered' | 'refused' | 'invalid' | 'too-many' | 'failed';
  hasTarget: boolean;
  /** The API was busy, and was asked again. */
  retried: boolean;
  rank?: number;
  /** Milliseconds from sending to the whole answer. */
  milliseconds: number;
  /** What was shown, best first. */
  results: Judged[];
  slices: string[];
}

export interface Recall {
  queries: number;
  recallAt1: number;
  recallAt10: number;
  /** 95% intervals (Wilson 1927), each [low, high]. */
  intervalAt1: [number, number];
  intervalAt10: [number, number];
  mrr: number;
}

export function recallOf(outcomes: readonly Outcome[]): Recall {
  const within = (limit: number) => outcomes.filter(({ rank }) => rank !== undefined && rank <= limit).length;
  const share = (found: number) => (outcomes.length === 0 ? 0 : round(found / outcomes.length));
  const reciprocal = outcomes.reduce((sum, { rank }) => sum + (rank === undefined ? 0 : 1 / rank), 0);
  return {
    queries: outcomes.length,
    recallAt1: share(within(1)),
    recallAt10: share(within(10)),
    intervalAt1: wilson(within(1), outcomes.length),
    intervalAt10: wilson(within(10), outcomes.length),
    mrr: share(reciprocal),
  };
}
