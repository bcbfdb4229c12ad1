import { setTimeout as sleep } from 'node:timers/promises';

export interface Patience {
  seconds?: number;
  /** Milliseconds between two looks. */
  every?: number;
}

/**
 * Looks until the condition holds, and returns what it gave. One that throws does not hold yet.
 * @throws when the time is over, with what the last look gave
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  { seconds = 10, every = 50 }: Patience = {},
): Promise<NonNullable<T>> {
  const deadline = Date.now() + seconds * 1_000;
  for (;;) {
    let last: unknown;
    try {
      const given = await condition();
      if (given) return given;
      last = given;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`still not so after ${seconds} s: ${condition}`, { cause: last });
    await sleep(every);
  }
}

/** Does the work and tells how long it took, in milliseconds. */
export async function timed<T>(work: () => Promise<T>): Promise<{ result: T; ms: number }> {
  const began = performance.now();
  const result = await work();
  return { result, ms: Math.round(performance.now() - began) };
}
