import { setTimeout } from 'node:timers/promises';
import type { Kysely } from 'kysely';
import type { Context } from '../../context.js';
import { recordSystemAudit } from '../../db/audit.js';
import { findFacts } from '../../db/children.js';
import { sampleChildIds } from '../../db/sample-children.js';
import type { Database } from '../../db/schema.js';
import { DirectoryError } from '../../errors.js';
import {
  type Candidate,
  countLevels,
  createScorer,
  fitCalibration,
  handModel,
  type JudgedSearch,
  type Model,
  type NameFrequencies,
  type PreparedCriteria,
  prepareCriteria,
  presence,
  reestimate,
  reestimateMiddle,
  type TrainedTable,
  type Training,
} from '../../matching/index.js';
import { findCandidates } from '../../search/candidates.js';
import type { Names } from '../../search/name-statistics.js';
import { type CandidatePlan, planCandidates } from '../../search/plan.js';
import { todayInEngland } from '../child-age.js';
import { type Query, type QueryField, queryFields, toRequest } from '../evaluate/queries.js';
import { toCandidate } from '../search/answer.js';
import { readCriteria, type SearchCriteria } from '../search/criteria.js';

export interface TrainOptions {
  version: string;
  /** As typed, for the reader of the model. */
  command: string;
  /** The queries are searches of people, not made to order. */
  realSearches: boolean;
  progress?: (note: string) => void;
}

/** A query and the child that it is about, as far as an unentitled caller would see it. */
interface Pair {
  query: PreparedCriteria;
  child: Candidate;
}

/** How many children at random each query is compared with, and from how many they are drawn: a prime, so that all meet all. */
const STRANGERS_EACH = 50;
const STRANGERS = 4_001;
/**
 * A generator makes the mistakes it is told to, as often as it is told to: of a kind of mistake it knows how it looks, hardly
 * how frequent it is. At a third of the way nothing was lost on the public sets of mistakes, at half of it a little.
 */
const TRUST_IN_SYNTHETIC = 1 / 3;
/** Queries that are searched for to calibrate the score, spread over the file by a stride, and how much of them is stated. */
const CALIBRATION_QUERIES = 3_000;
const STRIDE = 7_919;
const CALIBRATION_FIELDS: readonly (readonly QueryField[])[] = [
  ['given_names', 'family_name'],
  ['given_names', 'family_name', 'date_of_birth'],
  queryFields,
];
const SEARCHES_AT_ONCE = 4;
const ATTEMPTS = 5;
const PRIOR_SEARCHES = 100;
const FACTS_AT_ONCE = 1_000;
/** The reading of a name that a model prefers decides which level is counted: so count, estimate, and count again. */
const ROUNDS = 2;
/**
 * How many postcodes, streets and towns there are grows with the directory, and with it how seldom two children share
 * one: in a directory smaller than this `u` of places would be too large for a country.
 */
const CHILDREN_OF_A_COUNTRY = 1_000_000;
const PLACES: readonly TrainedTable[] = ['postcode', 'line', 'lineInPostcode', 'town', 'townInPostcode'];
/** A parent's `u` is among children of the same family name, which children at random hardly ever have. */
const ANYWHERE: readonly TrainedTable[] = ['date', 'gender'];

/**
 * Estimates the numbers of the score anew, from queries whose child is known, on a directory that holds these children.
 * Shielded children have no part in it. Reads only, but for one row of audit.
 * @param truth childId by source_id
 */
export async function train(
  context: Context,
  queries: readonly Query[],
  truth: ReadonlyMap<string, string>,
  options: TrainOptions,
): Promise<Model> {
  const { db } = context;
  const note = options.progress ?? (() => undefined);
  const { version, realSearches } = options;
  await recordSystemAudit(db, { action: 'train-model', details: { queries: queries.length, version } });
  const names = await context.names.current();
  const { frequencies } = names;

  note('reading the children asked for');
  const pairs = await findPairs(db, queries, truth);
  const strangers = await findChildren(db, await sampleChildIds(db, STRANGERS));

  note('comparing with children at random');
  const model = { ...structuredClone(handModel), calibration: { slope: 1, intercept: 0 } };
  const apart = pairApart(pairs, [...strangers.values()]);
  const tables = frequencies.children >= CHILDREN_OF_A_COUNTRY ? [...ANYWHERE, ...PLACES] : ANYWHERE;
  const trust = realSearches ? 1 : TRUST_IN_SYNTHETIC;
  const ofStrangers = countLevels(scoreAll(model, frequencies, apart));
  let trained: Model = model;
  for (let round = 1; round <= ROUNDS; round++) {
    note(`comparing with the children asked for, round ${round}`);
    const ofChildren = countLevels(scoreAll(trained, frequencies, pairs));
    const withM = reestimate(model, ofChildren, 'm', { version, complete: realSearches, trust });
    trained = reestimateMiddle(withM, ofChildren, ofStrangers, trust);
  }
  trained = reestimate(trained, ofStrangers, 'u', { version, tables, complete: true, trust });

  note('searching, to calibrate');
  const searches = await searchAll(context, trained, names, queries, truth);
  const held = searches.filter(({ isHeld }) => isHeld);
  const overlooked = held.filter(({ isFound }) => !isFound);
  if (realSearches) {
    const before = presence(trained);
    trained.prior.held = drawnShare(held.length, searches.length, trained.prior.held);
    trained.prior.overlooked = drawnShare(overlooked.length, held.length, trained.prior.overlooked);
    const change = presence(trained) / before;
    for (const search of searches) search.odds = search.odds.map((odds) => odds * change);
  }
  trained.calibration = fitCalibration(searches);
  const training: Training = {
    on: todayInEngland(),
    command: options.command,
    from: handModel.version,
    children: frequencies.children,
    pairs: pairs.length,
    strangers: apart.length,
    searches: searches.length,
    held: held.length,
    overlooked: overlooked.length,
    realSearches,
  };
  const { version: _version, ...numbers } = trained;
  return { version, training, ...numbers };
}

