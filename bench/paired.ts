/** How much longer the one of two things took than the other, in milliseconds, over many pairs. */
export interface Difference {
  pairs: number;
  /** Median time of one of them. */
  medianMs: number;
  /** Median of the differences within pairs, with the bounds of its 95% interval. */
  difference: number;
  from: number;
  to: number;
}

/** Two-sided 95% of the normal distribution. */
const Z = 1.96;

/**
 * The interval is that between two of the differences in their order, so that nothing is assumed of how they are
 * distributed: of n values the median lies between those ranked n/2 ± z·√n/2 (the binomial distribution's).
 * @param differences of each pair
 * @param times of one of each pair
 */
export function describeDifference(differences: number[], times: number[]): Difference {
  const sorted = [...differences].sort((a, b) => a - b);
  const pairs = sorted.length;
  const margin = (Z * Math.sqrt(pairs)) / 2;
  const at = (rank: number) => sorted[Math.min(pairs - 1, Math.max(0, rank))] ?? Number.NaN;
  return {
    pairs,
    medianMs: rounded(median([...times].sort((a, b) => a - b))),
    difference: rounded(median(sorted)),
    from: rounded(at(Math.floor(pairs / 2 - margin) - 1)),
    to: rounded(at(Math.ceil(pairs / 2 + margin))),
  };
}

function median(sorted: number[]): number {
  const half = sorted.length / 2;
  return ((sorted[Math.ceil(half) - 1] ?? Number.NaN) + (sorted[Math.floor(half)] ?? Number.NaN)) / 2;
}

function rounded(ms: number): number {
  return Math.round(ms * 10_000) / 10_000;
}
