import type { ErrorMaker } from './errors.js';
import { pick, type Random } from './random.js';
import { inWord, slip } from './typos.js';

/** Errors in the first line of an address. */
export const addressErrors = {
  typo: (line, random) => inWord(line, random, (word) => (/^\p{L}{4,}/u.test(word) ? slip(word, random) : undefined)),
  abbreviation: (line, random) => {
    const found = Object.keys(streetWords).filter((word) => new RegExp(`\\b${word}\\b`).test(line));
    if (found.length === 0) return undefined;
    const word = pick(random, found);
    return line.replace(new RegExp(`\\b${word}\\b(?!.*\\b${word}\\b)`), pick(random, streetWords[word]!));
  },
} satisfies Record<string, ErrorMaker>;

export const townErrors = {
  typo: (town, random) => inWord(town, random, (word) => (word.length > 3 ? slip(word, random) : undefined)),
} satisfies Record<string, ErrorMaker>;

/** Errors in a postcode. A letter stays a letter and a digit a digit, so that it still looks like one. */
export const postcodeErrors = {
  'character-wrong': (postcode, random) => {
    const places = [...postcode].map((_, at) => at).filter((at) => postcode[at] !== ' ');
    if (places.length === 0) return undefined;
    const at = pick(random, places);
    return postcode.slice(0, at) + otherCharacter(postcode[at]!, random) + postcode.slice(at + 1);
  },
  'characters-swapped': (postcode, random) => {
    const places = [...postcode]
      .map((_, at) => at)
      .filter((at) => {
        const [a, b] = [postcode[at]!, postcode[at + 1] ?? ''];
        return a !== b && ((/[A-Z]/.test(a) && /[A-Z]/.test(b)) || (/\d/.test(a) && /\d/.test(b)));
      });
    if (places.length === 0) return undefined;
    const at = pick(random, places);
    return postcode.slice(0, at) + postcode[at + 1] + postcode[at] + postcode.slice(at + 2);
  },
} satisfies Record<string, ErrorMaker>;

const streetWords: Record<string, readonly string[]> = {
  Street: ['St', 'St.', 'Str'],
  Road: ['Rd', 'Rd.'],
  Avenue: ['Ave', 'Av', 'Ave.'],
  Close: ['Cl', 'Clo'],
  Drive: ['Dr', 'Drv'],
  Lane: ['Ln', 'La'],
  Crescent: ['Cres', 'Cr'],
  Gardens: ['Gdns', 'Gdn'],
  Grove: ['Gr', 'Grv'],
  Place: ['Pl'],
  Terrace: ['Terr', 'Ter'],
  Court: ['Ct', 'Crt'],
  Square: ['Sq'],
  Green: ['Grn'],
  Mews: ['Mws'],
  House: ['Hse', 'Ho'],
  Flat: ['Fl', 'Flt', 'Apt'],
  Saint: ['St'],
};

function otherCharacter(character: string, random: Random): string {
  const alike = /\d/.test(character) ? '123456789' : 'ABDEFGHJLNPRSTUW';
  return pick(
    random,
    [...alike].filter((other) => other !== character),
  );
}
