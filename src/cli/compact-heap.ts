import { setFlagsFromString } from 'node:v8';

/**
 * Of processes that run for months: what they allocate lives for a request or a batch, and without this leaves more and more
 * pages half empty (docs/load.md). V8 reads the flag at each collection.
 */
export function compactHeap(): void {
  setFlagsFromString('--compact-on-every-full-gc');
}
