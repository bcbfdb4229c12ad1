import type { Transaction } from 'kysely';
import pg from 'pg';
import type { Access } from '../caller.js';
import type { Context } from '../context.js';
import { recordAudit } from '../db/audit.js';
import { type ChangeReach, findRecord, findStandingForUpdate, recordChange, type Standing } from '../db/children.js';
import { deleteAddress, insertAddress, replaceCurrentName, updateAddress } from '../db/record-parts.js';
import type { Database } from '../db/schema.js';
import { insertShield, liftShield, updateShield } from '../db/shields.js';
import { DirectoryError } from '../errors.js';
import type { AddressChange, ChildChange, NewAddress, ShieldRequest } from '../schemas/child.js';
import { requireChild, todayInEngland } from './child-age.js';
import type { ReadChild } from './read-child.js';
import { viewRecord } from './record-view.js';
import { isResponsible, visibleTo } from './visibility.js';

interface Change {
  /** Name of the action in the audit log and of the reason in the history. */
  action: string;
  /** Names of the parts changed; no values. */
  parts: string[];
  reach: ChangeReach;
  apply(trx: Transaction<Database>, standing: Standing): Promise<void>;
}

/**
 * Every change to a child goes this way: the row is locked, responsibility is decided before any value or id of the
 * change is looked at, the version must be the one that the caller saw; then the change, its history, its place in
 * the outbox and its audit row are committed together or not at all. A change that the caller may not make is in the
 * audit log as well: it tells that there is such a child.
 * @throws DirectoryError `not-found`, `forbidden`, `stale-version`
 */
async function changeChild(
  context: Context,
  access: Access,
  childId: string,
  expectedVersion: number,
  change: Change,
): Promise<ReadChild> {
  try {
    return await makeChange(context, access, childId, expectedVersion, change);
  } catch (error) {
    if (error instanceof DirectoryError && error.code === 'forbidden')
      await recordAudit(context.db, access, { action: `${change.action}-refused`, childIds: [childId] });
    throw error;
  }
}

async function makeChange(
  context: Context,
  access: Access,
  childId: string,
  expectedVersion: number,
  change: Change,
): Promise<ReadChild> {
  return context.db.transaction().execute(async (trx) => {
    const standing = await findStandingForUpdate(trx, childId);
    const responsible = standing !== undefined && isResponsible(access.caller, standing.authority);
    // Whoever may not know of an archived child reads that there is none, here as everywhere.
    if (!standing || (standing.archived && !responsible)) throw new DirectoryError('not-found', 'No such child');
    if (!responsible) {
      throw new DirectoryError(
        'forbidden',
        "Only a management team of the child's own authority may change the record",
      );
    }
    if (standing.version !== expectedVersion) {
      throw new DirectoryError('stale-version', 'The record has changed since it was read. Read it again.');
    }
    const before = await findRecord(trx, childId);
    await change.apply(trx, standing).catch(refuseContradiction);
    await recordChange(
      trx,
      childId,
      {
        changedBy: access.caller.userId,
        reason: access.reason,
        change: { action: change.action, parts: change.parts, before },
      },
      change.reach,
    );
    await recordAudit(trx, access, { action: change.action, childIds: [childId], details: { parts: change.parts } });
    return readBack(trx, access, childId);
  });
}

const CHECK_VIOLATION = '23514';

/** Constraints see what one request cannot: a last day before the first, an address left without any part. */
export function refuseContradiction(error: unknown): never {
  if (!(error instanceof pg.DatabaseError) || error.code !== CHECK_VIOLATION) throw error;
  throw new DirectoryError('invalid-request', 'The values contradict each other or what is recorded', { cause: error });
}

/** The record as the caller sees it after the change. */
export async function readBack(trx: Transaction<Database>, access: Access, childId: string): Promise<ReadChild> {
  const record = await findRecord(trx, childId);
  const visible = record && visibleTo(access.caller, record);
  if (!visible) throw new DirectoryError('not-found', 'No such child');
  return { view: viewRecord(visible), ...(visible.hidden ? {} : { version: visible.version }) };
}

