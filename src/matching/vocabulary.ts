import { compareTokens, type Role, TOKEN_LEVELS, type TokenLevel } from './compare-tokens.js';
import { createNameTrie, type NameTrie } from './name-trie.js';
import { groupMembers, nicknameGroups } from './nicknames.js';
import { phoneticKeys } from './phonetic.js';
import { FEW, remember } from './remember.js';
import type { NameFrequencies } from './types.js';

/** A name of the directory that a typed one may stand for. */
export interface Meant {
  name: string;
  /** As the score will call it. */
  level: TokenLevel;
  /** How many open children bear it; 0 where only other names, or shielded children's, hold it, or where it is new. */
  children: number;
}

/** All parts of names that occur in the directory, in given or in family names. */
export interface Vocabulary {
  readonly size: number;
  /** Open children whose current name has this part; undefined where no name has it. */
  childrenOf(name: string): number | undefined;
  /** Names at one edit. */
  near(name: string): string[];
  /** Names that a typed one may stand for, likeliest level first, within a level the rarer first; itself is not among them. */
  meantBy(typed: string): readonly Meant[];
}

const rank = new Map<TokenLevel, number>(TOKEN_LEVELS.map((level, at) => [level, at]));
const SHORTEST_MISTYPED = 3;
const TWO_EDITS_FROM = 5;

/** Takes names one after the other, so that hundreds of thousands need not be read, or sounded out, at one go. */
export interface VocabularyBuilder {
  /** @param name a normalised part; in order of code units, or `build` has to sort */
  add(name: string, children: number): void;
  build(): Vocabulary;
}

/**
 * Finds names by what the comparison of names forgives: one or two edits (a trie), the same sound (a table of sound codes),
 * the tables of nicknames and spellings. Each is then compared as the score will compare it, so that a search fetches
 * nobody whose name the score calls different.
 */
export function vocabularyBuilder(role: Role): VocabularyBuilder {
  const counts = new Map<string, number>();
  const bySound = new Map<string, string[]>();
  return {
    add(name, children) {
      const known = counts.get(name);
      counts.set(name, children);
      if (known !== undefined) return;
      for (const key of phoneticKeys(name)) {
        const alike = bySound.get(key);
        if (alike) alike.push(name);
        else bySound.set(key, [name]);
      }
    },
    build() {
      const names = [...counts.keys()];
      if (names.some((name, at) => at > 0 && (names[at - 1] as string) > name)) names.sort();
      const trie = createNameTrie(names);
      return {
        size: counts.size,
        childrenOf: (name) => counts.get(name),
        near: (name) => trie.within(name, 1).filter((other) => other !== name),
        meantBy: remember((typed) => lookUp(typed, role, counts, bySound, trie), FEW),
      };
    },
  };
}

function lookUp(
  typed: string,
  role: Role,
  counts: ReadonlyMap<string, number>,
  bySound: ReadonlyMap<string, readonly string[]>,
  trie: NameTrie,
): readonly Meant[] {
  if (typed.length < 2) return [];
  // An initial on record stands for the name that was typed.
  const found = new Set([typed[0] as string]);
  const addAll = (names: readonly string[]) => {
    for (const name of names) found.add(name);
  };
  if (typed.length >= SHORTEST_MISTYPED) addAll(trie.within(typed, typed.length < TWO_EDITS_FROM ? 1 : 2));
  for (const key of phoneticKeys(typed)) addAll(bySound.get(key) ?? []);
  for (const group of nicknameGroups(typed)) addAll(groupMembers(group));
  found.delete(typed);
  const meant: Meant[] = [];
  for (const name of found) {
    const children = counts.get(name);
    if (children === undefined) continue;
    const level = compareTokens(typed, name, role);
    if (level !== 'different') meant.push({ name, level, children });
  }
  return meant.sort(likeliestFirst);
}

function likeliestFirst(a: Meant, b: Meant): number {
  return rank.get(a.level)! - rank.get(b.level)! || a.children - b.children;
}

/** Two vocabularies asked as one; where both hold a name, the first one's count stands. */
export function joinVocabularies(first: Vocabulary, second: Vocabulary): Vocabulary {
  if (second.size === 0) return first;
  return {
    size: first.size + second.size,
    childrenOf: (name) => first.childrenOf(name) ?? second.childrenOf(name),
    near: (name) => [...new Set([...first.near(name), ...second.near(name)])],
    meantBy(typed) {
      const added = second.meantBy(typed).filter(({ name }) => first.childrenOf(name) === undefined);
      if (added.length === 0) return first.meantBy(typed);
      return [...first.meantBy(typed), ...added].sort(likeliestFirst);
    },
  };
}

/** Without the names that no open child bears. */
export function borneOpenly(vocabulary: Vocabulary): Vocabulary {
  return { ...vocabulary, meantBy: (typed) => vocabulary.meantBy(typed).filter(({ children }) => children > 0) };
}

/** A name that fewer children bear is called rare by its absence from the frequencies. */
const LEAST_COUNTED = 2;

/** How common names are, by two vocabularies. */
export function frequenciesOf(children: number, vocabularies: Record<Role, Vocabulary>): NameFrequencies {
  const share = (part: Role, name: string) => {
    const count = vocabularies[part].childrenOf(name) ?? 0;
    return count < LEAST_COUNTED || children === 0 ? undefined : count / children;
  };
  return {
    children,
    given: (name) => share('given', name),
    family: (name) => share('family', name),
    near: (name, part) => vocabularies[part].near(name).reduce((sum, other) => sum + (share(part, other) ?? 0), 0),
  };
}
