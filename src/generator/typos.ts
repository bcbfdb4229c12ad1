import { chance, pick, type Random } from './random.js';

const neighbours: Record<string, string> = {
  a: 'qsz',
  b: 'vgn',
  c: 'xdv',
  d: 'sfe',
  e: 'wrd',
  f: 'dgr',
  g: 'fht',
  h: 'gjy',
  i: 'uok',
  j: 'hku',
  k: 'jli',
  l: 'ko',
  m: 'n',
  n: 'bm',
  o: 'ipl',
  p: 'ol',
  q: 'wa',
  r: 'etf',
  s: 'adw',
  t: 'ryg',
  u: 'yij',
  v: 'cb',
  w: 'qes',
  x: 'zc',
  y: 'tuh',
  z: 'xs',
};

/** One slip of the fingers: a letter wrong, doubled, added, left out, or two changed over. Undefined for less than two letters. */
export function slip(text: string, random: Random): string | undefined {
  const letters = [...text];
  const places = letters.flatMap((letter, place) => (/\p{L}/u.test(letter) ? [place] : []));
  if (places.length < 2) return undefined;
  for (let attempt = 0; attempt < 20; attempt++) {
    // First letters are watched more closely than the rest.
    const place = chance(random, 0.1) ? places[0]! : pick(random, places.slice(1));
    const changed = capitaliseLike(slipAt([...letters], place, places.length, random), text);
    if (changed !== text) return changed;
  }
  return undefined;
}

function slipAt(letters: string[], place: number, count: number, random: Random): string {
  const letter = letters[place]!;
  const near = nearTo(letter, random);
  const draw = random();
  if (draw < 0.4) letters[place] = near;
  else if (draw < 0.6 && count > 3) letters.splice(place, 1);
  else if (draw < 0.8) letters.splice(place + 1, 0, chance(random, 0.5) ? letter.toLowerCase() : near.toLowerCase());
  else swapLetters(letters, place);
  return letters.join('');
}

/** Changes a letter over with the one before it; capitals stay where they were. */
function swapLetters(letters: string[], place: number): void {
  const before = letters[place - 1];
  if (before === undefined || !/\p{L}/u.test(before)) return;
  const letter = letters[place]!;
  const capital = isCapital(before);
  letters[place - 1] = capital ? letter.toUpperCase() : letter;
  letters[place] = capital && !isCapital(letter) ? before.toLowerCase() : before;
}

function nearTo(letter: string, random: Random): string {
  const near = pick(random, [...(neighbours[letter.toLowerCase()] ?? 'aeiou')]);
  return isCapital(letter) ? near.toUpperCase() : near;
}

function isCapital(letter: string): boolean {
  return letter !== letter.toLowerCase();
}

/** Ways to write down a name as it is heard. Patterns are of lower case. */
const heard: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  [/ph/, 'f'],
  [/ck/, 'k'],
  [/(?<=[aeiou])k$/, 'ck'],
  [/c(?=[aou])/, 'k'],
  [/k(?=[aou])/, 'c'],
  [/c(?=[ei])/, 's'],
  [/(?<=.)ie$/, 'y'],
  [/(?<=.)ey$/, 'y'],
  [/(?<=[^aeo])y$/, 'ie'],
  [/(?<=[^aeiou])y(?=[^aeiou])/, 'i'],
  [/(?<=[^aeiou])i(?=[^aeiou])/, 'y'],
  [/ee/, 'ea'],
  [/ea/, 'ee'],
  [/ai(?=.)/, 'ay'],
  [/ay(?=[^aeiou])/, 'ai'],
  [/ei/, 'ie'],
  [/ou/, 'oo'],
  [/oo/, 'u'],
  [/au/, 'aw'],
  [/aw/, 'au'],
  [/(?<=[aeiou])([lnrstp])(?=[aeiouy])/, '$1$1'],
  [/([lnrstpbdfgm])\1/, '$1'],
  [/(?<=[aeiou])z(?=[aeiou])/, 's'],
  [/(?<=[aeiou])s(?=[aeiou])/, 'z'],
  [/x(?=.)/, 'ks'],
  [/qu/, 'kw'],
  [/^kn/, 'n'],
  [/^wr/, 'r'],
  [/^wh/, 'w'],
  [/mb$/, 'm'],
  [/gh(?=t|$)/, ''],
  [/th(?=[om])/, 't'],
  [/(?<=[^aeiou][^aeiou])e$/, ''],
  [/(?<=[a-z]{2}[^aeiouy])e$/, ''],
  [/ah$/, 'a'],
  [/(?<=[a-z]{2})a$/, 'ah'],
  [/^mac/, 'mc'],
  [/^mc/, 'mac'],
  [/(?<=.)son$/, 'sen'],
  [/er$/, 'ar'],
  [/ar$/, 'er'],
  [/en$/, 'an'],
  [/an$/, 'en'],
  [/^j(?=[ei])/, 'g'],
  [/w/, 'v'],
  [/sz/, 'sh'],
  [/cz/, 'ch'],
  [/kh/, 'k'],
  [/dh/, 'd'],
  [/bh/, 'b'],
  [/oh(?=.)/, 'o'],
];

/** The same sound written in another way; undefined where no rule fits. */
export function respell(text: string, random: Random): string | undefined {
  const lower = text.toLowerCase();
  const fitting = heard.filter(([pattern]) => pattern.test(lower));
  if (fitting.length === 0) return undefined;
  const [pattern, replacement] = pick(random, fitting);
  const changed = lower.replace(pattern, replacement);
  return changed.length < 2 ? undefined : capitaliseLike(changed, text);
}

/** Gives a word the capitals of its model: the first letter, or the one after Mc, O' or a hyphen. */
export function capitaliseLike(word: string, model: string): string {
  if (!isCapital(model[0] ?? '')) return word;
  return word.replace(/^\p{L}|(?<=[-'\s])\p{L}|(?<=^mc)\p{L}/gu, (letter) => letter.toUpperCase());
}

/** Makes the error in one word of the name: the first mostly, another where that one can't have it. */
export function inWord(name: string, random: Random, change: (word: string) => string | undefined): string | undefined {
  const words = name.split(' ');
  const start = chance(random, 0.75) ? 0 : Math.floor(random() * words.length);
  for (let step = 0; step < words.length; step++) {
    const at = (start + step) % words.length;
    const changed = change(words[at]!);
    if (changed !== undefined && changed !== words[at])
      return [...words.slice(0, at), changed, ...words.slice(at + 1)].join(' ');
  }
  return undefined;
}
