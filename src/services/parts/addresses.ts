import type { Access } from '../../caller.js';
import type { Context } from '../../context.js';
import { deletePart, insertAddress, updateAddress } from '../../db/record-parts.js';
import { DirectoryError } from '../../errors.js';
import type { AddressChange, NewAddress } from '../../schemas/child.js';
import { changeChild } from '../change-child.js';
import type { ReadChild } from '../read-child.js';
import { requireRoom } from './room.js';

export async function addAddress(
  context: Context,
  access: Access,
  childId: string,
  version: number,
  address: NewAddress,
  key?: string,
): Promise<ReadChild> {
  requireSomePlace(address);
  return changeChild(context, access, childId, version, {
    action: 'add-address',
    joinsHousehold: true,
    parts: ['addresses'],
    reach: { hidden: true },
    creation: { route: 'POST /v1/children/:childId/addresses', key, body: address },
    async apply(trx, _standing, seen) {
      requireRoom(seen.addresses);
      await insertAddress(trx, childId, address);
    },
  });
}

export async function changeAddress(
  context: Context,
  access: Access,
  childId: string,
  version: number,
  addressId: string,
  change: AddressChange,
): Promise<ReadChild> {
  return changeChild(context, access, childId, version, {
    action: 'change-address',
    joinsHousehold: true,
    parts: ['addresses'],
    reach: { hidden: true },
    async apply(trx) {
      if (!(await updateAddress(trx, childId, addressId, change)))
        throw new DirectoryError('not-found', 'No such address');
    },
  });
}

export async function removeAddress(
  context: Context,
  access: Access,
  childId: string,
  version: number,
  addressId: string,
): Promise<ReadChild> {
  return changeChild(context, access, childId, version, {
    action: 'remove-address',
    parts: ['addresses'],
    reach: { hidden: true },
    async apply(trx) {
      if (!(await deletePart(trx, 'addresses', childId, addressId)))
        throw new DirectoryError('not-found', 'No such address');
    },
  });
}

/** An address says where: one with no line, town, postcode or foreign country says nothing. */
export function requireSomePlace(address: NewAddress): void {
  const { line1, line2, town, postcode, country = 'GB' } = address;
  if ([line1, line2, town, postcode].some((part) => part?.trim()) || country !== 'GB') return;
  throw new DirectoryError('invalid-request', 'An address needs a line, a town, a postcode or a country');
}
