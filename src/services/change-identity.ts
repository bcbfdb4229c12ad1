import type { Access } from '../caller.js';
import type { Context } from '../context.js';
import { recordAudit } from '../db/audit.js';
import { type ChildRecord, findRecordFor } from '../db/children.js';
import { type NameParts, replaceCurrentName } from '../db/record-parts.js';
import { DirectoryError } from '../errors.js';
import type { ChildChange } from '../schemas/child.js';
import { type Change, claim, makeChange, readBack, STALE, type Wanted, withChild } from './change-child.js';
import { requireChild, requirePast } from './child-age.js';
import type { ReadChild } from './read-child.js';
import {
  BeforeUnasked,
  findAlike,
  findIndexedAlike,
  findIndexedBefore,
  type Identity,
  type Indexed,
  identityOf,
  type Newcomer,
  queueForMatching,
} from './resembling.js';
import { entitledTo, isResponsible } from './visibility.js';

export type ChangedIdentity = ({ queued: false } & ReadChild) | { queued: true };

export interface IdentityChange extends Change {
  /**
   * Who the child is then. A name that is no longer the current one is of another kind.
   * @throws DirectoryError where the child can't be that; asked only for whoever may change the record
   */
  becomes(record: ChildRecord): Identity;
  /** The change as it is left in the matching queue, to be carried out later. */
  row: object;
}

/**
 * As `changeChild`, for whatever changes how a child may be known: names, date of birth, gender. Where the child would
 * then resemble another whom it did not resemble before, shielded or not, in whatever authority, nothing is changed and
 * the change waits in the matching queue: else a child could be given a second record by correcting another.
 */
export async function changeIdentity(
  context: Context,
  access: Access,
  childId: string,
  expectedVersion: number,
  change: IdentityChange,
): Promise<ChangedIdentity> {
  // Read before the lock, so that the index is asked outside the transaction. What is not of the version expected, or
  // not the caller's to change, is refused there.
  const record = await findRecordFor(context.db, childId, entitledTo(access.caller));
  const newcomer =
    record && record.version === expectedVersion && isResponsible(access.caller, record.authority)
      ? newcomerOf(record, change)
      : undefined;
  const indexed = newcomer ? await findIndexedAlike(context, newcomer) : undefined;
  const wanted: Wanted<ChangedIdentity> = {
    childId,
    expectedVersion,
    action: change.action,
    async answered(trx) {
      const earlier = await claim(context, trx, access, change.creation, childId);
      if (!earlier) return undefined;
      await recordAudit(trx, access, { action: `${change.action}-replayed`, childIds: [childId] });
      return earlier.childId ? { queued: false, ...(await readBack(trx, access, childId)) } : { queued: true };
    },
  };
  const carryOut = (known: Indexed | undefined) =>
    withChild<ChangedIdentity>(context, access, wanted, async (trx, standing) => {
      if (!newcomer || !known) throw new DirectoryError('stale-version', STALE);
      const alike = await findAlike(context, trx, newcomer, known);
      if (alike.length > 0) {
        const row = { action: change.action, childId, ...change.row };
        await queueForMatching(trx, row, alike, { quarantined: standing.shielded, once: true });
        await recordAudit(trx, access, { action: `${change.action}-queued`, childIds: [childId] });
        return { queued: true };
      }
      await makeChange(trx, access, standing, change);
      return { queued: false, ...(await readBack(trx, access, childId)) };
    });
  try {
    return await carryOut(indexed);
  } catch (error) {
    if (!(error instanceof BeforeUnasked) || !newcomer || !indexed) throw error;
    return await carryOut({ ...indexed, before: await findIndexedBefore(context, newcomer) });
  }
}

function newcomerOf(record: ChildRecord, { becomes }: IdentityChange): Newcomer {
  const after = becomes(record);
  return {
    childId: record.childId,
    before: identityOf(record),
    after: identityOf({ ...after, shielded: record.shielded }),
  };
}

export async function correctChild(
  context: Context,
  access: Access,
  childId: string,
  version: number,
  change: ChildChange,
): Promise<ChangedIdentity> {
  const { givenNames, familyName, dateOfBirth, gender, diedOn } = change;
  const newName = {
    ...(givenNames === undefined ? {} : { givenNames }),
    ...(familyName === undefined ? {} : { familyName }),
  };
  const renamed = Object.keys(newName).length > 0;
  if (diedOn) requirePast('/diedOn', diedOn);
  return changeIdentity(context, access, childId, version, {
    action: 'correct-child',
    parts: Object.keys(change).sort(),
    // A shield hides that a child has died, and nothing else that is corrected here.
    reach: { hidden: Object.keys(change).every((part) => part === 'diedOn') },
    row: { change },
    becomes(record) {
      if (dateOfBirth !== undefined) requireChild(dateOfBirth, record.consentTo25);
      return {
        names: renamed ? record.names.flatMap((name) => renameCurrent(name, newName)) : record.names,
        dateOfBirth: dateOfBirth ?? record.dateOfBirth,
        gender: gender ?? record.gender,
      };
    },
    async apply(trx) {
      if (renamed) await replaceCurrentName(trx, childId, newName);
      if (dateOfBirth === undefined && gender === undefined && diedOn === undefined) return;
      await trx
        .updateTable('children')
        .set({
          ...(dateOfBirth === undefined ? {} : { date_of_birth: dateOfBirth }),
          ...(gender === undefined ? {} : { gender }),
          ...(diedOn === undefined ? {} : { died_on: diedOn }),
        })
        .where('id', '=', childId)
        .execute();
    },
  });
}

function renameCurrent(name: NameParts, newName: Partial<NameParts>): NameParts[] {
  return name.kind === 'current'
    ? [
        { ...name, ...newName },
        { ...name, kind: 'former' },
      ]
    : [name];
}
