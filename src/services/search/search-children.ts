import { randomUUID } from 'node:crypto';
import { type Access, viewerOf } from '../../caller.js';
import type { Context } from '../../context.js';
import { type ChildFacts, type FactsWanted, findChildIdByNumber, findSomeFacts, NOBODY } from '../../db/children.js';
import { findIdsByKeys } from '../../db/find-exact.js';
import { findUnacknowledgedShields } from '../../db/shields.js';
import { DirectoryError } from '../../errors.js';
import { borneOpenly, compareRanked, matchesExactly, prepareCriteria, type Scored } from '../../matching/index.js';
import type { SearchAnswer, SearchRequest } from '../../schemas/search.js';
import { type Candidates, findCandidates } from '../../search/candidates.js';
import type { Names } from '../../search/name-statistics.js';
import { type CandidatePlan, type Exclusions, planCandidates, planWidely } from '../../search/plan.js';
import { exactKeys, planExact } from '../../search/plan-exact.js';
import { todayInEngland } from '../child-age.js';
import { mediate } from '../verification/mediate.js';
import { entitledTo, type Visible, visibleTo } from '../visibility.js';
import { toCandidate, toResult } from './answer.js';
import { namesHiddenCriterion, readCriteria, type SearchCriteria, statedFields } from './criteria.js';
import { explain, type Look, mayExplain } from './explain.js';
import { amongRivals, PLAUSIBLE, type Ranked, rank } from './rank.js';
import { type Stopwatch, startStopwatch } from './stopwatch.js';

/** An exact search compares at most so many; where there are more it is too wide. */
const EXACT_CANDIDATES = 200;
/** Below this two searches of three find nobody plausible at the first look: docs/measurements.md */
const POOR_EVIDENCE = 10;

type RankedChild = Ranked<Visible<ChildFacts>>;

/** One search on its way. */
interface Search {
  context: Context;
  access: Access;
  criteria: SearchCriteria;
  /** A criterion that a shield hides is stated: no shielded child exists for this search. */
  hidden: boolean;
  explained: boolean;
  watch: Stopwatch;
}

interface Found {
  ranked: RankedChild[];
  degraded: boolean;
  /** More than were asked for: what an exact search compares by may be met by children who were left out. */
  incomplete: boolean;
  looks: Look[];
}

/**
 * Who is this child? Candidates come from the index, everything that decides comes from PostgreSQL: what the caller
 * may see of each, and the score. The search is in the audit log before the answer is returned.
 * @throws DirectoryError `insufficient-criteria`, `invalid-request`, `too-many-matches`, `search-unavailable`, `forbidden`
 */
export async function searchChildren(
  context: Context,
  asked: Access,
  { onBehalfOf, ...request }: SearchRequest,
  { explained = false } = {},
): Promise<SearchAnswer> {
  const watch = startStopwatch();
  if (explained && !mayExplain(asked.caller)) {
    throw new DirectoryError('forbidden', 'Only a management team may have a search explained');
  }
  const access = await mediate(context, asked, onBehalfOf);
  const criteria = readCriteria(request);
  const search: Search = { context, access, criteria, hidden: namesHiddenCriterion(criteria), explained, watch };
  const { ranked, degraded, incomplete, looks } = await find(search);
  const ranking = await orAudited(search, () => rank(ranked, criteria.limit, incomplete));
  watch.ended('decide');
  const childIds = ranking.results.map(({ child }) => child.childId);
  const [whole] = await Promise.all([readWhole(search, childIds), audit(search, ranking.outcome, childIds)]);
  watch.ended('audit');
  const today = todayInEngland();
  const answer: SearchAnswer = {
    searchId: randomUUID(),
    outcome: ranking.outcome,
    degraded,
    results: ranking.results.map((result) =>
      toResult({ ...result, child: whole.get(result.child.childId) ?? result.child }, today),
    ),
  };
  if (explained) answer.explanation = explain(ranking.results, looks);
  // Times would tell that a shielded child was looked at and left out.
  if (!search.hidden) answer.took = watch.took();
  return answer;
}

