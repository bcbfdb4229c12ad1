import { createHash } from 'node:crypto';
import { sql, type Transaction } from 'kysely';
import { v7 as uuid } from 'uuid';
import type { Access } from '../caller.js';
import type { Context } from '../context.js';
import { recordAudit } from '../db/audit.js';
import { findFacts, insertHistory, queueForIndex } from '../db/children.js';
import { findIdsByKeys } from '../db/find-exact.js';
import { claimIdempotencyKey, rememberCreated } from '../db/idempotency.js';
import { drawFreeNumbers } from '../db/numbers.js';
import { insertAddress, insertName, insertParent, type NameParts } from '../db/record-parts.js';
import type { Database } from '../db/schema.js';
import { findUnacknowledgedShields } from '../db/shields.js';
import { DirectoryError } from '../errors.js';
import { type Criteria, parseName, prepareCriteria } from '../matching/index.js';
import type { NewChild } from '../schemas/child.js';
import { findCandidates } from '../search/candidates.js';
import { planCandidates } from '../search/plan.js';
import { readBack, refuseContradiction } from './change-child.js';
import { requireChild, todayInEngland } from './child-age.js';
import { requireSomePlace } from './parts/addresses.js';
import type { ReadChild } from './read-child.js';
import { toCandidate } from './search/answer.js';

/** At or above it a known child is plausible, and somebody has to look. */
const RESEMBLES = 0.5;
const KNOWN_AT_MOST = 200;
/** More than are born in England on any one day. */
const BORN_THAT_DAY_AT_MOST = 5_000;

export type CreatedChild = ({ queued: false } & ReadChild) | { queued: true };

/**
 * A new child in the caller's authority; or, where it resembles a child already there, shielded or not, an entry in
 * the matching queue and no word of whom it resembles.
 * @param idempotencyKey a repeated request with the same key makes nothing twice
 * @throws DirectoryError `not-a-child`, `invalid-request`, `forbidden`, `conflict`
 */
export async function createChild(
  context: Context,
  access: Access,
  child: NewChild,
  idempotencyKey?: string,
): Promise<CreatedChild> {
  const { authority, userId } = access.caller;
  if (!authority) throw new DirectoryError('forbidden', 'Your account belongs to no authority');
  if (!child.givenNames && !child.familyName) throw new DirectoryError('invalid-request', 'A child needs a name');
  requireChild(child.dateOfBirth);
  for (const address of child.addresses ?? []) requireSomePlace(address);
  const indexed = await findIndexedAlike(context, child);
  return context.db.transaction().execute(async (trx) => {
    if (idempotencyKey !== undefined) {
      const bodyHash = createHash('sha256').update(JSON.stringify(child)).digest();
      const earlier = await claimIdempotencyKey(trx, {
        userId,
        route: 'POST /v1/children',
        key: idempotencyKey,
        bodyHash,
      });
      if (earlier) {
        const { childId } = earlier;
        await recordAudit(trx, access, { action: 'create-child-replayed', childIds: childId ? [childId] : [] });
        return childId ? { queued: false, ...(await readBack(trx, access, childId)) } : { queued: true };
      }
    }
    const alike = await findAlike(context, trx, child, indexed);
    if (alike.length > 0) {
      await queueForMatching(trx, child, alike);
      await recordAudit(trx, access, { action: 'create-child-queued' });
      return { queued: true };
    }
    const childId = await insertChild(trx, child, authority).catch(refuseContradiction);
    await insertHistory(trx, childId, 1, {
      changedBy: userId,
      reason: access.reason,
      change: { action: 'create-child' },
    });
    await queueForIndex(trx, childId, 1, false);
    if (idempotencyKey !== undefined) {
      await rememberCreated(trx, { userId, route: 'POST /v1/children', key: idempotencyKey, childId });
    }
    await recordAudit(trx, access, { action: 'create-child', childIds: [childId] });
    return { queued: false, ...(await readBack(trx, access, childId)) };
  });
}

/** Every name of a new child, the current one first; a part that another name leaves out is the current one's. */
function namesOf({ givenNames = '', familyName = '', otherNames = [] }: NewChild): [NameParts, ...NameParts[]] {
  return [
    { kind: 'current', givenNames, familyName },
    ...otherNames.map((other) => ({
      kind: other.kind,
      givenNames: other.givenNames ?? givenNames,
      familyName: other.familyName ?? familyName,
    })),
  ];
}

