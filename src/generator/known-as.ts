import { chance, pick, type Random } from './random.js';
import { shortForms } from './spellings.js';

/** The name that a child goes by, where an office has noted one; empty otherwise. */
export function drawKnownAs(random: Random, first: string, afterMuhammad: boolean): string {
  // Of Muhammad Bilal everybody says Bilal.
  if (afterMuhammad) return chance(random, 0.25) ? first : '';
  const short = shortForms.get(first);
  return short && chance(random, 0.09) ? pick(random, short) : '';
}
