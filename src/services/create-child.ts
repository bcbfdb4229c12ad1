import type { Transaction } from 'kysely';
import { v7 as uuid } from 'uuid';
import type { Access } from '../caller.js';
import type { Context } from '../context.js';
import { recordAudit } from '../db/audit.js';
import { insertHistory, queueForIndex } from '../db/children.js';
import { joinHousehold } from '../db/households.js';
import { drawFreeNumbers } from '../db/numbers.js';
import { insertAddress, insertName, insertParent, type NameParts } from '../db/record-parts.js';
import type { Database } from '../db/schema.js';
import { DirectoryError } from '../errors.js';
import type { NewChild } from '../schemas/child.js';
import { type Creation, claim, readBack, refuseContradiction, remember } from './change-child.js';
import { requireChild } from './child-age.js';
import { requireSomePlace } from './parts/addresses.js';
import type { ReadChild } from './read-child.js';
import { findAlike, findIndexedAlike, type Identity, queueForMatching } from './resembling.js';

export type CreatedChild = ({ queued: false } & ReadChild) | { queued: true };

/**
 * A new child in the caller's authority; or, where it resembles a child already there, shielded or not, an entry in
 * the matching queue and no word of whom it resembles.
 * @param key a repeated request with the same one makes nothing twice
 * @throws DirectoryError `not-a-child`, `invalid-request`, `forbidden`, `conflict`
 */
export async function createChild(
  context: Context,
  access: Access,
  child: NewChild,
  key?: string,
): Promise<CreatedChild> {
  const { authority, userId } = access.caller;
  if (!authority) throw new DirectoryError('forbidden', 'Your account belongs to no authority');
  if (!child.givenNames && !child.familyName) throw new DirectoryError('invalid-request', 'A child needs a name');
  requireChild(child.dateOfBirth);
  for (const address of child.addresses ?? []) requireSomePlace(address);
  const creation: Creation = { route: 'POST /v1/children', key, body: child };
  const newcomer = { after: identityOfNew(child) };
  const indexed = await findIndexedAlike(context, newcomer);
  return context.db.transaction().execute(async (trx) => {
    await joinHousehold(trx);
    const earlier = await claim(context, trx, access, creation);
    if (earlier) {
      const { childId } = earlier;
      await recordAudit(trx, access, { action: 'create-child-replayed', childIds: childId ? [childId] : [] });
      return childId ? { queued: false, ...(await readBack(trx, access, childId)) } : { queued: true };
    }
    const alike = await findAlike(context, trx, newcomer, indexed);
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
    await remember(trx, access, creation, childId);
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

function identityOfNew(child: NewChild): Identity {
  return { names: namesOf(child), dateOfBirth: child.dateOfBirth, gender: child.gender ?? 'unknown' };
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
