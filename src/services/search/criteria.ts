import { isChildNumber } from '../../db/child-number.js';
import { DirectoryError, type FieldError } from '../../errors.js';
import {
  type Criteria,
  type DateCriterion,
  isCalendarDate,
  nameTokens,
  normalisePostcode,
  postcodeVariants,
} from '../../matching/index.js';
import type { SearchRequest } from '../../schemas/search.js';

/** What still counts as knowing the date of birth. */
const NARROW_RANGE_YEARS = 3;
/** Nobody in the directory is older, so a longer range says nothing; and each month of it costs. */
const LONGEST_RANGE_YEARS = 25;

/** Nobody who could be meant was born before; and PostgreSQL knows no year 0. */
const EARLIEST_YEAR = 1900;

/** A search as it will be carried out: checked, dates read, nothing normalised away. */
export interface SearchCriteria extends Criteria {
  number?: string;
  mode: 'fuzzy' | 'exact';
  limit: number;
}

/** Criteria that a shield hides: a search by one of them answers as though no shielded child existed. */
export function namesHiddenCriterion(criteria: SearchCriteria): boolean {
  return criteria.address !== undefined || criteria.parentName !== undefined;
}

/** Names of the fields a search states, for the audit log. */
export function statedFields(criteria: SearchCriteria): string[] {
  const { address, mode: _mode, limit: _limit, ...rest } = criteria;
  return [
    ...Object.keys(rest).filter((key) => rest[key as keyof typeof rest] !== undefined),
    ...Object.keys(address ?? {}).map((key) => `address.${key}`),
  ].sort();
}

/**
 * Reads a request of the right shape into criteria.
 * @throws DirectoryError `invalid-request` naming each wrong field, `insufficient-criteria` saying what would do
 */
export function readCriteria(request: SearchRequest): SearchCriteria {
  const errors: FieldError[] = [];
  const mode = request.mode ?? 'fuzzy';
  const criteria: SearchCriteria = { mode, limit: request.limit ?? 10 };
  if (request.number !== undefined) {
    if (isChildNumber(request.number)) criteria.number = request.number;
    else errors.push({ path: '/number', message: 'has a wrong check digit' });
  }
  for (const field of ['givenNames', 'familyName', 'parentName'] as const) {
    const text = request[field]?.trim();
    if (text === undefined) continue;
    const wrong = checkWildcard(text, field === 'parentName' ? 'fuzzy' : mode);
    if (wrong) errors.push({ path: `/${field}`, message: wrong });
    else if (nameTokens(text).length > 0) criteria[field] = text;
  }
  if (request.dateOfBirth !== undefined) {
    const date = readDate(request.dateOfBirth);
    if (typeof date === 'string') errors.push({ path: '/dateOfBirth', message: date });
    else criteria.dateOfBirth = date;
  }
  if (request.gender !== undefined) criteria.gender = request.gender;
  const address = readAddress(request.address);
  if (address) criteria.address = address;
  if (errors.length > 0) throw new DirectoryError('invalid-request', 'Part of the search is wrong', { errors });
  requireLeastCriteria(criteria);
  return criteria;
}

function checkWildcard(text: string, mode: 'fuzzy' | 'exact'): string | undefined {
  if (!text.includes('*')) return undefined;
  if (mode === 'fuzzy') return 'may hold * in exact mode only';
  return /^[^*]*\p{L}[^*]*\p{L}[^*]*\*$/u.test(text)
    ? undefined
    : 'may hold one *, at the end, after two letters at least';
}

function readDate(date: NonNullable<SearchRequest['dateOfBirth']>): DateCriterion | string {
  if (typeof date !== 'string') {
    if (!isCalendarDate(date.from) || !isCalendarDate(date.to)) return 'is not a date of the calendar';
    if (date.from > date.to) return 'ends before it begins';
    if (date.to > yearsLater(date.from, LONGEST_RANGE_YEARS)) return `spans more than ${LONGEST_RANGE_YEARS} years`;
    return { kind: 'range', from: date.from, to: date.to };
  }
  const [year, month] = date.split('-').map(Number) as [number, number];
  if (year < EARLIEST_YEAR) return `is before ${EARLIEST_YEAR}`;
  if (date.length === 4) return { kind: 'year', year };
  if (date.length === 7)
    return month >= 1 && month <= 12 ? { kind: 'year-month', year, month } : 'is not a month of the calendar';
  return isCalendarDate(date) ? { kind: 'day', date } : 'is not a date of the calendar';
}

/** Parts that are blank are not stated; an address with none is none. */
function readAddress(address: SearchRequest['address']): Criteria['address'] {
  const stated = Object.entries(address ?? {}).filter(([, value]) => typeof value === 'string' && value.trim() !== '');
  return stated.length > 0 ? Object.fromEntries(stated) : undefined;
}

function requireLeastCriteria(criteria: SearchCriteria): void {
  const given = criteria.givenNames !== undefined;
  const family = criteria.familyName !== undefined;
  const postcode = isPostcode(criteria.address?.postcode ?? '', criteria.mode);
  const date = criteria.dateOfBirth;
  const day = date?.kind === 'day';
  const gender = criteria.gender !== undefined && criteria.gender !== 'unknown';
  const enough =
    criteria.number !== undefined ||
    (given && family) ||
    (family && date !== undefined && isNarrow(date)) ||
    (given && day && gender) ||
    (family && postcode) ||
    (given && day && postcode) ||
    (criteria.parentName !== undefined && postcode);
  if (enough) return;
  throw new DirectoryError(
    'insufficient-criteria',
    'Not enough to search by. One of these would do: number; given names and family name; family name and date of birth ' +
      '(or a year, a month, or a range of at most 3 years); given names, date of birth and gender; family name and postcode; ' +
      'given names, date of birth and postcode; parent name and postcode.',
  );
}

/** Also one that is none by a slip, as long as it tells which may have been meant. */
function isPostcode(text: string, mode: SearchCriteria['mode']): boolean {
  return mode === 'exact' ? normalisePostcode(text) !== undefined : postcodeVariants(text).length > 0;
}

function isNarrow(date: DateCriterion): boolean {
  return date.kind !== 'range' || date.to <= yearsLater(date.from, NARROW_RANGE_YEARS);
}

function yearsLater(date: string, years: number): string {
  return `${String(Number(date.slice(0, 4)) + years).padStart(4, '0')}${date.slice(4)}`;
}
