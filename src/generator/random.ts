/** Draws a number from [0, 1). */
export type Random = () => number;

/**
 * A stream of random numbers that depends on nothing but its path: the same numbers give the same stream, and streams
 * of different paths are unrelated. So each neighbourhood can be made by itself, whatever came before it.
 * Algorithm: sfc32 (Chris Doty-Humphrey, PractRand 0.94, public domain), seeded through the finaliser of MurmurHash3.
 */
export function createRandom(...path: number[]): Random {
  let a = 0x9e3779b9;
  let b = 0x243f6a88;
  let c = 0xb7e15162;
  for (const step of path) {
    // Two halves, so that numbers beyond 32 bits count whole.
    a = mix(a ^ step);
    b = mix(b ^ Math.floor(step / 0x1_0000_0000) ^ a);
    c = mix(c + a);
  }
  let counter = 1;
  const next = () => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return (sum >>> 0) / 0x1_0000_0000;
  };
  for (let round = 0; round < 12; round++) next();
  return next;
}

/** A number from a text, for streams whose path is one (32 bits, FNV-1a). */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

export function chance(random: Random, probability: number): boolean {
  return random() < probability;
}

/** A whole number from `from` to `to`, both included. */
export function between(random: Random, from: number, to: number): number {
  return from + Math.floor(random() * (to - from + 1));
}

/** One of the values, each as likely. @throws RangeError where there is none */
export function pick<T>(random: Random, values: readonly T[]): T {
  if (values.length === 0) throw new RangeError('There is nothing to pick from');
  return values[Math.floor(random() * values.length)] as T;
}

function mix(value: number): number {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
