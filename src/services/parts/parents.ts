import type { Access } from '../../caller.js';
import type { Context } from '../../context.js';
import { deletePart, insertParent, updateParent } from '../../db/record-parts.js';
import { DirectoryError } from '../../errors.js';
import type { NewParent, ParentChange } from '../../schemas/child.js';
import { changeChild } from '../change-child.js';
import type { ReadChild } from '../read-child.js';
import { requireRoom } from './room.js';

const parents = { parts: ['parents'], reach: { hidden: true } };

export async function addParent(
  context: Context,
  access: Access,
  childId: string,
  version: number,
  parent: NewParent,
  key?: string,
): Promise<ReadChild> {
  return changeChild(context, access, childId, version, {
    action: 'add-parent',
    joinsHousehold: true,
    ...parents,
    creation: { route: 'POST /v1/children/:childId/parents', key, body: parent },
    async apply(trx, _standing, seen) {
      requireRoom(seen.parents);
      await insertParent(trx, childId, parent);
    },
  });
}

export async function changeParent(
  context: Context,
  access: Access,
  childId: string,
  version: number,
  parentId: string,
  change: ParentChange,
): Promise<ReadChild> {
  return changeChild(context, access, childId, version, {
    action: 'change-parent',
    joinsHousehold: true,
    ...parents,
    async apply(trx) {
      if (!(await updateParent(trx, childId, parentId, change)))
        throw new DirectoryError('not-found', 'No such parent');
    },
  });
}

export async function removeParent(
  context: Context,
  access: Access,
  childId: string,
  version: number,
  parentId: string,
): Promise<ReadChild> {
  return changeChild(context, access, childId, version, {
    action: 'remove-parent',
    ...parents,
    async apply(trx) {
      if (!(await deletePart(trx, 'parents', childId, parentId)))
        throw new DirectoryError('not-found', 'No such parent');
    },
  });
}