/** Each query with its child, as far as both are known. */
async function findPairs(
  db: Kysely<Database>,
  queries: readonly Query[],
  truth: ReadonlyMap<string, string>,
): Promise<Pair[]> {
  const ids = queries.flatMap((query) => targetOf(query, truth) ?? []);
  const children = await findChildren(db, [...new Set(ids)]);
  return queries.flatMap((query): Pair[] => {
    const child = children.get(targetOf(query, truth) ?? '');
    const criteria = criteriaOf(query, queryFields);
    return child && criteria ? [{ query: prepareCriteria(criteria), child }] : [];
  });
}

function targetOf(query: Query, truth: ReadonlyMap<string, string>): string | undefined {
  return query.target_in_records_csv === false ? undefined : truth.get(query.source_id);
}

/** Undefined where a search by these fields would be refused. */
function criteriaOf(query: Query, fields: readonly QueryField[]): SearchCriteria | undefined {
  try {
    return readCriteria(toRequest(query, fields));
  } catch (error) {
    if (error instanceof DirectoryError) return undefined;
    throw error;
  }
}

/** By id, without shielded and archived ones. */
async function findChildren(db: Kysely<Database>, ids: readonly string[]): Promise<Map<string, Candidate>> {
  const today = todayInEngland();
  const children = new Map<string, Candidate>();
  for (let at = 0; at < ids.length; at += FACTS_AT_ONCE) {
    for (const child of await findFacts(db, ids.slice(at, at + FACTS_AT_ONCE))) {
      if (!child.shielded && !child.archived) children.set(child.childId, toCandidate(child, today));
    }
  }
  return children;
}

/** Queries with children who have nothing to do with theirs: brothers and sisters, who share a postcode, are none. */
function pairApart(pairs: readonly Pair[], strangers: readonly Candidate[]): Pair[] {
  let next = 0;
  return pairs.flatMap(({ query, child }) => {
    const apart: Pair[] = [];
    const postcodes = new Set(child.addresses.map(({ postcode }) => postcode));
    for (let drawn = 0; drawn < Math.min(STRANGERS_EACH, strangers.length); drawn++) {
      const stranger = strangers[next++ % strangers.length] as Candidate;
      if (!stranger.addresses.some(({ postcode }) => postcode !== '' && postcodes.has(postcode)))
        apart.push({ query, child: stranger });
    }
    return apart;
  });
}

function* scoreAll(model: Model, frequencies: NameFrequencies, pairs: readonly Pair[]) {
  const score = createScorer(model, frequencies);
  for (const { query, child } of pairs) yield score(query, child);
}

interface Searched extends JudgedSearch {
  odds: number[];
  isHeld: boolean;
  isFound: boolean;
}

/** Carries out some of the queries as searches, each by little, by more, and by all that it knows. */
async function searchAll(
  context: Context,
  model: Model,
  names: Names,
  queries: readonly Query[],
  truth: ReadonlyMap<string, string>,
): Promise<Searched[]> {
  const score = createScorer(model, names.frequencies);
  const count = Math.min(CALIBRATION_QUERIES, queries.length);
  const asked = Array.from({ length: count }, (_, at) => queries[(at * STRIDE) % queries.length] as Query);
  const waiting = asked.flatMap((query) => CALIBRATION_FIELDS.map((fields) => ({ query, fields })));
  const searched: Searched[] = [];
  const searcher = async () => {
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      const criteria = criteriaOf(next.query, next.fields);
      const plan = criteria && planCandidates(criteria, names);
      if (!plan) continue;
      const children = await findChildren(context.db, await findPatiently(context, plan));
      const target = targetOf(next.query, truth);
      const query = prepareCriteria(criteria);
      const listed = [...children].flatMap(([childId, child]) => {
        const { odds, floor } = score(query, child);
        return floor > 0 ? [{ childId, odds }] : [];
      });
      const position = listed.findIndex(({ childId }) => childId === target);
      searched.push({
        odds: listed.map(({ odds }) => odds),
        target: position < 0 ? undefined : position,
        isHeld: target !== undefined,
        isFound: target !== undefined && children.has(target),
      });
    }
  };
  await Promise.all(Array.from({ length: SEARCHES_AT_ONCE }, searcher));
  return searched;
}

/** An index that is busy for a moment is no reason to lose what was counted. */
async function findPatiently(context: Context, plan: CandidatePlan): Promise<string[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      return (await findCandidates(context, plan, { shielded: true, childIds: [] })).childIds;
    } catch (error) {
      if (!(error instanceof DirectoryError) || error.code !== 'search-unavailable' || attempt === ATTEMPTS)
        throw error;
      await setTimeout((error.retryAfterSeconds ?? 1) * 1000);
    }
  }
}

/** A share as counted, drawn to the one given as if that had been seen among so many. */
function drawnShare(count: number, total: number, given: number): number {
  return (count + PRIOR_SEARCHES * given) / (total + PRIOR_SEARCHES);
}
