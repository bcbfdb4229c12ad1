import { round, wilson } from './statistics.js';

/** A score that was shown, and whether it was the child asked for. */
export interface Judged {
  score: number;
  right: boolean;
}

/** Results whose score lies in one tenth; the last holds 1 as well. */
export interface Tenth {
  from: number;
  to: number;
  cases: number;
  meanScore: number;
  shareRight: number;
  /** 95% interval of the share (Wilson 1927): [low, high]. */
  interval: [number, number];
  /**
   * Whether the score does as a probability: of results from 0.9 as many are right, of any other tenth within five points of
   * the mean score. Null where there are too few to say.
   */
  calibrated: boolean | null;
}

export interface Calibration {
  /** Of everything that was shown. */
  results: Tenth[];
  /** Of the first of each answer. */
  first: Tenth[];
}

const TENTHS = 10;
const ENOUGH = 200;
const POINTS = 0.05;

/** @param answers what each search showed, best first */
export function calibrate(answers: readonly (readonly Judged[])[]): Calibration {
  return { results: tenthsOf(answers.flat()), first: tenthsOf(answers.flatMap(([first]) => first ?? [])) };
}

/** Tenths in which nothing was shown are left out. */
function tenthsOf(judged: readonly Judged[]): Tenth[] {
  const tenths = Array.from({ length: TENTHS }, (): Judged[] => []);
  for (const result of judged) tenths[Math.min(TENTHS - 1, Math.floor(result.score * TENTHS + 1e-9))]!.push(result);
  return tenths.flatMap((results, at) => (results.length === 0 ? [] : [tenthOf(results, at)]));
}

function tenthOf(results: readonly Judged[], at: number): Tenth {
  const cases = results.length;
  const right = results.filter((result) => result.right).length;
  const meanScore = results.reduce((sum, { score }) => sum + score, 0) / cases;
  const shareRight = right / cases;
  const from = at / TENTHS;
  const fits = at === TENTHS - 1 ? shareRight >= from : Math.abs(shareRight - meanScore) <= POINTS;
  return {
    from,
    to: (at + 1) / TENTHS,
    cases,
    meanScore: round(meanScore),
    shareRight: round(shareRight),
    interval: wilson(right, cases),
    calibrated: cases < ENOUGH ? null : fits,
  };
}
