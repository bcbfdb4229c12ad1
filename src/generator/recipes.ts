import { createRotation } from './sampler.js';

/** Which errors a query has in the fields that matter most; `same` where it has none. */
export interface Recipe {
  given: string;
  family: string;
  date: string;
}

export const rightRecipe: Recipe = { given: 'same', family: 'same', date: 'same' };

type Weights = readonly (readonly [kind: string, weight: number])[];

/** What is wrong, of a hundred queries. */
const whole: Weights = [
  ['nothing', 34],
  ['given', 13],
  ['family', 12],
  ['given and family swapped', 2],
  ['given and family', 12],
  ['date', 11],
  ['given and date', 5],
  ['family and date', 5],
  ['given and family swapped, and date', 1],
  ['all three', 5],
];

const inGiven: Weights = [
  ['typo', 18],
  ['two-typos', 6],
  ['phonetic', 12],
  ['nickname', 12],
  ['known-as', 3],
  ['transliteration', 9],
  ['diacritics', 4],
  ['punctuation', 3],
  ['case', 4],
  ['middle-missing', 10],
  ['middle-extra', 5],
];

const inFamily: Weights = [
  ['typo', 20],
  ['two-typos', 7],
  ['phonetic', 12],
  ['transliteration', 8],
  ['diacritics', 5],
  ['punctuation', 6],
  ['case', 4],
  ['barrel-half', 5],
  ['barrel-swapped', 4],
  ['former', 8],
];

const inDate: Weights = [
  ['day-month-swapped', 27],
  ['digit-wrong', 27],
  ['digits-transposed', 19],
  ['year-off-by-one', 27],
];

/** Knowing less is an error only where it stands alone: two of them would leave nothing to search by. */
const missing = (weight: number) => ['missing', weight] as const;
const lessOfDate: Weights = [['year-month-only', 13], ['year-only', 10], missing(5)];

/** Recipes in turn, without end: every kind of error comes as often as it should, even among a few hundred. */
export function createRecipes(): () => Recipe {
  const next = createRotation(whole);
  const given = createRotation([...inGiven, missing(3)]);
  const family = createRotation([...inFamily, missing(2)]);
  const date = createRotation([...inDate, ...lessOfDate]);
  const givenBesides = createRotation(inGiven);
  const familyBesides = createRotation(inFamily);
  const dateBesides = createRotation(inDate);
  return () => {
    const what = next();
    switch (what) {
      case 'nothing':
        return rightRecipe;
      case 'given':
        return { ...rightRecipe, given: given() };
      case 'family':
        return { ...rightRecipe, family: family() };
      case 'date':
        return { ...rightRecipe, date: date() };
    }
    const swapped = what.includes('swapped');
    return {
      given: swapped ? 'swapped' : what === 'family and date' ? 'same' : givenBesides(),
      family: swapped ? 'swapped' : what === 'given and date' ? 'same' : familyBesides(),
      date: what.includes('date') || what === 'all three' ? dateBesides() : 'same',
    };
  };
}

/** Kinds of error that nearly every name and date can have. */
const plain = new Set(['same', 'typo', 'missing', 'swapped', 'digit-wrong', 'year-month-only', 'year-only']);

/** The same recipe without what only some names or dates can have. */
export function plainer({ given, family, date }: Recipe): Recipe {
  return {
    given: plain.has(given) ? given : 'typo',
    family: plain.has(family) ? family : 'typo',
    date: plain.has(date) ? date : 'digit-wrong',
  };
}
