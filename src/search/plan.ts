import type { estypes } from '@elastic/elasticsearch';
import type { ExactKeys } from '../db/find-exact.js';
import {
  addressKeys,
  type Criteria,
  type DateCriterion,
  dateKeys,
  dateVariants,
  nameForms,
  nameTokens,
  normalisePostcode,
  parseName,
  postcodeSector,
  postcodeVariants,
} from '../matching/index.js';
import { likeKeys, yearKey } from './projection.js';

type Query = estypes.QueryDslQueryContainer;

/** How many candidates are scored: at fewer than 50 the right child was lost where name and date are both wrong. */
const CANDIDATES = 100;
const LONGEST_FUZZY = 35;

export interface CandidatePlan {
  query: Query;
  size: number;
  /** Names of the blocking rules, for explanations. */
  rules: string[];
}

/** What must not come back as a candidate, whatever it matches. */
export interface Exclusions {
  /** Leave out children whom the index marks as shielded. */
  shielded: boolean;
  /** Leave out these as well: shields that the index has not acknowledged. */
  childIds: string[];
}

/**
 * Blocking: which children are worth scoring. Each rule is a conjunction of two or three kinds of evidence, so that
 * one wrong field leaves others to meet by (Christen, Data Matching, 2012, ch. 4). Constant scores order the
 * candidates; the score that decides is made later, from PostgreSQL's record.
 * @returns undefined where nothing is given to look by
 */
export function planCandidates(criteria: Criteria, exclusions: Exclusions): CandidatePlan | undefined {
  const family = nameEvidence('family', criteria.familyName ?? '');
  const given = nameEvidence('given', criteria.givenNames ?? '');
  const swapped = swappedEvidence(criteria);
  const date = dateEvidence(criteria.dateOfBirth);
  const place = placeEvidence(criteria);
  const parent = parentEvidence(criteria.parentName);

  const rules: [string, (Query | undefined)[]][] = [
    ['date and family name', [date?.close, family?.like]],
    ['date and given name', [date?.close, given?.like]],
    ['date and swapped name', [date?.close, swapped.either]],
    ['part of the date and both names', [date?.partly, family?.like, given?.like]],
    ['both names as written', [family?.exact, given?.exact]],
    ['both names swapped', [swapped.both]],
    ['postcode and a name', [place?.postcode, anyOf([family?.like, given?.like])]],
    ['postcode and date', [place?.postcode, date?.close]],
    ['postcode and parent', [place?.postcode, parent]],
    ['address and family name', [place?.address, family?.like]],
    ['sector, parent and a name', [place?.sector, parent, anyOf([family?.like, given?.like])]],
    // Without a usable date both names alone have to do.
    ['both names', date?.close ? [undefined] : [family?.like, given?.like]],
    // A mononym, or a name written wholly in one field, with nothing else but a date known in part.
    ['family name and part of the date', date?.close ? [undefined] : [family?.like, date?.partly]],
  ];
  const usable = rules.filter(([, clauses]) => clauses.every((clause) => clause !== undefined));
  if (usable.length === 0) return undefined;

  const evidence: [number, Query | undefined][] = [
    [4, family?.exact],
    [3, family?.like],
    [4, given?.exact],
    [3, given?.like],
    [5, swapped.both],
    [3, date?.exact],
    [3, date?.close],
    [2, date?.partly],
    [4, place?.postcode],
    [3, place?.address],
    [2, place?.sector],
    [1, place?.town],
    [2, parent],
  ];
  return {
    query: {
      bool: {
        filter: [{ bool: { should: usable.map(([, clauses]) => allOf(clauses as Query[])) } }],
        should: evidence.flatMap(([boost, clause]) => (clause ? [{ constant_score: { filter: clause, boost } }] : [])),
        must_not: mustNot(exclusions),
      },
    },
    size: CANDIDATES,
    rules: usable.map(([name]) => name),
  };
}

function mustNot(exclusions: Exclusions): Query[] {
  return [
    ...(exclusions.shielded ? [{ term: { shielded: true } }] : []),
    ...(exclusions.childIds.length > 0 ? [{ ids: { values: exclusions.childIds } }] : []),
  ];
}

interface NameEvidence {
  exact: Query;
  like: Query;
}

function nameEvidence(field: 'family' | 'given', text: string): NameEvidence | undefined {
  const forms = nameForms(text);
  if (forms.length === 0) return undefined;
  const exact: Query = { terms: { [field]: forms } };
  const like = anyOf([
    exact,
    { terms: { [`${field}Like`]: likeKeys(forms) } },
    ...forms.flatMap((form) => fuzzy(field, form)),
  ]);
  return { exact, like: like as Query };
}