async function find(search: Search): Promise<Found> {
  const { context, criteria, watch } = search;
  if (criteria.number !== undefined) {
    const childId = await findChildIdByNumber(context.db, criteria.number);
    watch.ended('candidates');
    const children = await readVisible(search, [childId ?? NOBODY]);
    return { ranked: scoreByNumber(criteria, children, await context.names.current()), ...complete };
  }
  const unacknowledged = findUnacknowledgedShields(context.db);
  // Asked for now and awaited after the planning: a failure meanwhile is nobody's who does not listen yet.
  unacknowledged.catch(() => undefined);
  const names = await context.names.current();
  return criteria.mode === 'fuzzy'
    ? findFuzzily(search, names, unacknowledged)
    : findExactly(search, names, unacknowledged);
}

/** Whom the index must leave out. */
function exclude({ hidden }: Search, unacknowledged: string[]): Exclusions {
  return { shielded: hidden, childIds: [...unacknowledged] };
}

const complete = { degraded: false, incomplete: false, looks: [] };

async function findFuzzily(search: Search, names: Names, unacknowledged: Promise<string[]>): Promise<Found> {
  const { criteria, hidden, explained, watch } = search;
  const looks: Look[] = [];
  const query = prepareCriteria(criteria);
  const known = new Set<string>();
  const ranked: RankedChild[] = [];

  const weigh = async (childIds: string[], least = 0) => {
    const fresh = childIds.filter((childId) => !known.has(childId));
    for (const childId of fresh) known.add(childId);
    const today = todayInEngland();
    for (const child of await readVisible(search, fresh)) {
      const scored = names.score(query, toCandidate(child, today));
      if (scored.score >= least) ranked.push({ child, scored });
    }
    watch.ended('decide');
  };

  const consider = async ({ plan, candidates }: Look) => {
    watch.ended('candidates');
    looks.push({ plan, candidates });
    await weigh(candidates.childIds);
  };

  const narrow = planCandidates(criteria, names);
  const shields = await unacknowledged;
  const exclusions = exclude(search, shields);
  watch.ended('plan');
  const look = async (planner: typeof planCandidates, plan = planner(criteria, names)): Promise<Look | undefined> => {
    if (!plan) return undefined;
    const candidates = await askIndex(search, plan, exclusions);
    return { plan: (explained && planner(criteria, openNames(names))) || plan, candidates };
  };

  const first = await look(planCandidates, narrow);
  // Who has so little is seldom plausible: the index goes on looking while they are read.
  const soon = (first?.candidates.evidence ?? 0) < POOR_EVIDENCE ? look(planWidely) : undefined;
  soon?.catch(() => undefined);
  if (first) await consider(first);
  // Shielded, and the index may still know them by what is hidden now: compared whatever it says, shown if plausible.
  if (!hidden && shields.length > 0) await weigh(shields, PLAUSIBLE);
  // Beside one another: somebody without a rival is good enough who among all children is not.
  const isGood = ({ scored }: RankedChild) => scored.score >= PLAUSIBLE;
  let weighed = amongRivals(ranked);
  if (!weighed.some(isGood)) {
    const second = await (soon ?? look(planWidely));
    if (second) await consider(second);
    weighed = amongRivals(ranked);
  }
  return { ranked: inOrder(weighed), degraded: false, incomplete: false, looks };
}

/** By which a plan may be explained: a name that no open child bears may be one that a shield hides by now. */
function openNames(names: Names): Names {
  return { ...names, given: borneOpenly(names.given), family: borneOpenly(names.family) };
}

/**
 * Where no shielded child may exist, one who was shielded since the exclusions were read must not have taken a candidate's
 * place, nor have been the best beside whom others look poor: the index is asked again without.
 */
async function askIndex(search: Search, plan: CandidatePlan, exclusions: Exclusions): Promise<Candidates> {
  const { context, hidden, explained } = search;
  for (;;) {
    const candidates = await findCandidates(context, plan, exclusions, explained);
    if (!hidden) return candidates;
    const unacknowledged = await findUnacknowledgedShields(context.db);
    const late = unacknowledged.filter((childId) => candidates.childIds.includes(childId));
    if (late.length === 0) return candidates;
    exclusions.childIds.push(...late);
  }
}

