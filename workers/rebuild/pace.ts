import { setTimeout as delay } from 'node:timers/promises';

const SMALLEST = 100;
const LARGEST = 250;
/** An answer that comes sooner asks for more at once, one that takes four times as long for less. */
const QUICK_MS = 250;
const SLOW_MS = 1_000;
const LOOKED_AT_EVERY_MS = 500;
const REST_WHILE_BEHIND_MS = 500;

/** How much a rebuild writes at once, and how long it rests between. */
export interface Pace {
  size(): number;
  /** Everything was taken, in that time. */
  answered(ms: number): void;
  /** Elasticsearch asked for patience. */
  refused(): void;
  /** Longer while live changes wait, so that they come first. */
  rest(signal: AbortSignal): Promise<void>;
}

/** @param isBehind whether live changes wait for longer, or in greater numbers, than they should */
export function createPace(isBehind: () => Promise<boolean>): Pace {
  let size = LARGEST;
  let behind = false;
  let lookedAt = 0;
  const bounded = (wanted: number) => Math.round(Math.min(LARGEST, Math.max(SMALLEST, wanted)));
  return {
    size: () => (behind ? SMALLEST : size),
    answered(ms) {
      if (ms < QUICK_MS) size = bounded(size * 1.25);
      if (ms > SLOW_MS) size = bounded(size / 2);
    },
    refused() {
      size = bounded(size / 2);
    },
    async rest(signal) {
      if (Date.now() - lookedAt >= LOOKED_AT_EVERY_MS) {
        lookedAt = Date.now();
        behind = await isBehind();
      }
      if (behind) await delay(REST_WHILE_BEHIND_MS, undefined, { signal });
    },
  };
}
