import type { FeedRow } from '../services/import/feed-row.js';
import { addressErrors, postcodeErrors, townErrors } from './address-errors.js';
import { dateErrors } from './date-errors.js';
import { type ErrorMaker, familyNameErrors, givenNameErrors, nameErrors } from './errors.js';
import { chance, pick, type Random } from './random.js';
import type { Recipe } from './recipes.js';

/** What a searcher knows about a child; null for what is not known. */
export interface Knowledge {
  given_names: string | null;
  family_name: string | null;
  date_of_birth: string | null;
  gender: string | null;
  address_line1: string | null;
  town: string | null;
  postcode: string | null;
  parent_name: string | null;
}

/**
 * What became of each field: `same`, the kind of error, `missing` where it is left out, `not-held` where the record has
 * none. And of name and date of birth together, for the searches that get both wrong: `same`, `name`, `date` or `both`.
 */
export type Errors = Record<keyof Knowledge | 'name_and_date', string>;

interface Field {
  value: string | null;
  label: string;
}

/**
 * What somebody who looks for the child might enter, with the errors of a recipe in name and date and others in the rest.
 * Undefined where the child's record does not lend itself to the recipe (no nickname, no hyphen…).
 * @param latest YYYY-MM-DD that a date of birth can't be after
 */
export function makeQuery(
  row: FeedRow,
  recipe: Recipe,
  random: Random,
  latest: string,
): { knowledge: Knowledge; errors: Errors } | undefined {
  const given = makeGiven(row, recipe.given, random);
  const family = makeFamily(row, recipe.family, random);
  const date = makeDate(row.date_of_birth, recipe.date, random, latest);
  if (!given || !family || !date) return undefined;
  const lessKnown = given.label === 'missing' || family.label === 'missing' || date.label !== 'same';
  const home = makeHome(row, random);
  const fields: Record<keyof Knowledge, Field> = {
    given_names: given,
    family_name: family,
    date_of_birth: date,
    // Who knows less of the name gives the gender, without which the search would be refused.
    gender: known(row.gender, lessKnown || chance(random, 0.6)),
    ...home,
    parent_name: makeParent(row, random),
  };
  const entries = Object.entries(fields);
  return {
    knowledge: Object.fromEntries(entries.map(([field, { value }]) => [field, value])) as unknown as Knowledge,
    errors: {
      ...(Object.fromEntries(entries.map(([field, { label }]) => [field, label])) as Record<keyof Knowledge, string>),
      name_and_date: together(isWrong(given) || isWrong(family), isWrong(date)),
    },
  };
}

function isWrong({ label }: Field): boolean {
  return label !== 'same' && label !== 'not-held';
}

function together(nameWrong: boolean, dateWrong: boolean): string {
  if (nameWrong) return dateWrong ? 'both' : 'name';
  return dateWrong ? 'date' : 'same';
}

function makeGiven(row: FeedRow, kind: string, random: Random): Field | undefined {
  if (kind === 'swapped') return other(row.given_names, row.family_name, kind);
  if (kind === 'known-as') return other(row.given_names, row.known_as, kind);
  return make(row.given_names, kind, givenNameErrors, random);
}

function makeFamily(row: FeedRow, kind: string, random: Random): Field | undefined {
  if (kind === 'swapped') return other(row.family_name, row.given_names, kind);
  if (kind === 'former') return other(row.family_name, row.former_family_name, kind);
  return make(row.family_name, kind, familyNameErrors, random);
}

function makeDate(date: string, kind: string, random: Random, latest: string): Field | undefined {
  const field = make(date, kind, dateErrors, random);
  return field?.value && field.value > latest ? undefined : field;
}

/** The address: none, the right one, the other home, or parts of it wrong or unknown. */
function makeHome(row: FeedRow, random: Random): Record<'address_line1' | 'town' | 'postcode', Field> {
  const isKnown = chance(random, 0.65);
  if (isKnown && row.address2_postcode !== '' && chance(random, 0.4)) {
    return {
      address_line1: { value: row.address2_line1, label: 'second-address' },
      town: { value: row.address2_town, label: 'second-address' },
      postcode: { value: row.address2_postcode, label: 'second-address' },
    };
  }
  return {
    address_line1: sometimesWrong(
      known(row.address_line1, isKnown && chance(random, 0.85)),
      addressErrors,
      0.3,
      random,
    ),
    town: sometimesWrong(known(row.town, isKnown && chance(random, 0.9)), townErrors, 0.1, random),
    postcode: sometimesWrong(known(row.postcode, isKnown && chance(random, 0.85)), postcodeErrors, 0.15, random),
  };
}

function makeParent(row: FeedRow, random: Random): Field {
  if (row.parent2_name !== '' && chance(random, 0.1)) return { value: row.parent2_name, label: 'second-parent' };
  return sometimesWrong(known(row.parent_name, chance(random, 0.35)), nameErrors, 0.25, random);
}

function make(value: string, kind: string, makers: Record<string, ErrorMaker>, random: Random): Field | undefined {
  if (kind === 'same') return known(value, true);
  if (kind === 'missing') return known(value, false);
  const maker = makers[kind];
  if (!maker) throw new RangeError(`There is no error ${kind}`);
  return other(value, value === '' ? undefined : maker(value, random), kind);
}

function other(value: string, changed: string | undefined, label: string): Field | undefined {
  return changed === undefined || changed === '' || changed === value ? undefined : { value: changed, label };
}

function known(value: string, isKnown: boolean): Field {
  if (value === '') return { value: null, label: 'not-held' };
  return isKnown ? { value, label: 'same' } : { value: null, label: 'missing' };
}

function sometimesWrong(field: Field, makers: Record<string, ErrorMaker>, probability: number, random: Random): Field {
  if (field.value === null || !chance(random, probability)) return field;
  const label = pick(random, Object.keys(makers));
  return other(field.value, makers[label]!(field.value, random), label) ?? field;
}
