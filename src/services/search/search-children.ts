import { randomUUID } from 'node:crypto';
import type { Access } from '../../caller.js';
import type { Context } from '../../context.js';
import { recordAudit } from '../../db/audit.js';
import { type Address, type ChildFacts, findChildIdByNumber, findFacts } from '../../db/children.js';
import { findIdsByKeys } from '../../db/find-exact.js';
import { findUnacknowledgedShields } from '../../db/shields.js';
import { DirectoryError } from '../../errors.js';
import { type Candidate, compareRanked, matchesExactly, prepareCriteria, type Scored } from '../../matching/index.js';
import type { SearchAnswer, SearchRequest, SearchResult } from '../../schemas/search.js';
import { findCandidateIds } from '../../search/candidates.js';
import { exactKeys, planCandidates, planExact } from '../../search/plan.js';
import { addressLine } from '../../search/projection.js';
import { todayInEngland } from '../child-age.js';
import { contactManagementTeam } from '../record-view.js';
import { type Visible, visibleTo } from '../visibility.js';
import { namesHiddenCriterion, readCriteria, type SearchCriteria, statedFields } from './criteria.js';
import { amongRivals, PLAUSIBLE, type Ranked, type Ranking, rank } from './rank.js';

/** An exact search compares at most so many; where there are more it is too wide. */
const EXACT_CANDIDATES = 200;

interface Found {
  childIds: string[];
  /** Shielded, and the index may still know them by what is hidden now: compared whatever it says, shown if plausible. */
  unasked: string[];
  degraded: boolean;
  /** More than were asked for: what an exact search compares by may be met by children who were left out. */
  incomplete: boolean;
}

/**
 * Who is this child? Candidates come from the index, everything that decides comes from PostgreSQL: what the caller
 * may see of each, and the score. The search is in the audit log before the answer is returned.
 * @throws DirectoryError `insufficient-criteria`, `invalid-request`, `too-many-matches`, `search-unavailable`
 */
export async function searchChildren(context: Context, access: Access, request: SearchRequest): Promise<SearchAnswer> {
  const started = performance.now();
  const criteria = readCriteria(request);
  const { childIds, unasked, degraded, incomplete } = await findIds(context, criteria);
  const candidatesAt = performance.now();
  const children = await visibleChildren(context, access, criteria, [...childIds, ...unasked]);
  const ranked = await scoreChildren(context, criteria, children, new Set(unasked));
  let ranking: Ranking<Visible<ChildFacts>>;
  try {
    ranking = rank(ranked, criteria.limit, incomplete);
  } catch (error) {
    if (error instanceof DirectoryError) await audit(context, access, criteria, error.code, []);
    throw error;
  }
  const decidedAt = performance.now();
  await audit(
    context,
    access,
    criteria,
    ranking.outcome,
    ranking.results.map(({ child }) => child.childId),
  );
  const answer: SearchAnswer = {
    searchId: randomUUID(),
    outcome: ranking.outcome,
    degraded,
    results: ranking.results.map(toResult),
  };
  // Times would tell that a shielded child was looked at and left out.
  if (!namesHiddenCriterion(criteria)) {
    answer.took = {
      totalMs: milliseconds(started, performance.now()),
      candidatesMs: milliseconds(started, candidatesAt),
      decideMs: milliseconds(candidatesAt, decidedAt),
      auditMs: milliseconds(decidedAt, performance.now()),
    };
  }
  return answer;
}

async function findIds(context: Context, criteria: SearchCriteria): Promise<Found> {
  if (criteria.number !== undefined) {
    const childId = await findChildIdByNumber(context.db, criteria.number);
    return { childIds: childId ? [childId] : [], unasked: [], degraded: false, incomplete: false };
  }
  const hidden = namesHiddenCriterion(criteria);
  const unacknowledged = await findUnacknowledgedShields(context.db);
  const exclusions = { shielded: hidden, childIds: unacknowledged };
  const unasked = hidden ? [] : unacknowledged;
  if (criteria.mode === 'fuzzy') {
    const plan = planCandidates(criteria, exclusions);
    const childIds = plan ? await findCandidateIds(context, plan) : [];
    return { childIds, unasked, degraded: false, incomplete: false };
  }
  try {
    const plan = planExact(criteria, exclusions, EXACT_CANDIDATES);
    return exactly(await findCandidateIds(context, plan), unasked, false);
  } catch (error) {
    if (!(error instanceof DirectoryError) || error.code !== 'search-unavailable') throw error;
    const childIds = await findIdsByKeys(context.db, exactKeys(criteria, hidden), EXACT_CANDIDATES);
    return exactly(childIds, [], true);
  }
}

