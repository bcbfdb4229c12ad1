import { type Criteria, nameTokens } from '../matching/index.js';
import {
  allOf,
  anyOf,
  asWritten,
  dateClauses,
  genderClause,
  initialClause,
  nameClauses,
  parentClause,
  placeClauses,
  type Query,
  soundClause,
  termsOf,
  wholeName,
} from './clauses.js';
import type { Names } from './name-statistics.js';

/** How many candidates are scored at most: docs/measurements.md tells what fewer and more would find. */
const CANDIDATES = 100;
const WIDE_CANDIDATES = 100;
/** A name that no more children bear is worth asking for by itself. */
const RARE = 40;

export interface CandidatePlan {
  size: number;
  rules: BlockingRule[];
}

export interface BlockingRule {
  name: string;
  /** What meeting it is worth in the order of candidates. */
  worth: number;
  /** Met by whoever meets all of these. */
  clauses: Query[];
}

/** What must not come back as a candidate, whatever it matches. */
export interface Exclusions {
  /** Leave out children whom the index marks as shielded. */
  shielded: boolean;
  /** Leave out these as well: shields that the index has not acknowledged. */
  childIds: string[];
}

/** A blocking rule, if all it asks for is stated. */
type Rule = [name: string, worth: number, clauses: (Query | undefined)[]];

/**
 * Blocking: which children are worth scoring. Each rule is a conjunction of two or three kinds of evidence, so that
 * one wrong field leaves others to meet by (Christen, Data Matching, 2012, ch. 4). Misspelt names are put right here,
 * against the directory's own vocabulary, so that Elasticsearch only intersects short lists of exact terms, the shortest
 * first. Whoever meets more rules comes first; the score that decides is made later, from PostgreSQL's record.
 * @returns undefined where nothing is given to look by
 */
export function planCandidates(criteria: Criteria, names: Names): CandidatePlan | undefined {
  const family = nameClauses('family', criteria.familyName, names);
  const given = nameClauses('given', criteria.givenNames, names);
  const familyAsGiven = asWritten('given', criteria.familyName);
  const givenAsFamily = asWritten('family', criteria.givenNames);
  const date = dateClauses(criteria.dateOfBirth);
  const place = placeClauses(criteria.address);
  const parent = parentClause(criteria.parentName, names);
  const initial = initialClause(criteria.givenNames);
  const eitherName = anyOf([family?.like, given?.like]);
  const eitherSwapped = anyOf([familyAsGiven, givenAsFamily]);
  const rare = (name: typeof family) => (name && name.children <= RARE ? name.exact : undefined);

  // Whoever agrees in all that is stated is among the candidates, however many come near.
  const stated = [
    wholeName('family', criteria.familyName),
    wholeName('given', criteria.givenNames),
    date?.exact,
    genderClause(criteria.gender),
    place.postcode,
    place.line,
    termsOf('parent', nameTokens(criteria.parentName ?? '')),
  ].filter((clause) => clause !== undefined);

  return conclude(
    [
      ['everything as stated', 20, stated.length > 0 ? stated : [undefined]],
      ['likely date and family name', 5, [date?.likely, family?.like]],
      ['likely date and given names', 5, [date?.likely, given?.like]],
      ['near date and family name as written', 4, [date?.near, family?.exact]],
      ['near date and given names as written', 4, [date?.near, given?.exact]],
      ['likely date and a swapped name', 4, [date?.likely, eitherSwapped]],
      ['part of the date and both names', 6, [date?.partly, family?.like, given?.like]],
      ['both names as written', 6, [family?.exact, given?.exact]],
      ['both names swapped', 6, [familyAsGiven, givenAsFamily]],
      ['rare family name', 1, [rare(family)]],
      ['rare given name', 1, [date && rare(given)]],
      // Without a whole date there is less to meet by.
      ...without(date?.likely, [
        ['both names', 5, [family?.like, given?.like]],
        ['both names and town', 3, [place.town, family?.like, given?.like]],
        ['family name and initial', 5, [family?.exact, initial]],
        ['family name and part of the date', 4, [family?.like, date?.partly]],
        ['family name, initial and part of the date', 2, [family?.like, initial, date?.partly]],
        ['a swapped name and part of the date', 2, [eitherSwapped, date?.partly]],
      ]),
      ['postcode and a name', 7, [place.nearPostcode, eitherName]],
      ['postcode and date', 6, [place.nearPostcode, date?.near]],
      ['postcode and parent', 6, [place.nearPostcode, parent]],
      ['postcode', 1, [place.postcode]],
      ['sector and family name', 3, [place.sector, family?.like]],
      ['sector and part of the date', 2, [place.sector, date?.partly, eitherName]],
      ['sector, parent and a name', 4, [place.sector, parent, eitherName]],
      ['address and family name', 5, [place.line, family?.like]],
      ['address and date', 5, [place.line, date?.near]],
      ['town, part of the date and a name', 3, [place.town, date?.partly, eitherName]],
      ['parent, likely date and a name', 3, [parent, date?.likely, eitherName]],
    ],
    CANDIDATES,
  );
}

/**
 * A second, wider look, for when the first found nobody plausible: both names by sound or as they may have been misspelt,
 * whatever the date, and a family name beside a part of it.
 */
export function planWidely(criteria: Criteria, names: Names): CandidatePlan | undefined {
  const family = soundClause('family', criteria.familyName);
  const given = soundClause('given', criteria.givenNames);
  const familyLike = nameClauses('family', criteria.familyName, names)?.like;
  const givenLike = nameClauses('given', criteria.givenNames, names)?.like;
  const date = dateClauses(criteria.dateOfBirth);
  const place = placeClauses(criteria.address);
  return conclude(
    [
      ['both names by sound', 6, [family, given]],
      ['both names misspelt', 5, [familyLike, givenLike]],
      [
        'both names swapped, by sound',
        5,
        [soundClause('given', criteria.familyName), soundClause('family', criteria.givenNames)],
      ],
      ['part of the date and both names by sound', 3, [date?.partly, family, given]],
      ['part of the date and family name', 3, [date?.partly, familyLike]],
      ['sector and a name by sound', 4, [place.sector, anyOf([family, given])]],
      ['town and a name by sound', 2, [place.town, anyOf([family, given]), date?.partly]],
    ],
    WIDE_CANDIDATES,
  );
}

function without(known: Query | undefined, rules: Rule[]): Rule[] {
  return known ? [] : rules;
}

function conclude(rules: Rule[], size: number): CandidatePlan | undefined {
  const usable = rules.flatMap(([name, worth, clauses]): BlockingRule[] => {
    const stated = clauses.filter((clause) => clause !== undefined);
    return stated.length === clauses.length ? [{ name, worth, clauses: stated }] : [];
  });
  return usable.length === 0 ? undefined : { size, rules: usable };
}

function mustNot(exclusions: Exclusions): Query[] {
  return [
    ...(exclusions.shielded ? [{ term: { shielded: true } }] : []),
    ...(exclusions.childIds.length > 0 ? [{ ids: { values: exclusions.childIds } }] : []),
  ];
}

/** @param named Elasticsearch then tells which rules each candidate met, at the price of a second look at each */
export function toQuery(plan: CandidatePlan, exclusions: Exclusions, named: boolean): Query {
  return {
    bool: {
      should: plan.rules.map(({ name, worth, clauses }) => ({
        constant_score: { filter: allOf(clauses) as Query, boost: worth, ...(named ? { _name: name } : {}) },
      })),
      minimum_should_match: 1,
      must_not: mustNot(exclusions),
    },
  };
}
