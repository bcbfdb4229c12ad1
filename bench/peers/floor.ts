import type { estypes } from '@elastic/elasticsearch';
import { dateKeys, dateVariants, nameForms, nameTokens, phoneticKeys } from '../../src/matching/index.js';
import { readAlias } from '../../src/search/aliases.js';
import type { BenchQuery } from '../queries.js';
import { type Surroundings, type System, TIMEOUT_MS } from './system.js';

type Query = estypes.QueryDslQueryContainer;

/**
 * The least that a search by blocking can cost: one bare call to our own index for candidates by exact terms and sound
 * codes, no misspelt name put right, nothing read, decided or recorded. Not a search by itself: its ids are in the order
 * of the rules that they meet, unscored.
 */
const SIZE = 60;

/** Fields of index-mappings/children.v1.json. */
const FIELDS = {
  family: ['family', 'familyLike'],
  given: ['given', 'givenLike'],
  date: 'dateOfBirth',
  datePairs: 'datePairs',
} as const;

const yearKey = (year: string) => `y:${year}`;

function searchFor({ familyName, givenNames, date }: BenchQuery): Query {
  const family = nameQuery(FIELDS.family, familyName);
  const given = nameQuery(FIELDS.given, givenNames);
  const near = date && 'day' in date ? terms(FIELDS.date, dateVariants(date.day)) : undefined;
  const partly = date && terms(FIELDS.datePairs, partKeys(date));
  const rules: (Query | undefined)[][] = [
    [near, family?.like],
    [near, given?.like],
    [partly, family?.like, given?.like],
    [family?.exact, given?.exact],
    ...(near ? [] : [[family?.like, given ? given.like : partly]]),
  ];
  const usable = rules.filter((clauses): clauses is Query[] => clauses.every((clause) => clause !== undefined));
  return {
    bool: {
      should: usable.map((filter) => ({ constant_score: { filter: { bool: { filter } } } })),
      minimum_should_match: 1,
    },
  };
}

function nameQuery([exactField, likeField]: readonly [string, string], text: string) {
  const forms = nameForms(text);
  if (forms.length === 0) return undefined;
  const exact = terms(exactField, forms);
  const codes = nameTokens(text).flatMap(phoneticKeys);
  return { exact, like: { bool: { should: [exact, terms(likeField, codes)], minimum_should_match: 1 } } };
}

function partKeys(date: NonNullable<BenchQuery['date']>): string[] {
  if ('day' in date) return dateKeys(date.day);
  const isMonth = date.from.slice(0, 7) === date.to.slice(0, 7);
  return isMonth ? dateKeys(date.from).slice(0, 1) : [yearKey(date.from.slice(0, 4))];
}

function terms(field: string, values: string[]): Query {
  return { terms: { [field]: values } };
}

export async function openFloor({ directory, elasticsearch }: Surroundings): Promise<System> {
  const index = readAlias(directory.instance);
  return {
    name: 'floor',
    async ask(query) {
      const { hits } = await elasticsearch.search(
        { index, query: searchFor(query), size: SIZE, _source: false, track_total_hits: false },
        { requestTimeout: TIMEOUT_MS, maxRetries: 0 },
      );
      return { childIds: hits.hits.map((hit) => hit._id as string) };
    },
    size: async () => ({}),
    async close() {},
  };
}
