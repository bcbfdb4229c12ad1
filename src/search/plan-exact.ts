import type { ExactKeys } from '../db/find-exact.js';
import { type Criteria, type DateCriterion, nameTokens, normalisePostcode, parseName } from '../matching/index.js';
import { dateClauses, type Query, termsOf } from './clauses.js';
import type { CandidatePlan } from './plan.js';

/** Every stated value as recorded, after normalisation: candidates of an exact search. */
export function planExact(criteria: Criteria, size: number): CandidatePlan {
  const filter = [
    ...exactNames('family', criteria.familyName),
    ...exactNames('given', criteria.givenNames),
    ...nameTokens(criteria.parentName ?? '').map((token): Query => ({ term: { parent: token } })),
    exactDate(criteria.dateOfBirth),
    termsOf('postcode', [normalisePostcode(criteria.address?.postcode ?? '') ?? []].flat()),
  ].filter((clause) => clause !== undefined);
  return {
    size,
    rules: [{ name: 'every value as recorded', worth: 1, clauses: filter }],
  };
}

function exactNames(field: 'family' | 'given', text: string | undefined): Query[] {
  const key = exactKey(text);
  if (key === undefined || key === '') return [];
  return [key.endsWith('*') ? { prefix: { [field]: key.slice(0, -1) } } : { term: { [field]: key } }];
}

function exactDate(date: DateCriterion | undefined): Query | undefined {
  if (date?.kind === 'day') return { term: { dateOfBirth: date.date } };
  return dateClauses(date)?.partly;
}

/** The same for PostgreSQL, which answers while the index is away. */
export function exactKeys(criteria: Criteria, excludeShielded: boolean): ExactKeys {
  const { family, given } = { family: exactKey(criteria.familyName), given: exactKey(criteria.givenNames) };
  const postcode = normalisePostcode(criteria.address?.postcode ?? '');
  return {
    ...(family === undefined ? {} : { family }),
    ...(given === undefined ? {} : { given }),
    ...(postcode === undefined ? {} : { postcode }),
    ...dateSpan(criteria.dateOfBirth),
    excludeShielded,
  };
}

/** A name without blanks, in which `Smith-Jones` and `Smithjones` are one; a final `*` is kept. */
function exactKey(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const wildcard = text.trim().endsWith('*') ? '*' : '';
  return parseName(text.replace('*', '')).joined + wildcard;
}

/** First and last day that a criterion allows. */
function dateSpan(date: DateCriterion | undefined): { dateFrom?: string; dateTo?: string } {
  switch (date?.kind) {
    case undefined:
      return {};
    case 'day':
      return { dateFrom: date.date, dateTo: date.date };
    case 'range':
      return { dateFrom: date.from, dateTo: date.to };
    case 'year':
      return { dateFrom: `${date.year}-01-01`, dateTo: `${date.year}-12-31` };
    case 'year-month': {
      const month = `${date.year}-${String(date.month).padStart(2, '0')}`;
      const days = new Date(Date.UTC(date.year, date.month, 0)).getUTCDate();
      return { dateFrom: `${month}-01`, dateTo: `${month}-${days}` };
    }
  }
}
