import type { estypes } from '@elastic/elasticsearch';
import {
  addressKeys,
  type Criteria,
  type DateCriterion,
  dateKeys,
  dateVariants,
  isPlaceholderName,
  type Meant,
  nameForms,
  nameTokens,
  parseName,
  phoneticKeys,
  postcodeSector,
  postcodeVariants,
  type Vocabulary,
} from '../matching/index.js';
import type { Names } from './name-statistics.js';
import { initialKey, likeKeys, yearKey } from './projection.js';

export type Query = estypes.QueryDslQueryContainer;

/** Parts of a name that are looked for by what they may stand for; a longer name has enough in these. */
const PARTS_VARIED = 3;
/** Variants of a part at most, of those that open children bear; and beyond this share of all children only the likeliest kinds of variant are worth fetching. */
const MOST_VARIANTS = 40;
const LARGE_SHARE = 0.03;
const LIKELY = new Set<Meant['level']>(['spelling', 'nickname', 'slip', 'typo']);
/** The likeliest slips with a date: as typed, day and month swapped, a year off, neighbouring digits swapped. */
const LIKELY_DATES = 12;

export interface NameClauses {
  /** As written. */
  exact: Query;
  /** As written, or a name that it may stand for. */
  like: Query;
  /** Children who have a part of it as written, by the last count. */
  children: number;
}

/** The parts of a name, and the forms that they take together, as they are. */
export function asWritten(field: 'family' | 'given', text: string | undefined): Query | undefined {
  return termsOf(field, nameForms(text ?? ''));
}

/** All of a name's parts in their order. */
export function wholeName(field: 'family' | 'given', text: string | undefined): Query | undefined {
  const { joined } = parseName(text ?? '');
  return joined === '' ? undefined : { term: { [field]: joined } };
}

/** `undefined` where nothing is stated. A title or an initial stands for nothing but itself. */
export function nameClauses(
  field: 'family' | 'given',
  text: string | undefined,
  names: Names,
): NameClauses | undefined {
  const part = parseName(text ?? '');
  const forms = nameForms(text ?? '');
  const exact = termsOf(field, forms);
  if (!exact) return undefined;
  if (isPlaceholderName(part) || part.tokens.every((token) => token.length === 1))
    return { exact, like: exact, children: Number.POSITIVE_INFINITY };
  const vocabulary = names[field];
  const variants = part.tokens.slice(0, PARTS_VARIED).flatMap((token) => variantsOf(token, vocabulary, names.children));
  return {
    exact,
    like: termsOf(field, [...new Set([...forms, ...variants])]) as Query,
    children: forms.reduce((sum, form) => sum + (vocabulary.childrenOf(form) ?? 0), 0),
  };
}

function variantsOf(token: string, vocabulary: Vocabulary, children: number): string[] {
  const variants: string[] = [];
  let counted = 0;
  let bearers = 0;
  for (const meant of vocabulary.meantBy(token)) {
    if (!LIKELY.has(meant.level) && bearers + meant.children > children * LARGE_SHARE) continue;
    // A name that no open child bears takes nobody's place: it may be one that a shield hides since names were counted.
    if (meant.children > 0 && counted === MOST_VARIANTS) continue;
    variants.push(meant.name);
    if (meant.children > 0) counted += 1;
    bearers += meant.children;
  }
  return variants;
}

/** By sound codes and nickname groups. */
export function soundClause(field: 'family' | 'given', text: string | undefined): Query | undefined {
  if (isPlaceholderName(parseName(text ?? ''))) return undefined;
  return termsOf(`${field}Like`, likeKeys(nameForms(text ?? '')));
}

/** The first letter of a given name of which no more is known. */
export function initialClause(text: string | undefined): Query | undefined {
  const [first] = parseName(text ?? '').tokens;
  const key = first?.length === 1 && initialKey(first);
  return key ? { term: { given: key } } : undefined;
}

export interface DateClauses {
  /** The day, or all of what is known. */
  exact: Query;
  /** The day itself, and its likeliest slips. */
  likely?: Query;
  /** Every date that a slip may have come from. */
  near?: Query;
  /** Two of its three parts, or the parts that are known. */
  partly: Query;
}

