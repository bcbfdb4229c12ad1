import { type Calibration, calibrate } from './calibration.js';
import { type Outcome, type Recall, recallOf } from './recall.js';
import { type Spread, sortSlices, spreadOfOrigins } from './slices.js';
import { percentile } from './statistics.js';

export interface Measures extends Recall {
  /** All queries asked; `Recall.queries` are those with a target that meet the least criteria. */
  asked: number;
  noTarget: number;
  refused: number;
  invalid: number;
  tooMany: number;
  failed: number;
  /** Asked again because the API was busy; their times are those of the answer. */
  retried: number;
  p50: number;
  p95: number;
  p99: number;
  slices: Record<string, Recall>;
  /** Undefined where the queries don't say where names come from. */
  origins?: Spread;
  calibration: Calibration;
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
  const names = [...new Set(counted.flatMap(({ slices }) => slices))];
  const recalls = names.flatMap((name): [string, Recall][] => {
    const part = counted.filter((outcome) => outcome.slices.includes(name));
    return part.length < SMALLEST_SLICE ? [] : [[name, recallOf(part)]];
  });
  const slices = Object.fromEntries(sortSlices(recalls));
  const origins = spreadOfOrigins(slices);
  return {
    asked: outcomes.length,
    noTarget: outcomes.filter(({ hasTarget }) => !hasTarget).length,
    refused: count('refused'),
    invalid: count('invalid'),
    tooMany: count('too-many'),
    failed: count('failed'),
    retried: outcomes.filter(({ retried }) => retried).length,
    ...recallOf(counted),
    p50: percentile(times, 0.5),
    p95: percentile(times, 0.95),
    p99: percentile(times, 0.99),
    slices,
    ...(origins ? { origins } : {}),
    calibration: calibrate(outcomes.map(({ results }) => results)),
  };
}
