import type { Caller } from '../../caller.js';
import type { ChildFacts } from '../../db/children.js';
import type { SearchExplanation } from '../../schemas/search.js';
import type { Candidates } from '../../search/candidates.js';
import type { CandidatePlan } from '../../search/plan.js';
import type { Visible } from '../visibility.js';
import type { Ranking } from './rank.js';

/** One question to the index, and what came of it. */
export interface Look {
  plan: CandidatePlan;
  candidates: Candidates;
}

export function mayExplain(caller: Caller): boolean {
  return caller.role === 'management-team';
}

/**
 * How the answer came about: the blocking rules of each look, and for each result the rules it met and the weights that
 * make its score, as a waterfall. Made of what the caller sees alone: it counts no candidates, and what was left
 * out of the question is left out here.
 */
export function explain(results: Ranking<Visible<ChildFacts>>['results'], looks: Look[]): SearchExplanation {
  return {
    looks: looks.map(({ plan }) => ({
      candidatesAtMost: plan.size,
      rules: plan.rules.map(({ name, worth, clauses }) => ({ name, worth, query: clauses })),
    })),
    results: results.map(({ child, scored }) => ({
      childId: child.childId,
      rules: looks.flatMap(({ candidates }) => candidates.rules.get(child.childId) ?? []),
      prior: rounded(scored.prior),
      levels: scored.levels.map(({ field, level, bits }) => ({ field, level, bits: rounded(bits) })),
      household: rounded(scored.household),
      weight: rounded(scored.weight),
      floor: scored.floor,
      score: scored.score,
    })),
  };
}

function rounded(bits: number): number {
  return Math.round(bits * 100) / 100;
}
