import type { NameLevel, PartComparison } from './compare-names.js';
import type { Role } from './compare-tokens.js';
import type { Model } from './model/model.js';
import { groupMembers, nicknameGroups } from './nicknames.js';
import type { NamePart } from './normalise.js';
import { remember } from './remember.js';
import type { NameFrequencies } from './types.js';

/** Share of names that begin with the most likely letters: what an initial says. */
const INITIAL_SHARE = 1 / 12;
/** Share of names left by each letter that a wildcard leaves fixed. */
const BEGINNING_SHARE = 0.25;
const LONGEST_WITH_NEIGHBOURS = 20;

/** How likely names are to be typed, by this model in this directory. Remembers what it has worked out: keep one a search. */
export interface NameOdds {
  /** Probability that somebody who looks for any child types this name in this role. */
  anybody(name: NamePart, role: Role): number;
  /** How many times likelier a name is typed for the child that it was compared with than for any child. */
  ratio(typed: NamePart, comparison: PartComparison, recorded: NamePart, role: Role): number;
}

/**
 * A noisy channel: P(typed | recorded) comes from the level's weight, P(typed) from the directory's frequencies and from
 * what is typed for other names (nicknames). It makes `u` depend on how common the name is (Winkler 1988, and what Splink
 * calls term frequency adjustment), for inexact levels too.
 */
export function createNameOdds(model: Model, frequencies: NameFrequencies): NameOdds {
  const { pseudoChildren, commonGiven, commonFamily, unlisted } = model.prior;
  const size = frequencies.children + pseudoChildren;

  const shareOf = (token: string, role: Role) => {
    return role === 'given' ? frequencies.given(token) : frequencies.family(token);
  };

  function bearers(token: string, role: Role, unlistedCount: number): number {
    const share = shareOf(token, role);
    if (share === undefined) return unlistedCount / size;
    return (share * frequencies.children + pseudoChildren * (role === 'given' ? commonGiven : commonFamily)) / size;
  }

  /** Share of searches in which this token is typed, for whatever child. */
  const given = remember((token) => searchesFor(token, 'given') + typedForOtherNames(token));
  const family = remember((token) => searchesFor(token, 'family'));
  const tokenOdds = (token: string, role: Role) => (role === 'given' ? given : family)(token);

  function searchesFor(token: string, role: Role): number {
    if (token.length === 1) return model[role].initial.m * INITIAL_SHARE;
    return bearers(token, role, unlisted) + mistypedFromNeighbours(token, role) + misspeltFromAfar(token, role);
  }

  /** A string that is one edit from Smith is more often Smith mistyped than any rarer name. */
  function mistypedFromNeighbours(token: string, role: Role): number {
    if (token.length < 3 || token.length > LONGEST_WITH_NEIGHBOURS) return 0;
    return frequencies.near(token, role) * likelihood('typo', token.length, role);
  }

  /** Names further off can't be listed, but so many of them come near enough by chance. */
  function misspeltFromAfar(token: string, role: Role): number {
    const { phonetic, twoTypos, close } = model.byChance;
    return (
      phonetic * likelihood('phonetic', token.length, role) +
      twoTypos * 0.5 ** Math.max(0, token.length - 5) * likelihood('two-typos', token.length, role) +
      close * likelihood('close', token.length, role)
    );
  }

  /** Probability of one certain string, typed for a name of this length at this level. */
  function likelihood(level: NameLevel, length: number, role: Role): number {
    const { m, ways } = model[role][level];
    if (level === 'slip' || level === 'typo') return m / (ways * length);
    return m / (ways * (level === 'two-typos' ? length ** 2 : 1));
  }

  /** Bill is typed far more often than it is registered. */
  function typedForOtherNames(token: string): number {
    const { m, ways } = model.given.nickname;
    let odds = 0;
    for (const group of nicknameGroups(token)) {
      const [head] = groupMembers(group);
      if (group.startsWith('n:') && head !== undefined && head !== token)
        odds += bearers(head, 'given', 0) * (m / ways);
    }
    return odds;
  }

  function anybody(name: NamePart, role: Role): number {
    const [first, ...others] = name.tokens as [string, ...string[]];
    const beside = role === 'given' ? model.middle.typed : model.doubled;
    const each = others.reduce((odds, token) => odds * tokenOdds(token, role), tokenOdds(first, role));
    if (others.length === 0) return each;
    // Two names, or one with a space too many.
    return Math.max(each * beside ** others.length, tokenOdds(name.joined, role) * model.spaced);
  }

  return {
    anybody,
    ratio(typed, comparison, recorded, role) {
      const weight = model[role][comparison.level];
      if (comparison.level === 'different') return weight.m;
      const replaced = model[role].different.m;
      if (comparison.level === 'initial') return initialRatio(comparison, weight.m) + replaced;
      if (comparison.level === 'beginning') return Math.min(weight.m / BEGINNING_SHARE ** typed.joined.length, size);
      // Middle names are weighed apart.
      const odds = role === 'given' ? tokenOdds(comparison.typed, role) : anybody(typed, role);
      let chance = likelihood(comparison.level, comparison.recorded.length, role);
      if (comparison.level === 'part' || comparison.level === 'part-alike') {
        chance /= recorded.tokens.length;
        if (role === 'family') for (const token of comparison.beside) chance *= tokenOdds(token, role);
      }
      // Whatever was typed, this child is one of those it may have been typed for: no evidence exceeds its name's rarity.
      const most = 1 / bearers(comparison.recorded, role, 1);
      const ratio = Math.min(chance / odds, most) + replaced;
      return role === 'given' && comparison.middle !== 'none' ? ratio * model.middle[comparison.middle] : ratio;
    },
  };

  function initialRatio(comparison: PartComparison, m: number): number {
    // Whether an initial was typed or recorded, it says the first letter and nothing more.
    return Math.min(comparison.typed.length === 1 ? m / (m * INITIAL_SHARE) : 0.7 / INITIAL_SHARE, 1 / INITIAL_SHARE);
  }
}
