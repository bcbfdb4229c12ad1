/** What became of one query. `rank` counts from 1; undefined where the target was not among the results. */
export interface Outcome {
  kind: 'answered' | 'refused' | 'invalid' | 'too-many' | 'failed';
  hasTarget: boolean;
  rank?: number;
  /** Milliseconds from sending to the whole answer. */
  milliseconds: number;
  /** Score of the first result and whether it was the target, for calibration. */
  first?: { score: number; right: boolean };
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

export interface Measures extends Recall {
  /** All queries asked; `Recall.queries` are those with a target that meet the least criteria. */
  asked: number;
  noTarget: number;
  refused: number;
  invalid: number;
  tooMany: number;
  failed: number;
  p50: number;
  p95: number;
  p99: number;
  slices: Record<string, Recall>;
}

/** Slices smaller than this say nothing. */
const SMALLEST_SLICE = 10;

/** Recall is over queries with a target that the least criteria allow; too many matches count as not found. */
export function measure(outcomes: Outcome[]): Measures {
  const counted = outcomes.filter(({ kind, hasTarget }) => hasTarget && kind !== 'refused' && kind !== 'invalid');
  const count = (kind: Outcome['kind']) => outcomes.filter((outcome) => outcome.kind === kind).length;
  const times = outcomes
    .filter(({ kind }) => kind === 'answered' || kind === 'too-many')
    .map(({ milliseconds }) => milliseconds)
    .sort((a, b) => a - b);
  const names = [...new Set(counted.flatMap(({ slices }) => slices))].sort();
  const slices = names.flatMap((name): [string, Recall][] => {
    const part = counted.filter((outcome) => outcome.slices.includes(name));
    return part.length < SMALLEST_SLICE ? [] : [[name, recallOf(part)]];
  });
  return {
    asked: outcomes.length,
    noTarget: outcomes.filter(({ hasTarget }) => !hasTarget).length,
    refused: count('refused'),
    invalid: count('invalid'),
    tooMany: count('too-many'),
    failed: count('failed'),
    ...recallOf(counted),
    p50: percentile(times, 0.5),
    p95: percentile(times, 0.95),
    p99: percentile(times, 0.99),
    slices: Object.fromEntries(slices),
  };
}

function recallOf(outcomes: Outcome[]): Recall {
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

/** Wilson's score interval of a proportion at 95%. */
export function wilson(successes: number, trials: number): [number, number] {
  if (trials === 0) return [0, 1];
  const z = 1.959964;
  const p = successes / trials;
  const middle = p + (z * z) / (2 * trials);
  const spread = z * Math.sqrt((p * (1 - p)) / trials + (z * z) / (4 * trials * trials));
  const whole = 1 + (z * z) / trials;
  return [round((middle - spread) / whole), round((middle + spread) / whole)];
}

function percentile(sorted: number[], share: number): number {
  const at = sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)];
  return at === undefined ? 0 : Math.round(at * 100) / 100;
}

function round(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}
