import type { Kysely } from 'kysely';
import type { Access, Caller } from '../../caller.js';
import type { Context } from '../../context.js';
import { OF_HOUSEHOLD, recordAudit } from '../../db/audit.js';
import { type Address, type ChildFacts, findFacts, findSomeFacts } from '../../db/children.js';
import { findHouseholdCandidates } from '../../db/households.js';
import type { Database, ShieldDecision } from '../../db/schema.js';
import { findDecisions } from '../../db/shields.js';
import { compareHomes, isSameFamilyName, isSameParent, isSameParentName, type Place } from '../../matching/index.js';
import type { HouseholdView } from '../../schemas/shields.js';
import { addressLine } from '../../search/projection.js';
import { recordRefusal, requireEntitled } from '../change-child.js';
import { todayInEngland } from '../child-age.js';
import { entitledTo, isResponsible, visibleTo } from '../visibility.js';

/** What a child has in common with another. */
export type Shared = 'address' | 'parent';

export interface Sharer {
  child: ChildFacts;
  shares: Shared[];
  /** What the caller may decide on the child; nothing where a shield stands already. */
  decisions: ShieldDecision[];
}

/**
 * Who shares an address that holds or will hold, or a parent, with the child, as far as the caller may see: somebody
 * whose shield hides these from the caller shares nothing, whether they do or not.
 */
export async function findHousehold(db: Kysely<Database>, caller: Caller, childId: string): Promise<Sharer[]> {
  const [child] = await findFacts(db, [childId]);
  if (!child) return [];
  const today = todayInEngland();
  const entitled = entitledTo(caller);
  const candidates = await findHouseholdCandidates(db, child, entitled);
  const others = await findSomeFacts(db, candidates, { addresses: true, parents: true, entitled });
  return others
    .flatMap((other) => {
      const visible = visibleTo(caller, other);
      const shares = visible ? sharedBy(child, visible, today) : [];
      return visible && shares.length > 0 ? [{ child: visible, shares, decisions: decidable(caller, visible) }] : [];
    })
    .sort((one, other) => (one.child.childId < other.child.childId ? -1 : 1));
}

/** Another authority's child is not the caller's to shield or to leave. */
function decidable(caller: Caller, { shielded, authority }: ChildFacts): ShieldDecision[] {
  if (shielded) return [];
  return isResponsible(caller, authority) ? ['shield', 'leave'] : ['refer'];
}

/**
 * An address that names no house may be any at its postcode: it counts where the children have a family name in common, or
 * parents of one name, else whoever records a street or a postcode alone would be told of everybody there. A parent of one name counts as
 * the same by telephone number or e-mail address, or where both children live or lived at one address: parents often come
 * without contact details, and children of one mother may live apart.
 */
export function sharedBy(
  one: Pick<ChildFacts, 'names' | 'addresses' | 'parents'>,
  other: Pick<ChildFacts, 'names' | 'addresses' | 'parents'>,
  today: string,
): Shared[] {
  const parents = pairs(one.parents, other.parents);
  const related =
    pairs(one.names, other.names).some(([a, b]) => isSameFamilyName(a.familyName, b.familyName)) ||
    parents.some(([a, b]) => isSameParentName(a.name, b.name));
  const homes = pairs(one.addresses, other.addresses).filter(([a, b]) => {
    const comparison = compareHomes(placeOf(a), placeOf(b));
    return comparison === 'same' || (comparison === 'assumed' && related);
  });
  const lives = homes.some((pair) => pair.every((address) => holds(address, today)));
  const raised = parents.some(([a, b]) => isSameParent(a, b) || (homes.length > 0 && isSameParentName(a.name, b.name)));
  return [...(lives ? ['address' as const] : []), ...(raised ? ['parent' as const] : [])];
}

function pairs<T>(ones: T[], others: T[]): [T, T][] {
  return ones.flatMap((one) => others.map((other): [T, T] => [one, other]));
}

function holds({ kind, validTo }: Address, today: string): boolean {
  return kind !== 'former' && (validTo === null || validTo >= today);
}

function placeOf(address: Address): Place {
  return { line: addressLine(address), town: address.town, postcode: address.postcode ?? '' };
}

/**
 * That these were named as somebody's household. Marked, so that auditors alone are told: who may see who looked at a child must
 * not see that somebody thought of a shield for a brother or sister, nor when.
 */
export async function recordListed(db: Kysely<Database>, access: Access, childIds: string[]): Promise<void> {
  if (childIds.length > 0)
    await recordAudit(db, access, { action: 'read', childIds, details: { hidden: false, [OF_HOUSEHOLD]: true } });
}

/**
 * Who would have to be decided on if the child were shielded now.
 * @throws DirectoryError `not-found`, `forbidden`
 */
export async function readHousehold(context: Context, access: Access, childId: string): Promise<HouseholdView> {
  const { db } = context;
  const [record] = await findSomeFacts(db, [childId], { addresses: false, parents: false });
  try {
    requireEntitled(access, record);
  } catch (error) {
    await recordRefusal(context, access, childId, 'read-household', error);
    throw error;
  }
  const sharers = await findHousehold(db, access.caller, childId);
  const decided = await findDecisions(db, childId);
  await recordAudit(db, access, { action: 'read-household', childIds: [childId], details: { found: sharers.length } });
  await recordListed(
    db,
    access,
    sharers.map(({ child }) => child.childId),
  );
  return {
    children: sharers.map(({ child, shares, decisions }) => {
      const name = child.names.find(({ kind }) => kind === 'current');
      const decision = decided.get(child.childId);
      return {
        childId: child.childId,
        number: child.number,
        givenNames: name?.givenNames ?? '',
        familyName: name?.familyName ?? '',
        dateOfBirth: child.dateOfBirth,
        shielded: child.shielded,
        shares,
        decisions,
        ...(decision ? { decided: decision } : {}),
      };
    }),
  };
}