export async function correctChild(
  context: Context,
  access: Access,
  childId: string,
  version: number,
  change: ChildChange,
): Promise<ReadChild> {
  const { givenNames, familyName, dateOfBirth, gender } = change;
  if (dateOfBirth !== undefined) requireChild(dateOfBirth);
  return changeChild(context, access, childId, version, {
    action: 'correct-child',
    parts: Object.keys(change).sort(),
    reach: {},
    async apply(trx) {
      if (givenNames !== undefined || familyName !== undefined) {
        await replaceCurrentName(trx, childId, {
          ...(givenNames === undefined ? {} : { givenNames }),
          ...(familyName === undefined ? {} : { familyName }),
        });
      }
      if (dateOfBirth === undefined && gender === undefined) return;
      await trx
        .updateTable('children')
        .set({
          ...(dateOfBirth === undefined ? {} : { date_of_birth: dateOfBirth }),
          ...(gender === undefined ? {} : { gender }),
        })
        .where('id', '=', childId)
        .execute();
    },
  });
}

export async function addAddress(
  context: Context,
  access: Access,
  childId: string,
  version: number,
  address: NewAddress,
): Promise<ReadChild> {
  requireSomePlace(address);
  return changeChild(context, access, childId, version, {
    action: 'add-address',
    parts: ['addresses'],
    reach: { hidden: true },
    async apply(trx) {
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
      if (!(await deleteAddress(trx, childId, addressId))) throw new DirectoryError('not-found', 'No such address');
    },
  });
}

/** An address says where: one with no line, town, postcode or foreign country says nothing. */
export function requireSomePlace(address: NewAddress): void {
  const { line1, line2, town, postcode, country = 'GB' } = address;
  if ([line1, line2, town, postcode].some((part) => part?.trim()) || country !== 'GB') return;
  throw new DirectoryError('invalid-request', 'An address needs a line, a town, a postcode or a country');
}

const REVIEW_AFTER_MONTHS = 6;

/** Sets a shield, or gives a standing one a new reason and review date. It holds from the commit. */
export async function shieldChild(
  context: Context,
  access: Access,
  childId: string,
  version: number,
  request: ShieldRequest,
): Promise<ReadChild> {
  const today = todayInEngland();
  const reviewOn = request.reviewOn ?? monthsAfter(today, REVIEW_AFTER_MONTHS);
  if (reviewOn <= today) {
    throw new DirectoryError('invalid-request', 'The review lies ahead', {
      errors: [{ path: '/reviewOn', message: 'must be a day to come' }],
    });
  }
  return changeChild(context, access, childId, version, {
    action: 'shield',
    parts: ['shield'],
    // A new shield is not acknowledged before the index has said so; a standing one stays as it is.
    reach: { urgent: true, hidden: true },
    async apply(trx, standing) {
      const { reason } = request;
      if (standing.shielded) await updateShield(trx, childId, { reason, reviewOn });
      else {
        const { authority } = standing;
        await insertShield(trx, { childId, reason, reviewOn, authority, setBy: access.caller.userId });
      }
    },
  });
}

export async function unshieldChild(
  context: Context,
  access: Access,
  childId: string,
  version: number,
): Promise<ReadChild> {
  return changeChild(context, access, childId, version, {
    action: 'unshield',
    parts: ['shield'],
    reach: { urgent: true, hidden: true },
    async apply(trx, standing) {
      if (!standing.shielded) throw new DirectoryError('not-found', 'No shield stands');
      await liftShield(trx, childId, access.caller.userId);
    },
  });
}

function monthsAfter(date: string, months: number): string {
  const [year, month, day] = date.split('-').map(Number) as [number, number, number];
  return new Date(Date.UTC(year, month - 1 + months, day)).toISOString().slice(0, 10);
}
