import { compareDates } from './compare-dates.js';
import { type PlacePart, parsePlace } from './compare-places.js';
import { fold, parseName } from './normalise.js';
import type { PreparedCriteria } from './prepare.js';
import type { Candidate } from './types.js';

const EXACT_DATES: ReadonlySet<string> = new Set([
  'same-day',
  'same-placeholder',
  'same-month',
  'same-year',
  'in-range',
]);
const LEAST_BEFORE_WILDCARD = 2;

/**
 * Whether every stated criterion is one of the child's recorded values, current or other, after normalisation only.
 * A `*` in a name, after two letters at least, stands for any ending.
 */
export function matchesExactly(query: PreparedCriteria, candidate: Candidate): boolean {
  const { criteria, date, gender, place, parent } = query;
  if (
    criteria.givenNames !== undefined &&
    !anyMatches(
      criteria.givenNames,
      candidate.names.map((name) => name.givenNames),
    )
  ) {
    return false;
  }
  if (
    criteria.familyName !== undefined &&
    !anyMatches(
      criteria.familyName,
      candidate.names.map((name) => name.familyName),
    )
  ) {
    return false;
  }
  if (date && !EXACT_DATES.has(compareDates(date, candidate.dateOfBirth))) return false;
  if (gender && gender !== candidate.gender) return false;
  if (place && !candidate.addresses.some((address) => isSamePlace(place, parsePlace(address)))) return false;
  return (
    !parent ||
    anyMatches(
      criteria.parentName as string,
      candidate.parents.map(({ name }) => name),
    )
  );
}

function anyMatches(typed: string, recorded: string[]): boolean {
  if (!typed.includes('*')) {
    const { joined } = parseName(typed);
    return joined === '' || recorded.some((name) => parseName(name).joined === joined);
  }
  const beginning = fold(typed.slice(0, typed.indexOf('*'))).replaceAll(' ', '');
  if (beginning.length < LEAST_BEFORE_WILDCARD) return false;
  return recorded.some((name) => parseName(name).joined.startsWith(beginning));
}

function isSamePlace(stated: PlacePart, recorded: PlacePart): boolean {
  return (
    (!stated.line || stated.line.joined === recorded.line?.joined) &&
    (!stated.town || stated.town.joined === recorded.town?.joined) &&
    (!stated.postcode || stated.postcode.compact === recorded.postcode?.compact)
  );
}
