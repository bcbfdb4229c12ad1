import type { Transaction } from 'kysely';
import pg from 'pg';
import type { Access } from '../caller.js';
import type { Context } from '../context.js';
import { recordAudit } from '../db/audit.js';
import {
  type ChangeReach,
  type ChildRecord,
  findRecord,
  findStandingForUpdate,
  recordChange,
  type Standing,
} from '../db/children.js';
import { joinHousehold } from '../db/households.js';
import { deleteAddress, insertAddress, type NameParts, replaceCurrentName, updateAddress } from '../db/record-parts.js';
import type { Database } from '../db/schema.js';
import { DirectoryError } from '../errors.js';
import type { AddressChange, ChildChange, NewAddress } from '../schemas/child.js';
import { requireChild } from './child-age.js';
import type { ReadChild } from './read-child.js';
import { viewRecord } from './record-view.js';
import {
  findAlike,
  findIndexedAlike,
  freshNames,
  type Identity,
  identityOf,
  type Newcomer,
  queueForMatching,
} from './resembling.js';
import { isResponsible, visibleTo } from './visibility.js';

export interface Change {
  /** Name of the action in the audit log and of the reason in the history. */
  action: string;
  /** Names of the parts changed; no values. */
  parts: string[];
  reach: ChangeReach;
  /** Gives the child an address or a parent: waits for whoever is setting a shield on a child who has it too. */
  joinsHousehold?: true;
  apply(trx: Transaction<Database>, standing: Standing): Promise<void>;
}

/**
 * Every change to a child goes this way: the row is locked, responsibility is decided before any value or id of the
 * change is looked at, the version must be the one that the caller saw; then the change, its history, its place in
 * the outbox and its audit row are committed together or not at all. A change that the caller may not make is in the
 * audit log as well: it tells that there is such a child.
 * @throws DirectoryError `not-found`, `forbidden`, `stale-version`
 */
export async function changeChild(
  context: Context,
  access: Access,
  childId: string,
  expectedVersion: number,
  change: Change,
): Promise<ReadChild> {
  const { action, joinsHousehold } = change;
  const wanted = { childId, expectedVersion, action, ...(joinsHousehold ? { first: joinHousehold } : {}) };
  return withChild(context, access, wanted, async (trx, standing) => {
    await makeChange(trx, access, standing, change);
    return readBack(trx, access, childId);
  });
}

export type ChangedIdentity = ({ queued: false } & ReadChild) | { queued: true };

export interface IdentityChange extends Change {
  /** Who the child is then. A name that is no longer the current one is of another kind. */
  becomes(identity: Identity): Identity;
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
  const record = await findRecord(context.db, childId);
  const newcomer =
    record && record.version === expectedVersion && isResponsible(access.caller, record.authority)
      ? newcomerOf(record, change)
      : undefined;
  const indexed = newcomer && freshNames(newcomer).length > 0 ? await findIndexedAlike(context, newcomer) : undefined;
  return withChild(context, access, { childId, expectedVersion, action: change.action }, async (trx, standing) => {
    if (!newcomer) throw new DirectoryError('stale-version', STALE);
    const alike = await findAlike(context, trx, newcomer, indexed);
    if (alike.length > 0) {
      const row = { action: change.action, childId, ...change.row };
      await queueForMatching(trx, row, alike, standing.shielded);
      await recordAudit(trx, access, { action: `${change.action}-queued`, childIds: [childId] });
      return { queued: true };
    }
    await makeChange(trx, access, standing, change);
    return { queued: false, ...(await readBack(trx, access, childId)) };
  });
}

function newcomerOf(record: ChildRecord, { becomes }: IdentityChange): Newcomer {
  const after = becomes(record);
  return {
    childId: record.childId,
    before: identityOf(record),
    after: identityOf({ ...after, shielded: record.shielded }),
  };
}

const STALE = 'The record has changed since it was read. Read it again.';

interface Wanted {
  childId: string;
  expectedVersion: number;
  action: string;
  /** What is locked before the child is. */
  first?(trx: Transaction<Database>): Promise<void>;
}

/** Does the work on a child whom the caller may change, locked, at the version expected. */
export async function withChild<T>(
  context: Context,
  access: Access,
  { childId, expectedVersion, action, first }: Wanted,
  work: (trx: Transaction<Database>, standing: Standing) => Promise<T>,
): Promise<T> {
  try {
    return await context.db.transaction().execute(async (trx) => {
      await first?.(trx);
      const standing = await findStandingForUpdate(trx, childId);
      requireResponsible(access, standing);
      if (standing.version !== expectedVersion) throw new DirectoryError('stale-version', STALE);
      return work(trx, standing);
    });
  } catch (error) {
    await recordRefusal(context, access, childId, action, error);
    throw error;
  }
}

/** Whoever is refused a child has been told that there is one: the audit log knows of it. */
export async function recordRefusal(
  context: Context,
  access: Access,
  childId: string,
  action: string,
  error: unknown,
): Promise<void> {
  if (error instanceof DirectoryError && error.code === 'forbidden')
    await recordAudit(context.db, access, { action: `${action}-refused`, childIds: [childId] });
}

/** @throws DirectoryError `not-found`, `forbidden` */
export function requireResponsible<T extends Pick<Standing, 'authority' | 'archived'>>(
  access: Access,
  standing: T | undefined,
): asserts standing is T {
  const responsible = standing !== undefined && isResponsible(access.caller, standing.authority);
  // Whoever may not know of an archived child reads that there is none, here as everywhere.
  if (!standing || (standing.archived && !responsible)) throw new DirectoryError('not-found', 'No such child');
  if (!responsible) {
    throw new DirectoryError('forbidden', "Only a management team of the child's own authority may change the record");
  }
}

/** The change with its history, its place in the outbox and its audit row. */
export async function makeChange(
  trx: Transaction<Database>,
  access: Access,
  standing: Standing,
  change: Change,
): Promise<void> {
  const { childId } = standing;
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
): Promise<ChangedIdentity> {
  const { givenNames, familyName, dateOfBirth, gender } = change;
  const newName = {
    ...(givenNames === undefined ? {} : { givenNames }),
    ...(familyName === undefined ? {} : { familyName }),
  };
  const renamed = Object.keys(newName).length > 0;
  if (dateOfBirth !== undefined) requireChild(dateOfBirth);
  return changeIdentity(context, access, childId, version, {
    action: 'correct-child',
    parts: Object.keys(change).sort(),
    reach: {},
    row: { change },
    becomes: (identity) => ({
      names: renamed ? identity.names.flatMap((name) => renameCurrent(name, newName)) : identity.names,
      dateOfBirth: dateOfBirth ?? identity.dateOfBirth,
      gender: gender ?? identity.gender,
    }),
    async apply(trx) {
      if (renamed) await replaceCurrentName(trx, childId, newName);
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

function renameCurrent(name: NameParts, newName: Partial<NameParts>): NameParts[] {
  return name.kind === 'current'
    ? [
        { ...name, ...newName },
        { ...name, kind: 'former' },
      ]
    : [name];
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
    joinsHousehold: true,
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
    joinsHousehold: true,
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