function exactly(childIds: string[], unasked: string[], degraded: boolean): Found {
  return { childIds, unasked, degraded, incomplete: childIds.length >= EXACT_CANDIDATES };
}

async function visibleChildren(
  context: Context,
  access: Access,
  criteria: SearchCriteria,
  childIds: string[],
): Promise<Visible<ChildFacts>[]> {
  const hidden = namesHiddenCriterion(criteria);
  const facts = await findFacts(context.db, childIds);
  return facts.flatMap((child) => {
    if (child.archived || (hidden && child.shielded)) return [];
    return visibleTo(access.caller, child) ?? [];
  });
}

async function scoreChildren(
  context: Context,
  criteria: SearchCriteria,
  children: Visible<ChildFacts>[],
  unasked: ReadonlySet<string>,
): Promise<Ranked<Visible<ChildFacts>>[]> {
  const query = prepareCriteria(criteria);
  const score = await context.names.scorer();
  const today = todayInEngland();
  const ranked = children.flatMap((child) => {
    const candidate = toCandidate(child, today);
    if (criteria.number === undefined && criteria.mode === 'exact' && !matchesExactly(query, candidate)) return [];
    const scored = score(query, candidate);
    if (criteria.number === undefined) {
      if (criteria.mode === 'exact') return [{ child, scored: asMatched(criteria, scored) }];
      return scored.score < PLAUSIBLE && unasked.has(child.childId) ? [] : [{ child, scored }];
    }
    // The number alone identifies; a stated field that disagrees takes the certainty away, not the child.
    const disagrees = Object.values(scored.agreement).includes('disagrees');
    return [{ child, scored: { ...scored, score: disagrees ? 0.9 : 1 } }];
  });
  const weighed = criteria.number === undefined && criteria.mode === 'fuzzy' ? amongRivals(ranked) : ranked;
  return weighed.sort((a, b) => compareRanked(a.scored, b.scored) || (a.child.childId < b.child.childId ? -1 : 1));
}

/** Whoever matches exactly is plausible, also by a wildcard, which the score takes for a misspelling: else `*` would be free fishing. */
function asMatched(criteria: SearchCriteria, scored: Scored): Scored {
  const agreement = { ...scored.agreement };
  for (const field of ['givenNames', 'familyName'] as const)
    if (criteria[field]?.endsWith('*')) agreement[field] = 'partial';
  return { ...scored, agreement, score: Math.max(scored.score, PLAUSIBLE) };
}

/**
 * A visible child in the words of src/matching.
 * @param today YYYY-MM-DD
 */
export function toCandidate(child: ChildFacts, today: string): Candidate {
  return {
    names: child.names,
    dateOfBirth: child.dateOfBirth,
    gender: child.gender,
    addresses: child.addresses.map((address) => ({
      line: addressLine(address),
      town: address.town,
      postcode: address.postcode ?? '',
      current: isCurrentAddress(address, today),
    })),
    parents: child.parents,
  };
}

function isCurrentAddress({ kind, validFrom, validTo }: Address, today: string): boolean {
  return kind !== 'former' && (validFrom === null || validFrom <= today) && (validTo === null || validTo >= today);
}

function toResult({ child, scored, band }: Ranking<Visible<ChildFacts>>['results'][number]): SearchResult {
  const name = child.names.find((variant) => variant.kind === 'current');
  const result: SearchResult = {
    childId: child.childId,
    number: child.number,
    givenNames: name?.givenNames ?? '',
    familyName: name?.familyName ?? '',
    dateOfBirth: child.dateOfBirth,
    gender: child.gender,
    shielded: child.shielded,
    score: scored.score,
    band,
    agreement: scored.agreement,
  };
  const current = child.addresses.filter((address) => isCurrentAddress(address, todayInEngland()));
  const home = current.find((address) => address.kind === 'home') ?? current[0];
  if (home)
    result.address = {
      line: addressLine(home),
      town: home.town,
      ...(home.postcode ? { postcode: home.postcode } : {}),
    };
  if (child.hidden) {
    result.hidden = true;
    result.contact = contactManagementTeam;
  }
  return result;
}

async function audit(
  context: Context,
  access: Access,
  criteria: SearchCriteria,
  outcome: string,
  childIds: string[],
): Promise<void> {
  await recordAudit(context.db, access, {
    action: 'search',
    childIds,
    details: { fields: statedFields(criteria), mode: criteria.mode, outcome, results: childIds.length },
  });
}

function milliseconds(from: number, to: number): number {
  return Math.round((to - from) * 100) / 100;
}