/** Two edits for names of five letters and more, one for shorter; the best thirty terms of the dictionary. */
function fuzzy(field: string, value: string): Query[] {
  // A longer value is no name, and the automaton of its typos would take a second to build.
  if (value.length < 3 || value.length > LONGEST_FUZZY) return [];
  return [
    {
      fuzzy: {
        [field]: {
          value,
          fuzziness: value.length < 5 ? 1 : 2,
          prefix_length: 0,
          max_expansions: 30,
          rewrite: 'top_terms_boost_30',
        },
      },
    },
  ];
}

/** Names in each other's field: a slip of the typist, or a single name that was recorded in the other one. */
function swappedEvidence(criteria: Criteria): { both?: Query; either?: Query } {
  const familyAsGiven = nameEvidence('given', criteria.familyName ?? '');
  const givenAsFamily = nameEvidence('family', criteria.givenNames ?? '');
  const either = anyOf([familyAsGiven?.exact, givenAsFamily?.exact]);
  return {
    ...(familyAsGiven && givenAsFamily ? { both: allOf([familyAsGiven.like, givenAsFamily.like]) } : {}),
    ...(either ? { either } : {}),
  };
}

/** `close`: a date that the typed one may stand for; `partly`: two of its three parts, or the parts that are known. */
function dateEvidence(date: DateCriterion | undefined): { exact?: Query; close?: Query; partly: Query } | undefined {
  switch (date?.kind) {
    case undefined:
      return undefined;
    case 'day':
      return {
        exact: { term: { dateOfBirth: date.date } },
        close: { terms: { dateOfBirth: dateVariants(date.date) } },
        partly: { terms: { datePairs: dateVariants(date.date).slice(0, 2).flatMap(dateKeys) } },
      };
    case 'year-month':
      return { partly: { terms: { datePairs: monthKeys(date.year, date.month, 1) } } };
    case 'year':
      return { partly: { terms: { datePairs: [yearKey(date.year)] } } };
    case 'range': {
      const [year, month] = date.from.split('-').map(Number) as [number, number];
      const [lastYear, lastMonth] = date.to.split('-').map(Number) as [number, number];
      return {
        partly: { terms: { datePairs: monthKeys(year, month, (lastYear - year) * 12 + lastMonth - month + 1) } },
      };
    }
  }
}

/** Year-and-month keys of so many months on end. */
function monthKeys(year: number, month: number, months: number): string[] {
  return Array.from({ length: months }, (_, offset) => {
    const at = year * 12 + month - 1 + offset;
    const first = `${String(Math.floor(at / 12)).padStart(4, '0')}-${String((at % 12) + 1).padStart(2, '0')}-01`;
    return dateKeys(first)[0] as string;
  });
}

function placeEvidence({ address }: Criteria) {
  if (!address) return undefined;
  const postcodes = postcodeVariants(address.postcode ?? '');
  const sector = postcodes[0] && postcodeSector(postcodes[0]);
  const line = addressKeys(address.line ?? '');
  const town = nameTokens(address.town ?? '');
  return {
    postcode: termsOf('postcode', postcodes),
    sector: termsOf('sector', sector ? [sector] : []),
    address: termsOf('addressKeys', line),
    town: termsOf('town', town),
  };
}

function parentEvidence(name: string | undefined): Query | undefined {
  const tokens = nameTokens(name ?? '');
  return anyOf([termsOf('parent', tokens), ...tokens.flatMap((token) => fuzzy('parent', token))]);
}

function termsOf(field: string, values: string[]): Query | undefined {
  return values.length > 0 ? { terms: { [field]: values } } : undefined;
}

function anyOf(clauses: (Query | undefined)[]): Query | undefined {
  const present = clauses.filter((clause) => clause !== undefined);
  if (present.length < 2) return present[0];
  return { bool: { should: present, minimum_should_match: 1 } };
}

function allOf(clauses: Query[]): Query {
  return clauses.length === 1 ? (clauses[0] as Query) : { bool: { filter: clauses } };
}

/** Every stated value as recorded, after normalisation: candidates of an exact search. */
export function planExact(criteria: Criteria, exclusions: Exclusions, size: number): CandidatePlan {
  const filter = [
    ...exactNames('family', criteria.familyName),
    ...exactNames('given', criteria.givenNames),
    ...nameTokens(criteria.parentName ?? '').map((token): Query => ({ term: { parent: token } })),
    exactDate(criteria.dateOfBirth),
    termsOf('postcode', [normalisePostcode(criteria.address?.postcode ?? '') ?? []].flat()),
  ].filter((clause) => clause !== undefined);
  return { query: { bool: { filter, must_not: mustNot(exclusions) } }, size, rules: ['every value as recorded'] };
}

function exactNames(field: 'family' | 'given', text: string | undefined): Query[] {
  const key = exactKey(text);
  if (key === undefined || key === '') return [];
  return [key.endsWith('*') ? { prefix: { [field]: key.slice(0, -1) } } : { term: { [field]: key } }];
}

function exactDate(date: DateCriterion | undefined): Query | undefined {
  const evidence = dateEvidence(date);
  return evidence?.exact ?? evidence?.partly;
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
