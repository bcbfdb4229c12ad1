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

/** Of values in ascending order; 0 of none. */
export function percentile(sorted: readonly number[], share: number): number {
  const at = sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)];
  return at === undefined ? 0 : Math.round(at * 100) / 100;
}

export function round(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}