export function dateClauses(date: DateCriterion | undefined): DateClauses | undefined {
  switch (date?.kind) {
    case undefined:
      return undefined;
    case 'day': {
      const variants = dateVariants(date.date);
      return {
        exact: termsOf('dateOfBirth', [date.date]) as Query,
        likely: termsOf('dateOfBirth', variants.slice(0, LIKELY_DATES)) as Query,
        near: termsOf('dateOfBirth', variants) as Query,
        partly: termsOf('datePairs', variants.slice(0, 2).flatMap(dateKeys)) as Query,
      };
    }
    case 'year-month':
      return inPart(monthKeys(date.year, date.month, 1));
    case 'year':
      return inPart([yearKey(date.year)]);
    case 'range': {
      const [year, month] = date.from.split('-').map(Number) as [number, number];
      const [lastYear, lastMonth] = date.to.split('-').map(Number) as [number, number];
      return inPart(monthKeys(year, month, (lastYear - year) * 12 + lastMonth - month + 1));
    }
  }
}

function inPart(keys: string[]): DateClauses {
  const partly = termsOf('datePairs', keys) as Query;
  return { exact: partly, partly };
}

/** Year-and-month keys of so many months on end. */
function monthKeys(year: number, month: number, months: number): string[] {
  return Array.from({ length: months }, (_, offset) => {
    const at = year * 12 + month - 1 + offset;
    const first = `${String(Math.floor(at / 12)).padStart(4, '0')}-${String((at % 12) + 1).padStart(2, '0')}-01`;
    return dateKeys(first)[0] as string;
  });
}

export interface PlaceClauses {
  /** The postcode as typed. */
  postcode?: Query;
  /** Also those that it may have been typed for. */
  nearPostcode?: Query;
  sector?: Query;
  line?: Query;
  town?: Query;
}

export function placeClauses(address: Criteria['address']): PlaceClauses {
  const [typed, ...variants] = postcodeVariants(address?.postcode ?? '');
  return defined({
    postcode: typed && termsOf('postcode', [typed]),
    nearPostcode: typed && termsOf('postcode', [typed, ...variants]),
    sector: typed && termsOf('sector', [postcodeSector(typed)]),
    line: termsOf('addressKeys', addressKeys(address?.line ?? '')),
    town: allOf(nameTokens(address?.town ?? '').map((token) => ({ term: { town: token } }))),
  });
}

export function genderClause(gender: Criteria['gender']): Query | undefined {
  return gender && gender !== 'unknown' ? { term: { gender } } : undefined;
}

/** Any part of the name, what it may stand for among the names that children show, and what sounds like it. */
export function parentClause(name: string | undefined, names: Names): Query | undefined {
  const tokens = nameTokens(name ?? '');
  const varied = tokens.slice(0, PARTS_VARIED);
  const variants = [names.family, names.given].flatMap((vocabulary) =>
    varied.flatMap((token) => variantsOf(token, vocabulary, names.children)),
  );
  return anyOf([
    termsOf('parent', [...new Set([...tokens, ...variants])]),
    termsOf('parentLike', [...new Set(varied.flatMap(phoneticKeys))]),
  ]);
}

export function termsOf(field: string, values: string[]): Query | undefined {
  if (values.length < 2) return values[0] === undefined ? undefined : { term: { [field]: values[0] } };
  return { terms: { [field]: values } };
}

export function anyOf(clauses: (Query | undefined)[]): Query | undefined {
  const present = clauses.filter((clause) => clause !== undefined);
  if (present.length < 2) return present[0];
  return { bool: { should: present, minimum_should_match: 1 } };
}

export function allOf(clauses: Query[]): Query | undefined {
  if (clauses.length < 2) return clauses[0];
  return { bool: { filter: clauses } };
}

function defined<T extends object>(clauses: { [K in keyof T]: T[K] | undefined | '' }): T {
  return Object.fromEntries(Object.entries(clauses).filter(([, clause]) => clause)) as T;
}