/**
 * What a shield does not hide, and so all that a new child is compared by: once for each name, since whoever is known
 * here by one name may come back under another.
 */
function comparable(child: NewChild): Criteria[] {
  const { dateOfBirth: date, gender } = child;
  return namesOf(child).map(({ givenNames, familyName }) => ({
    ...(givenNames ? { givenNames } : {}),
    ...(familyName ? { familyName } : {}),
    dateOfBirth: { kind: 'day', date },
    ...(gender && gender !== 'unknown' ? { gender } : {}),
  }));
}

/** @returns undefined while the index is away */
async function findIndexedAlike(context: Context, child: NewChild): Promise<string[] | undefined> {
  // Compared whatever the index says: it may still know them by what is hidden now.
  const unacknowledged = await findUnacknowledgedShields(context.db);
  const names = await context.names.current();
  const plans = comparable(child).flatMap((criteria) => planCandidates(criteria, names) ?? []);
  const exclusions = { shielded: false, childIds: unacknowledged };
  try {
    const candidates = await Promise.all(plans.map((plan) => findCandidates(context, plan, exclusions)));
    return [...candidates.flatMap(({ childIds }) => childIds), ...unacknowledged];
  } catch (error) {
    if (error instanceof DirectoryError && error.code === 'search-unavailable') return undefined;
    throw error;
  }
}

interface Alike {
  childId: string;
  shielded: boolean;
}

/**
 * Plausible children: those whom the index proposed and, since it may lag, those with the same keys in PostgreSQL. Writing
 * does not wait for an index that is away: then everybody born on that day is compared.
 */
async function findAlike(
  context: Context,
  trx: Transaction<Database>,
  child: NewChild,
  indexed: string[] | undefined,
): Promise<Alike[]> {
  // Two requests for one child at the same moment: the second waits here and then sees the first, however it is spelt.
  await sql`select pg_advisory_xact_lock(hashtextextended(${child.dateOfBirth}, 0))`.execute(trx);
  const day = { dateFrom: child.dateOfBirth, dateTo: child.dateOfBirth, excludeShielded: false };
  const known = await Promise.all([
    indexed ?? findIdsByKeys(trx, day, BORN_THAT_DAY_AT_MOST),
    ...namesOf(child).flatMap(({ givenNames, familyName }) => {
      const given = parseName(givenNames).joined;
      const family = parseName(familyName).joined;
      return [
        findIdsByKeys(trx, { given, family, excludeShielded: false }, KNOWN_AT_MOST),
        findIdsByKeys(trx, { family, ...day }, KNOWN_AT_MOST),
        findIdsByKeys(trx, { given, ...day }, KNOWN_AT_MOST),
      ];
    }),
  ]);
  const facts = await findFacts(trx, [...new Set(known.flat())]);
  const queries = comparable(child).map(prepareCriteria);
  const { score } = await context.names.current();
  const today = todayInEngland();
  return facts.filter((fact) => {
    const shown = fact.shielded ? { ...fact, names: fact.names.filter((name) => name.kind === 'current') } : fact;
    const candidate = toCandidate({ ...shown, addresses: [], parents: [] }, today);
    return queries.some((query) => score(query, candidate).score >= RESEMBLES);
  });
}

async function queueForMatching(trx: Transaction<Database>, child: NewChild, alike: Alike[]): Promise<void> {
  await trx
    .insertInto('matching_queue')
    .values({
      id: uuid(),
      source: 'api',
      source_id: uuid(),
      row: JSON.stringify(child),
      candidate_ids: alike.map((fact) => fact.childId),
      quarantined: alike.some((fact) => fact.shielded),
    })
    .execute();
}

async function insertChild(trx: Transaction<Database>, child: NewChild, authority: string): Promise<string> {
  const childId = uuid();
  const [number] = await drawFreeNumbers(trx, 1);
  await trx
    .insertInto('children')
    .values({
      id: childId,
      number: number as string,
      date_of_birth: child.dateOfBirth,
      gender: child.gender ?? 'unknown',
      authority,
      died_on: null,
      consent_to_25_at: null,
      archived_at: null,
    })
    .execute();
  for (const name of namesOf(child)) await insertName(trx, childId, name);
  for (const address of child.addresses ?? []) await insertAddress(trx, childId, address);
  for (const parent of child.parents ?? []) await insertParent(trx, childId, parent);
  return childId;
}
