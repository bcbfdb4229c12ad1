import type { Context } from '../src/context.js';
import { ensureIndex } from '../src/search/aliases.js';

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

/**
 * Looks after the index at each call; of one that refuses the children less and less often, since time alone does not
 * help there, and each look is an error in the log.
 * @param now milliseconds, of a clock that only goes on
 */
export function createIndexKeeper(context: Context, now = () => performance.now()): () => Promise<void> {
  let pause = 0;
  let next = 0;
  return async () => {
    if (now() < next) return;
    const state = await ensureIndex(context);
    pause = state === 'refusing' ? Math.min(Math.max(pause * 2, FIRST_PAUSE_MS), LONGEST_PAUSE_MS) : 0;
    next = now() + pause;
  };
}
