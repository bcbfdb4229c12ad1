import { doubleMetaphone } from 'double-metaphone';

/**
 * Sound codes of one token, prefixed so that both kinds live in one index field: `m:` Double Metaphone (Philips 2000),
 * main and alternate; `s:` the consonant skeleton below.
 */
export function phoneticKeys(token: string): string[] {
  const keys = new Set<string>();
  for (const code of doubleMetaphone(token)) if (code !== '') keys.add(`m:${code}`);
  const skeleton = consonantSkeleton(token);
  if (skeleton !== '') keys.add(`s:${skeleton}`);
  return [...keys];
}

const SPELLINGS: readonly (readonly [RegExp, string])[] = [
  [/^(kn|gn|pn)/, 'n'],
  [/^wr/, 'r'],
  [/^ps/, 's'],
  [/^x/, 's'],
  [/^wh/, 'w'],
  [/^(mc|mac)(?=[a-z]{3})/, 'mk'],
  [/tsch|tch|cz|ć/g, 'C'],
  [/sch|sz|sh/g, 'S'],
  [/ph/g, 'f'],
  [/gh(?=[aeiouy])/g, 'g'],
  [/([aeiou])gh/g, '$1'],
  [/dge|dg|dj|dzh|zh/g, 'j'],
  [/rz/g, 'j'],
  [/ch(?=[rl])/g, 'k'],
  [/ch/g, 'C'],
  [/([bdgkt])h/g, '$1'],
  [/ck|q/g, 'k'],
  [/c(?=[eiy])/g, 's'],
  [/c/g, 'k'],
  [/x/g, 'ks'],
  [/([aeiou])w(?![aeiou])/g, '$1'],
  [/z/g, 's'],
  [/w/g, 'v'],
  [/g(?=[ei])/g, 'j'],
];

/**
 * What is left of a name when only the consonants that survive re-spelling are kept: made for names that reach an English
 * form by ear or from another script (Chaudhry/Chowdhury, Wojciech/Vojcieh, Mohammed/Mhmd, Khadija/Kadeejah).
 * Vowels, h, doubled letters and the voicing that spellings disagree on go; a vowel in front is kept as `a`.
 */
export function consonantSkeleton(token: string): string {
  let sounds = token.replace(/([a-z])\1+/g, '$1');
  for (const [spelling, sound] of SPELLINGS) sounds = sounds.replace(spelling, sound);
  const first = /^[aeiou]/.test(sounds) ? 'a' : '';
  return first + sounds.replace(/[aeiouyh0-9]/g, '').replace(/(.)\1+/g, '$1');
}