async function findExactly(search: Search, names: Names, unacknowledged: Promise<string[]>): Promise<Found> {
  const { context, criteria, hidden, watch } = search;
  const plan = planExact(criteria, EXACT_CANDIDATES);
  const shields = await unacknowledged;
  watch.ended('plan');
  let candidates: Candidates | undefined;
  try {
    candidates = await askIndex(search, plan, exclude(search, shields));
  } catch (error) {
    if (!(error instanceof DirectoryError) || error.code !== 'search-unavailable') throw error;
  }
  const childIds = candidates
    ? candidates.childIds
    : await findIdsByKeys(context.db, exactKeys(criteria, hidden), EXACT_CANDIDATES);
  watch.ended('candidates');
  const query = prepareCriteria(criteria);
  const today = todayInEngland();
  const children = await readVisible(search, [...childIds, ...(candidates && !hidden ? shields : [])]);
  const ranked = children.flatMap((child) => {
    const candidate = toCandidate(child, today);
    if (!matchesExactly(query, candidate)) return [];
    return [{ child, scored: asMatched(criteria, names.score(query, candidate)) }];
  });
  return {
    ranked: inOrder(ranked),
    degraded: !candidates,
    incomplete: childIds.length >= EXACT_CANDIDATES,
    looks: candidates ? [{ plan, candidates }] : [],
  };
}

/** The number alone identifies; a stated field that disagrees takes the certainty away, not the child. */
function scoreByNumber(criteria: SearchCriteria, children: Visible<ChildFacts>[], names: Names): RankedChild[] {
  const query = prepareCriteria(criteria);
  const today = todayInEngland();
  return children.map((child) => {
    const scored = names.score(query, toCandidate(child, today));
    const disagrees = Object.values(scored.agreement).includes('disagrees');
    return { child, scored: { ...scored, score: disagrees ? 0.9 : 1 } };
  });
}

/** What has to be read of children who are compared: the parts that the criteria name. */
function comparedBy({ criteria, hidden }: Search): FactsWanted {
  // Read once and for all where a shielded child must not exist: whoever is shielded between two readings would.
  return { addresses: hidden, parents: criteria.parentName !== undefined };
}

/** What the caller may see of these children, as PostgreSQL holds them at this moment. */
async function readVisible(search: Search, childIds: string[]): Promise<Visible<ChildFacts>[]> {
  const visible = await readParts(search, childIds, comparedBy(search));
  search.watch.ended('read');
  return visible;
}

async function readParts(search: Search, childIds: string[], wanted: FactsWanted): Promise<Visible<ChildFacts>[]> {
  const facts = await findSomeFacts(search.context.db, childIds, {
    ...wanted,
    entitled: entitledTo(viewerOf(search.access)),
  });
  return facts.flatMap((child) => {
    if (child.archived || (search.hidden && child.shielded)) return [];
    return visibleTo(viewerOf(search.access), child) ?? [];
  });
}

/** The children who are shown, with the addresses that they were not compared by. Whoever was shielded meanwhile comes shielded. */
async function readWhole(search: Search, childIds: string[]): Promise<Map<string, Visible<ChildFacts>>> {
  if (comparedBy(search).addresses) return new Map();
  const children = await readParts(search, childIds, { addresses: true, parents: false });
  return new Map(children.map((child) => [child.childId, child]));
}

function inOrder(ranked: RankedChild[]): RankedChild[] {
  return ranked.sort((a, b) => compareRanked(a.scored, b.scored) || (a.child.childId < b.child.childId ? -1 : 1));
}

/** Whoever matches exactly is plausible, also by a wildcard, which the score takes for a misspelling: else `*` would be free fishing. */
function asMatched(criteria: SearchCriteria, scored: Scored): Scored {
  const agreement = { ...scored.agreement };
  for (const field of ['givenNames', 'familyName'] as const)
    if (criteria[field]?.endsWith('*')) agreement[field] = 'partial';
  return { ...scored, agreement, score: Math.max(scored.score, PLAUSIBLE) };
}

/** A search that is refused for its result is in the audit log as well. */
async function orAudited<T>(search: Search, decide: () => T): Promise<T> {
  try {
    return decide();
  } catch (error) {
    if (error instanceof DirectoryError) await audit(search, error.code, []);
    throw error;
  }
}

async function audit({ context, access, criteria, explained }: Search, outcome: string, childIds: string[]) {
  await context.audit.record(access, {
    action: 'search',
    childIds,
    details: {
      fields: statedFields(criteria),
      mode: criteria.mode,
      outcome,
      results: childIds.length,
      ...(explained ? { explained } : {}),
    },
  });
}
