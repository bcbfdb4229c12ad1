import { type PlacePart, parsePlace } from './compare-places.js';
import { HONORIFICS } from './data/honorifics.js';
import { type NamePart, parseName } from './normalise.js';
import type { Criteria, DateCriterion, Gender } from './types.js';

/** One way to read the typed names as given and family name. */
export interface Arrangement {
  kind: 'as-typed' | 'swapped' | 'divided';
  given?: NamePart;
  family?: NamePart;
}

/** Criteria in the forms that are compared; made once a search. Parts in which nothing is left are not stated. */
export interface PreparedCriteria {
  /** As typed, for wildcards. */
  criteria: Criteria;
  given?: NamePart;
  family?: NamePart;
  arrangements: readonly Arrangement[];
  date?: DateCriterion;
  gender?: Gender;
  place?: PlacePart;
  parent?: NamePart;
}

/** Names of more parts than this are not divided in other ways: too many ways, too little sense. */
const MOST_DIVIDED = 5;

export function prepareCriteria(criteria: Criteria): PreparedCriteria {
  const given = statedName(criteria.givenNames);
  const family = statedName(criteria.familyName);
  const parent = statedName(criteria.parentName);
  const place = criteria.address && parsePlace(criteria.address);
  return {
    criteria,
    ...(given ? { given } : {}),
    ...(family ? { family } : {}),
    arrangements: given || family ? arrange(given, family) : [],
    ...(criteria.dateOfBirth ? { date: criteria.dateOfBirth } : {}),
    ...(criteria.gender && criteria.gender !== 'unknown' ? { gender: criteria.gender } : {}),
    ...(place && Object.keys(place).length > 0 ? { place } : {}),
    ...(parent ? { parent } : {}),
  };
}

function statedName(text: string | undefined): NamePart | undefined {
  const [beginning = '', ...endings] = (text ?? '').split('*');
  const part = parseName(beginning);
  if (part.tokens.length === 0) return undefined;
  return endings.length > 0 ? { ...part, open: true } : part;
}

/** Whether a name consists of titles or of words for "not known": as good as not stated, unless it agrees. */
export function isPlaceholderName(part: NamePart): boolean {
  return part.tokens.every((token) => HONORIFICS.has(token));
}

function arrange(given: NamePart | undefined, family: NamePart | undefined): Arrangement[] {
  const stated = (kind: Arrangement['kind'], first: NamePart | undefined, last: NamePart | undefined): Arrangement => ({
    kind,
    ...(first ? { given: first } : {}),
    ...(last ? { family: last } : {}),
  });
  if (given?.open || family?.open) return [stated('as-typed', given, family)];
  const arrangements = [stated('as-typed', given, family), stated('swapped', family, given)];
  const all = [given, family].flatMap((part) =>
    part ? part.tokens.map((token, at) => ({ token, core: part.cores[at]! })) : [],
  );
  if (all.length < 2 || all.length > MOST_DIVIDED || (given && family && all.length === 2)) return arrangements;
  const usual = given && family ? given.tokens.length : 0;
  for (let at = 1; at < all.length; at++) {
    if (at !== usual) arrangements.push(stated('divided', partOf(all.slice(0, at)), partOf(all.slice(at))));
  }
  // Family name first, all in one field: "Nguyen Thi Mai".
  if (!given || !family) arrangements.push(stated('divided', partOf(all.slice(1)), partOf(all.slice(0, 1))));
  return arrangements;
}

function partOf(words: { token: string; core: string }[]): NamePart {
  const tokens = words.map(({ token }) => token);
  return { tokens, cores: words.map(({ core }) => core), joined: tokens.join('') };
}
