import { sql, type Transaction } from 'kysely';
import { v7 as uuid } from 'uuid';
import type { Context } from '../context.js';
import { findSomeFacts } from '../db/children.js';
import { findIdsByKeys } from '../db/find-exact.js';
import type { NameParts } from '../db/record-parts.js';
import type { Database } from '../db/schema.js';
import { findArchivedShields, findUnacknowledgedShields } from '../db/shields.js';
import { DirectoryError } from '../errors.js';
import { type Criteria, type Gender, parseName, prepareCriteria } from '../matching/index.js';
import { findCandidates } from '../search/candidates.js';
import { planCandidates } from '../search/plan.js';
import { todayInEngland } from './child-age.js';
import { bornForOblivion } from './keeping/days.js';
import { toCandidate } from './search/answer.js';

/** At or above it a known child is plausible, and somebody has to look. */
const RESEMBLES = 0.5;
const KNOWN_AT_MOST = 200;
/** More than are born in England on any one day. */
const BORN_THAT_DAY_AT_MOST = 5_000;

/** What children are told apart by here, and no more: what a shield does not hide. */
export interface Identity {
  /** Of a shielded child the current one alone. */
  names: NameParts[];
  dateOfBirth: string;
  gender: Gender;
}

/** Somebody who is to be in the directory as `after`. `childId` and `before`: who they are there already. */
export interface Newcomer {
  childId?: string;
  before?: Identity;
  after: Identity;
}

export interface Alike {
  childId: string;
  shielded: boolean;
}

/** As anyone may see the child. */
export function identityOf(child: Identity & { shielded: boolean }): Identity {
  const { names, dateOfBirth, gender } = child;
  return { names: names.filter(isShown(child)), dateOfBirth, gender };
}

function isShown({ shielded }: { shielded: boolean }): (name: NameParts) => boolean {
  return ({ kind }) => !shielded || kind === 'current';
}

/** Names by which somebody may resemble whom they did not resemble before: all, where date or gender are new as well. */
export function freshNames({ before, after }: Newcomer): NameParts[] {
  if (!before || before.dateOfBirth !== after.dateOfBirth || before.gender !== after.gender) return after.names;
  const known = new Set(before.names.map(keyOf));
  return after.names.filter((name) => !known.has(keyOf(name)));
}

function keyOf({ givenNames, familyName }: NameParts): string {
  return `${parseName(givenNames).joined} ${parseName(familyName).joined}`;
}

/** Once for each name, since whoever is known here by one name may come back under another. */
function comparable(names: NameParts[], { dateOfBirth: date, gender }: Identity): Criteria[] {
  return names.map(({ givenNames, familyName }) => ({
    ...(givenNames ? { givenNames } : {}),
    ...(familyName ? { familyName } : {}),
    dateOfBirth: { kind: 'day', date },
    ...(gender !== 'unknown' ? { gender } : {}),
  }));
}

/** Ids of children whom the index proposes to be compared; undefined while it is away. */
export interface Indexed {
  after: string[] | undefined;
  /** Not there: not asked for, as few resemble anybody. */
  before?: string[] | undefined;
}

/** It takes to know whom the newcomer resembled before, and the index was not asked: to be tried again with `before`. */
export class BeforeUnasked extends Error {
  override readonly name = 'BeforeUnasked';
}

/** Whom the index proposes for what the newcomer is to be: asked before the transaction, which should not wait for it. */
export async function findIndexedAlike(context: Context, newcomer: Newcomer): Promise<Indexed> {
  const fresh = freshNames(newcomer);
  return { after: fresh.length > 0 ? await propose(context, fresh, newcomer.after) : [] };
}

/** Whom it proposes for what the newcomer was. */
export async function findIndexedBefore(context: Context, { before }: Newcomer): Promise<string[] | undefined> {
  return before && propose(context, before.names, before);
}

async function propose(context: Context, names: NameParts[], identity: Identity): Promise<string[] | undefined> {
  // Compared whatever the index says: it may still know them by what is hidden now.
  const unacknowledged = await findUnacknowledgedShields(context.db);
  const statistics = await context.names.current();
  const plans = comparable(names, identity).flatMap((criteria) => planCandidates(criteria, statistics) ?? []);
  const exclusions = { shielded: false, childIds: unacknowledged };
  try {
    const candidates = await Promise.all(plans.map((plan) => findCandidates(context, plan, exclusions)));
    return [...candidates.flatMap(({ childIds }) => childIds), ...unacknowledged];
  } catch (error) {
    if (error instanceof DirectoryError && error.code === 'search-unavailable') return undefined;
    throw error;
  }
}

