import { errors, type estypes } from '@elastic/elasticsearch';
import { validate as isUuid } from 'uuid';
import type { Context } from '../context.js';
import { DirectoryError } from '../errors.js';
import { readAlias } from './aliases.js';
import { type CandidatePlan, type Exclusions, toQuery } from './plan.js';

/** A search that the index has not answered by then is given up: the caller is told to come back. */
const TIMEOUT_MS = 2_000;
const RETRY_AFTER_SECONDS = 5;
/** So many are compared in any case; beyond them only who has a fair part of the best one's evidence. */
const ALWAYS_COMPARED = 20;
const FAIR_SHARE = 1 / 3;

/** Ids of children, and for explanations the blocking rules that each of them met. */
export interface Candidates {
  childIds: string[];
  rules: ReadonlyMap<string, string[]>;
  /** What the rules that the best one met are worth together; 0 where nobody met any. */
  evidence: number;
}

/**
 * Ids of children worth scoring, best evidence first. Nothing else is taken from the index.
 * @param explained also says by which rules; this costs Elasticsearch a second look at each of them
 * @throws DirectoryError `search-unavailable` while Elasticsearch is away, slow, or has no complete index
 */
export async function findCandidates(
  context: Context,
  plan: CandidatePlan,
  exclusions: Exclusions,
  explained = false,
): Promise<Candidates> {
  try {
    const { hits, timed_out: timedOut } = await context.elasticsearch.search(
      {
        filter_path: ['timed_out', 'hits.hits.sort', 'hits.hits.matched_queries'],
        index: readAlias(context.config.instance),
        query: toQuery(plan, exclusions, explained),
        size: plan.size,
        // Ties must not fall by the order of writing: it would tell which record was changed lately. The id comes with the
        // order, so that Elasticsearch has no stored field to unpack.
        sort: ['_score', { bucket: 'asc' }, { childId: 'asc' }],
        stored_fields: '_none_',
        _source: false,
        track_total_hits: false,
        timeout: `${TIMEOUT_MS}ms`,
        allow_partial_search_results: false,
      },
      { requestTimeout: TIMEOUT_MS },
    );
    if (timedOut) throw unavailable();
    // What is no child's id would make PostgreSQL refuse the whole question.
    const best = evidenceOf(hits?.hits?.[0]);
    const found = (hits?.hits ?? [])
      .filter((hit, at) => at < ALWAYS_COMPARED || evidenceOf(hit) >= best * FAIR_SHARE)
      .map(({ sort, matched_queries: matched }) => ({ childId: sort?.[2], rules: namesOf(matched) }))
      .filter((hit): hit is { childId: string; rules: string[] } => isUuid(hit.childId));
    return {
      childIds: found.map(({ childId }) => childId),
      rules: new Map(found.map(({ childId, rules }) => [childId, rules])),
      evidence: best,
    };
  } catch (error) {
    if (error instanceof errors.ConnectionError || error instanceof errors.TimeoutError) throw unavailable(error);
    if (error instanceof errors.ResponseError && isPassing(error.statusCode ?? 500)) throw unavailable(error);
    throw error;
  }
}

function evidenceOf(hit: { sort?: estypes.SortResults } | undefined): number {
  return Number(hit?.sort?.[0] ?? 0);
}

function namesOf(matched: string[] | Record<string, number> | undefined): string[] {
  return Array.isArray(matched) ? matched : Object.keys(matched ?? {});
}

/** 404: there is no complete index yet. */
function isPassing(status: number): boolean {
  return status === 404 || status === 429 || status >= 500;
}

function unavailable(cause?: unknown): DirectoryError {
  return new DirectoryError(
    'search-unavailable',
    'Searching is not possible just now. Looking a child up by number and exact searches still work.',
    { retryAfterSeconds: RETRY_AFTER_SECONDS, cause },
  );
}
