import { chance, pick, type Random } from './random.js';
import { homophones, nicknames, transliterations } from './spellings.js';
import { capitaliseLike, inWord, respell, slip } from './typos.js';

/**
 * Makes one kind of error in a value. Answers undefined where the value doesn't lend itself to it; otherwise the answer
 * differs from the value. Nothing here comes from src/matching: what is measured must not make its own test.
 */
export type ErrorMaker = (value: string, random: Random) => string | undefined;

/** Errors in either name. */
export const nameErrors = {
  typo: (name, random) => inWord(name, random, (word) => slip(word, random)),
  'two-typos': twoTypos,
  phonetic,
  transliteration: (name, random) => inWord(name, random, (word) => lookUp(transliterations, word, random)),
  diacritics: dropMarks,
  punctuation: dropPunctuation,
  case: changeCase,
} satisfies Record<string, ErrorMaker>;

/** Errors in given names only. */
export const givenNameErrors = {
  ...nameErrors,
  nickname: (names, random) => onFirst(names, (first) => lookUp(nicknames, first, random)),
  'middle-missing': (names) => (names.includes(' ') ? names.slice(0, names.indexOf(' ')) : undefined),
  'middle-extra': (names, random) => {
    const extra = pick(random, extraNames);
    return names === '' || names.includes(extra) ? undefined : `${names} ${extra}`;
  },
} satisfies Record<string, ErrorMaker>;

/** Errors in family names only. */
export const familyNameErrors = {
  ...nameErrors,
  'barrel-swapped': (name) => {
    const barrels = splitBarrels(name);
    return barrels && barrels.first !== barrels.second ? `${barrels.second}${barrels.mark}${barrels.first}` : undefined;
  },
  'barrel-half': (name, random) => {
    const barrels = splitBarrels(name);
    return barrels && (chance(random, 0.5) ? barrels.first : barrels.second);
  },
} satisfies Record<string, ErrorMaker>;

const extraNames = [
  'James',
  'Rose',
  'Lee',
  'Marie',
  'Ali',
  'Grace',
  'John',
  'Ann',
  'Noor',
  'Maria',
  'Alexander',
  'Jane',
];

/** Words that belong to the name after them: `da Silva` has one barrel. */
const particles = new Set([
  'da',
  'de',
  'dos',
  'das',
  'del',
  'di',
  'la',
  'le',
  'van',
  'von',
  'der',
  'den',
  'al',
  'el',
  'bin',
  'bint',
  'ap',
  'ó',
  'o',
  'ní',
  'mac',
  'nic',
  'mc',
  'st',
  'jn',
  'd',
  'abu',
  'ud',
]);

/** A slip in each half of a word: never twice in the same place, where the second might undo the first. */
function twoTypos(name: string, random: Random): string | undefined {
  return inWord(name, random, (word) => {
    const letters = [...word];
    const middle = Math.ceil(letters.length / 2);
    const halves = [letters.slice(0, middle), letters.slice(middle)].map((half) => slip(half.join(''), random));
    return letters.length < 5 || halves.includes(undefined) ? undefined : halves.join('');
  });
}

function phonetic(name: string, random: Random): string | undefined {
  return inWord(name, random, (word) => lookUp(homophones, word, random) ?? respell(word, random));
}

function dropMarks(name: string): string | undefined {
  const plain = name
    .replace(/[łŁøØđĐıßæÆ]/g, (letter) => unmarked[letter]!)
    .normalize('NFD')
    .replace(/\p{M}/gu, '');
  return plain === name ? undefined : plain;
}

const unmarked: Record<string, string> = {
  ł: 'l',
  Ł: 'L',
  ø: 'o',
  Ø: 'O',
  đ: 'd',
  Đ: 'D',
  ı: 'i',
  ß: 'ss',
  æ: 'ae',
  Æ: 'Ae',
};

/** Hyphen or apostrophe gone, with or without a space in its place. */
function dropPunctuation(name: string, random: Random): string | undefined {
  if (!/['’-]/.test(name)) return undefined;
  return name.replace(/['’-]/g, chance(random, 0.5) ? ' ' : '').trim();
}

function changeCase(name: string, random: Random): string | undefined {
  const changed = chance(random, 0.6) ? name.toUpperCase() : name.toLowerCase();
  return changed === name ? undefined : changed;
}

function splitBarrels(name: string): { first: string; second: string; mark: string } | undefined {
  const [, first, mark, second] = /^([^\s-]+)([\s-])([^\s-]+)$/.exec(name) ?? [];
  if (!first || !mark || !second || particles.has(first.toLowerCase())) return undefined;
  return { first, second, mark };
}

function onFirst(names: string, change: (first: string) => string | undefined): string | undefined {
  const [first, ...rest] = names.split(' ') as [string, ...string[]];
  const changed = change(first);
  return changed === undefined || changed === first ? undefined : [changed, ...rest].join(' ');
}

function lookUp(table: ReadonlyMap<string, readonly string[]>, name: string, random: Random): string | undefined {
  const others = table.get(name.toLowerCase());
  return others && capitaliseLike(pick(random, others), name);
}