/**
 * Plausible children: those whom the index proposed and, since it may lag, those with the same keys in PostgreSQL; of the
 * archive, which the index does not know, the shielded ones, who would else come back by a second, open record. Writing
 * does not wait for an index that is away: then everybody born on that day is compared. Whom somebody resembled before,
 * a twin for one, they may go on resembling; but only who would have been found then, so that no two steps do what one
 * may not: a name and a day both wrong are found by neither, until one of them is put right.
 * @throws BeforeUnasked
 */
export async function findAlike(
  context: Context,
  trx: Transaction<Database>,
  newcomer: Newcomer,
  indexed: Indexed,
): Promise<Alike[]> {
  const { before, after } = newcomer;
  const fresh = freshNames(newcomer);
  if (fresh.length === 0) return [];
  // Two requests for one child at the same moment: the second waits here and then sees the first, however it is spelt.
  // Only ever one such lock, and after every other lock of the transaction, so that nobody waits in a circle.
  await sql`select pg_advisory_xact_lock(hashtextextended(${after.dateOfBirth}, 0))`.execute(trx);
  const alike = await findPlausible(context, trx, fresh, after, indexed.after);
  alike.delete(newcomer.childId ?? '');
  if (alike.size === 0 || !before) return [...alike.values()];
  if (!('before' in indexed)) throw new BeforeUnasked();
  const earlier = await findPlausible(context, trx, before.names, before, indexed.before);
  return [...alike.values()].filter(({ childId }) => !earlier.has(childId));
}

async function findPlausible(
  context: Context,
  trx: Transaction<Database>,
  names: NameParts[],
  identity: Identity,
  indexed: string[] | undefined,
): Promise<Map<string, Alike>> {
  const today = todayInEngland();
  const archivedShieldedAfter = bornForOblivion(today);
  const everybody = { excludeShielded: false, archivedShieldedAfter };
  const day = { dateFrom: identity.dateOfBirth, dateTo: identity.dateOfBirth, ...everybody };
  const known = await Promise.all([
    indexed ?? findIdsByKeys(trx, day, BORN_THAT_DAY_AT_MOST),
    identity.dateOfBirth > archivedShieldedAfter ? findArchivedShields(trx, identity.dateOfBirth) : [],
    ...names.flatMap(({ givenNames, familyName }) => {
      const given = parseName(givenNames).joined;
      const family = parseName(familyName).joined;
      return [
        findIdsByKeys(trx, { given, family, ...everybody }, KNOWN_AT_MOST),
        findIdsByKeys(trx, { family, ...day }, KNOWN_AT_MOST),
        findIdsByKeys(trx, { given, ...day }, KNOWN_AT_MOST),
      ];
    }),
  ]);
  // Of a shielded child nothing is read by which it may not be found.
  const shown = { addresses: false, parents: false, entitled: null };
  const facts = await findSomeFacts(trx, [...new Set(known.flat())], shown);
  const queries = comparable(names, identity).map(prepareCriteria);
  const { score } = await context.names.current();
  const plausible = facts.filter((fact) => {
    const candidate = toCandidate(fact, today);
    return queries.some((query) => score(query, candidate).score >= RESEMBLES);
  });
  return new Map(plausible.map(({ childId, shielded }) => [childId, { childId, shielded }]));
}

/**
 * Leaves a new child or a correction for a management team to decide.
 * @param row what is to be done, in full: it has not been done
 * @property quarantined it tells of a shielded child even apart from whom it resembles
 * @property once the same row waits once, however often it is asked for: a correction is the same by its content, while two
 *   new children of one name may be two
 */
export async function queueForMatching(
  trx: Transaction<Database>,
  row: object,
  alike: Alike[],
  { quarantined = false, once = false } = {},
): Promise<void> {
  const text = JSON.stringify(row);
  const tells = quarantined || alike.some((fact) => fact.shielded);
  const id = uuid();
  await trx
    .insertInto('matching_queue')
    .values({
      id,
      source: 'api',
      // As jsonb its fields have one order, whatever order they came in.
      source_id: once ? sql<string>`encode(sha256(convert_to(${text}::jsonb::text, 'UTF8')), 'hex')` : id,
      row: text,
      candidate_ids: alike.map((fact) => fact.childId),
      quarantined: tells,
    })
    .onConflict((conflict) =>
      conflict
        .columns(['source', 'source_id'])
        .where('decided_at', 'is', null)
        .doUpdateSet((eb) => ({
          candidate_ids: eb.ref('excluded.candidate_ids'),
          quarantined: sql`matching_queue.quarantined or excluded.quarantined`,
        })),
    )
    .execute();
}
