import type { Transaction } from 'kysely';
import type { Access } from '../../caller.js';
import type { Context } from '../../context.js';
import type { ChildRecord, NameVariant } from '../../db/children.js';
import { deletePart, insertName, type NameParts, updateName } from '../../db/record-parts.js';
import type { Database } from '../../db/schema.js';
import { DirectoryError } from '../../errors.js';
import type { NameChange, NewName } from '../../schemas/child.js';
import { type Change, changeChild } from '../change-child.js';
import { type ChangedIdentity, changeIdentity } from '../change-identity.js';
import type { ReadChild } from '../read-child.js';
import { requireRoom } from './room.js';

/** Birth, former and known-as names: a shield hides them, so none of these changes shows of a shielded child. */
const otherNames = { parts: ['names'], reach: { hidden: true } };

export async function addName(
  context: Context,
  access: Access,
  childId: string,
  version: number,
  name: NewName,
  key?: string,
): Promise<ChangedIdentity> {
  if (!name.givenNames && !name.familyName) throw new DirectoryError('invalid-request', 'A name needs a part');
  return recordName(context, access, childId, version, {
    action: 'add-name',
    creation: { route: 'POST /v1/children/:childId/names', key, body: name },
    nameOf: (seen) => {
      requireRoom(seen.names);
      const current = seen.names.find(({ kind }) => kind === 'current');
      return {
        kind: name.kind,
        givenNames: name.givenNames ?? current?.givenNames ?? '',
        familyName: name.familyName ?? current?.familyName ?? '',
      };
    },
    others: (seen) => seen.names,
    row: { name },
    write: (trx, parts) => insertName(trx, childId, parts),
  });
}

export async function changeName(
  context: Context,
  access: Access,
  childId: string,
  version: number,
  nameId: string,
  change: NameChange,
): Promise<ChangedIdentity> {
  return recordName(context, access, childId, version, {
    action: 'change-name',
    nameOf: (seen) => {
      const { kind, givenNames, familyName } = getOtherName(seen, nameId);
      return {
        kind: change.kind ?? kind,
        givenNames: change.givenNames === undefined ? givenNames : (change.givenNames ?? ''),
        familyName: change.familyName === undefined ? familyName : (change.familyName ?? ''),
      };
    },
    others: (seen) => seen.names.filter((name) => name.nameId !== nameId),
    row: { nameId, change },
    write: (trx, parts) => updateName(trx, childId, nameId, parts),
  });
}

export async function removeName(
  context: Context,
  access: Access,
  childId: string,
  version: number,
  nameId: string,
): Promise<ReadChild> {
  return changeChild(context, access, childId, version, {
    action: 'remove-name',
    ...otherNames,
    async apply(trx, _standing, seen) {
      getOtherName(seen, nameId);
      await deletePart(trx, 'names', childId, nameId);
    },
  });
}

interface NameRecording extends Pick<Change, 'action' | 'creation'> {
  /** The name as it will stand on the record. */
  nameOf(seen: ChildRecord): NameParts;
  /** The names that will stand beside it. */
  others(seen: ChildRecord): NameParts[];
  /** The change as it is left in the matching queue. */
  row: object;
  write(trx: Transaction<Database>, name: NameParts): Promise<void>;
}

/** The one way by which another name comes onto a record: queued where the child would resemble another by it. */
async function recordName(
  context: Context,
  access: Access,
  childId: string,
  version: number,
  { action, creation, row, nameOf, others, write }: NameRecording,
): Promise<ChangedIdentity> {
  return changeIdentity(context, access, childId, version, {
    action,
    ...otherNames,
    row,
    ...(creation ? { creation } : {}),
    becomes: (record) => ({ ...record, names: [...others(record), nameOf(record)] }),
    async apply(trx, _standing, seen) {
      await write(trx, nameOf(seen));
    },
  });
}

function getOtherName(seen: ChildRecord, nameId: string): NameVariant {
  const name = seen.names.find((variant) => variant.nameId === nameId);
  if (!name) throw new DirectoryError('not-found', 'No such name');
  if (name.kind === 'current')
    throw new DirectoryError('conflict', 'The current name is changed by a correction of the record');
  return name;
}
