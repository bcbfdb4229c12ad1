import type { Random } from './random.js';

/** Draws a value as often as its weight says. */
export type Sampler<T> = (random: Random) => T;

/**
 * A sampler that takes the same time however many values there are: the alias method
 * (Walker 1974, with Vose's linear construction, IEEE Transactions on Software Engineering 17, 1991).
 * @param entries values with weights above 0, not necessarily adding up to anything
 * @throws RangeError where there are no values or a weight is not above 0
 */
export function createSampler<T>(entries: readonly (readonly [value: T, weight: number])[]): Sampler<T> {
  const count = entries.length;
  const total = entries.reduce((sum, [, weight]) => sum + weight, 0);
  if (count === 0 || entries.some(([, weight]) => !(weight > 0))) {
    throw new RangeError('A sampler needs values, each with a weight above 0');
  }
  const values = entries.map(([value]) => value);
  const share = Float64Array.from(entries, ([, weight]) => (weight * count) / total);
  const alias = new Uint32Array(count);
  const small: number[] = [];
  const large: number[] = [];
  for (let at = 0; at < count; at++) (share[at]! < 1 ? small : large).push(at);
  while (small.length > 0 && large.length > 0) {
    const less = small.pop()!;
    const more = large.pop()!;
    alias[less] = more;
    share[more] = share[more]! + share[less]! - 1;
    (share[more]! < 1 ? small : large).push(more);
  }
  // What is left is 1 but for rounding.
  for (const at of [...small, ...large]) share[at] = 1;
  return (random) => {
    const column = Math.floor(random() * count);
    return values[random() < share[column]! ? column : alias[column]!] as T;
  };
}

/**
 * Gives the values in turn, each as often as its weight says and as evenly between the others as can be: after any
 * number of turns none is more than one off its due. Smooth weighted round-robin, as nginx spreads requests.
 */
export function createRotation<T>(entries: readonly (readonly [value: T, weight: number])[]): () => T {
  const total = entries.reduce((sum, [, weight]) => sum + weight, 0);
  const credits = entries.map(() => 0);
  return () => {
    for (const [at, [, weight]] of entries.entries()) credits[at]! += weight;
    const next = credits.indexOf(Math.max(...credits));
    credits[next]! -= total;
    return entries[next]![0];
  };
}
