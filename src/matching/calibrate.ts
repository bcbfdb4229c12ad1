import type { Calibration } from './model/model.js';

/** The candidates of one search whose answer is known. */
export interface JudgedSearch {
  /** Odds of each candidate that is worth listing, uncalibrated. */
  odds: readonly number[];
  /** Position of the child asked for; undefined where it is none of them. */
  target: number | undefined;
}

/** How far slope and intercept are expected to lie from 1 and 0 before anything was seen: standard deviations. */
const SLOPE_SD = 0.1;
const INTERCEPT_SD = 0.5;
const MOST_STEPS = 50;
const CLOSE_ENOUGH = 1e-6;

/**
 * The calibration under which the right answers were likeliest: logistic regression of the answer on the logarithm of the
 * odds, over the list as weighRivals has it (a conditional logit; McFadden 1974), with normal priors that keep both numbers
 * where they are while little was seen. The function is concave: Newton's steps lead to the one best point.
 */
export function fitCalibration(searches: readonly JudgedSearch[]): Calibration {
  let current: Calibration = { slope: 1, intercept: 0 };
  let best = likelihood(searches, current);
  for (let step = 0; step < MOST_STEPS; step++) {
    const { slope, intercept } = newtonStep(searches, current);
    let size = 1;
    let next = current;
    let likelier = best;
    // A whole step may overshoot.
    for (; size > CLOSE_ENOUGH && likelier <= best; size /= 2) {
      next = { slope: current.slope + size * slope, intercept: current.intercept + size * intercept };
      likelier = likelihood(searches, next);
    }
    if (likelier - best < CLOSE_ENOUGH) break;
    [current, best] = [next, likelier];
  }
  return current;
}

/** That each candidate is the child asked for, and that none of them is. */
function probabilities(odds: readonly number[], { slope, intercept }: Calibration): { each: number[]; none: number } {
  const weights = odds.map((value) => Math.exp(intercept) * value ** slope);
  const total = weights.reduce((sum, weight) => sum + weight, 1);
  return { each: weights.map((weight) => weight / total), none: 1 / total };
}

/** Logarithm, priors included, up to a constant. */
function likelihood(searches: readonly JudgedSearch[], calibration: Calibration): number {
  const { slope, intercept } = calibration;
  let sum = -(((slope - 1) / SLOPE_SD) ** 2 + (intercept / INTERCEPT_SD) ** 2) / 2;
  for (const { odds, target } of searches) {
    const { each, none } = probabilities(odds, calibration);
    sum += Math.log(Math.max(Number.MIN_VALUE, target === undefined ? none : (each[target] as number)));
  }
  return sum;
}

function newtonStep(searches: readonly JudgedSearch[], calibration: Calibration): Calibration {
  const { slope, intercept } = calibration;
  const gradient = { slope: (1 - slope) / SLOPE_SD ** 2, intercept: -intercept / INTERCEPT_SD ** 2 };
  const curvature = { slope: 1 / SLOPE_SD ** 2, intercept: 1 / INTERCEPT_SD ** 2, both: 0 };
  for (const { odds, target } of searches) {
    const { each, none } = probabilities(odds, calibration);
    const logs = odds.map(Math.log);
    const mean = each.reduce((sum, share, at) => sum + share * (logs[at] as number), 0);
    const square = each.reduce((sum, share, at) => sum + share * (logs[at] as number) ** 2, 0);
    gradient.intercept += target === undefined ? none - 1 : none;
    gradient.slope += (target === undefined ? 0 : (logs[target] as number)) - mean;
    curvature.intercept += none * (1 - none);
    curvature.slope += square - mean ** 2;
    curvature.both += mean * none;
  }
  const determinant = curvature.slope * curvature.intercept - curvature.both ** 2;
  return {
    slope: (gradient.slope * curvature.intercept - gradient.intercept * curvature.both) / determinant,
    intercept: (gradient.intercept * curvature.slope - gradient.slope * curvature.both) / determinant,
  };
}
