import type { TokenComparison } from './compare-names.js';
import type { NamePart } from './normalise.js';

/** How a stated parent's name compares with a recorded one; the family name may be the child's own, and then says little. */
export const PARENT_LEVELS = [
  'same',
  'same-and-childs-family',
  'alike',
  'alike-and-childs-family',
  'given-only',
  'family-only',
  'family-only-childs',
  'different',
] as const;
export type ParentLevel = (typeof PARENT_LEVELS)[number];

const NEAR = new Set(['exact', 'spelling', 'nickname', 'slip', 'typo', 'phonetic', 'initial', 'two-typos']);

/** Names are whole: given names first, family name last. `childs` tells whether a family token is the child's as well. */
export function compareParents(
  stated: NamePart,
  recorded: NamePart,
  childs: (token: string) => boolean,
  compare: TokenComparison,
): ParentLevel {
  const own = recorded.tokens.at(-1) as string;
  const shared = childs(own);
  if (stated.joined === recorded.joined) return shared ? 'same-and-childs-family' : 'same';
  const given = compare(stated.tokens[0] as string, recorded.tokens[0] as string, 'given');
  const family = compare(stated.tokens.at(-1) as string, own, 'family');
  if (stated.tokens.length === 1) {
    if (NEAR.has(given)) return 'given-only';
    if (NEAR.has(family)) return shared ? 'family-only-childs' : 'family-only';
    return 'different';
  }
  if (NEAR.has(given) && NEAR.has(family)) {
    const exact = given === 'exact' && family === 'exact';
    if (shared) return exact ? 'same-and-childs-family' : 'alike-and-childs-family';
    return exact ? 'same' : 'alike';
  }
  if (stated.tokens.some((token) => token.length > 2 && token !== own && recorded.tokens.includes(token)))
    return 'given-only';
  if (NEAR.has(given)) return 'given-only';
  if (NEAR.has(family)) return shared ? 'family-only-childs' : 'family-only';
  return 'different';
}
