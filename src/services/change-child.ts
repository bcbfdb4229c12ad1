import { createHash } from 'node:crypto';
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
import { claimIdempotencyKey, rememberCreated } from '../db/idempotency.js';
import { replaceCurrentName } from '../db/record-parts.js';
import type { Database } from '../db/schema.js';
import { insertShield, liftShield, updateShield } from '../db/shields.js';
import { DirectoryError } from '../errors.js';
import type { ChildChange, ShieldRequest } from '../schemas/child.js';
import { requireChild, requirePast, todayInEngland } from './child-age.js';
import type { ReadChild } from './read-child.js';
import { viewRecord } from './record-view.js';
import { isResponsible, mayChange, type Visible, visibleTo } from './visibility.js';

export interface Change {
  /** Name of the action in the audit log and of the reason in the history. */
  action: string;
  /** Names of the parts changed; no values. */
  parts: string[];
  reach: ChangeReach;
  /** What practitioners declare and end themselves: `apply` sees to it that it is their own. */
  ownWork?: boolean;
  /** Of a request that makes something. */
  creation?: Creation;
  /** @param seen the record as the caller sees it: what is not in it, there is not */
  apply(trx: Transaction<Database>, standing: Standing, seen: Visible<ChildRecord>): Promise<void>;
}

export interface Creation {
  route: string;
  /** Idempotency-Key: a repeated request with the same one makes nothing twice. */
  key?: string | undefined;
  body: object;
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
  const { action, ownWork = false, creation } = change;
  const wanted: Wanted<ReadChild> = {
    childId,
    expectedVersion,
    action,
    ownWork,
    // A repeated request comes with the version of the first time, so it is known before versions are compared.
    async first(trx) {
      if (!(await isRepeated(trx, access, childId, creation))) return undefined;
      await recordAudit(trx, access, { action: `${action}-replayed`, childIds: [childId] });
      return readBack(trx, access, childId);
    },
  };
  return withChild(context, access, wanted, async (trx, standing) => {
    await makeChange(trx, access, standing, change);
    return readBack(trx, access, childId);
  });
}

interface Wanted<T> {
  childId: string;
  expectedVersion: number;
  action: string;
  ownWork: boolean;
  /** An answer to whoever is entitled that needs no change. */
  first(trx: Transaction<Database>): Promise<T | undefined>;
}

/** Does the work on a child whom the caller may change, locked, at the version expected. */
async function withChild<T>(
  context: Context,
  access: Access,
  { childId, expectedVersion, action, ownWork, first }: Wanted<T>,
  work: (trx: Transaction<Database>, standing: Standing) => Promise<T>,
): Promise<T> {
  try {
    return await context.db.transaction().execute(async (trx) => {
      const standing = await findStandingForUpdate(trx, childId);
      requireEntitled(access, standing, ownWork);
      const answer = await first(trx);
      if (answer !== undefined) return answer;
      if (standing.version !== expectedVersion)
        throw new DirectoryError('stale-version', 'The record has changed since it was read. Read it again.');
      return work(trx, standing);
    });
  } catch (error) {
    if (error instanceof DirectoryError && error.code === 'forbidden')
      await recordAudit(context.db, access, { action: `${action}-refused`, childIds: [childId] });
    throw error;
  }
}

/** @throws DirectoryError `not-found`, `forbidden` */
function requireEntitled(
  access: Access,
  standing: Standing | undefined,
  ownWork: boolean,
): asserts standing is Standing {
  // Whoever may not know of an archived child reads that there is none, here as everywhere.
  if (!standing || (standing.archived && !isResponsible(access.caller, standing.authority)))
    throw new DirectoryError('not-found', 'No such child');
  if (!mayChange(access.caller, standing, ownWork))
    throw new DirectoryError('forbidden', "Only a management team of the child's own authority may change the record");
}

/** The change with its history, its place in the outbox and its audit row. */
async function makeChange(
  trx: Transaction<Database>,
  access: Access,
  standing: Standing,
  change: Change,
): Promise<void> {
  const { childId } = standing;
  const before = await findRecord(trx, childId);
  const seen = before && visibleTo(access.caller, before);
  if (!seen || seen.hidden) throw new DirectoryError('not-found', 'No such child');
  await change.apply(trx, standing, seen).catch(refuseContradiction);
  await recordChange(
    trx,
    childId,
    {
      changedBy: access.caller.userId,
      reason: access.reason,
      change: { action: change.action, parts: change.parts, before: toBeKept(before) },
    },
    change.reach,
  );
  await recordAudit(trx, access, { action: change.action, childIds: [childId], details: { parts: change.parts } });
}

async function isRepeated(
  trx: Transaction<Database>,
  access: Access,
  childId: string,
  creation: Creation | undefined,
): Promise<boolean> {
  if (creation?.key === undefined) return false;
  const { route, key, body } = creation;
  const { userId } = access.caller;
  const bodyHash = createHash('sha256')
    .update(JSON.stringify([childId, body]))
    .digest();
  if (await claimIdempotencyKey(trx, { userId, route, key, bodyHash })) return true;
  await rememberCreated(trx, { userId, route, key, childId });
  return false;
}

/** What the history holds of a record. Sensitive services are left out, so that what is withdrawn is gone. */
function toBeKept(record: ChildRecord): ChildRecord {
  const ordinary = ({ sensitive }: { sensitive: unknown }) => sensitive === null;
  return {
    ...record,
    services: record.services.filter(ordinary),
    involvements: record.involvements.filter(ordinary),
  };
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
  const { givenNames, familyName, dateOfBirth, gender, diedOn } = change;
  if (dateOfBirth !== undefined) requireChild(dateOfBirth);
  if (diedOn) requirePast('/diedOn', diedOn);
  return changeChild(context, access, childId, version, {
    action: 'correct-child',
    parts: Object.keys(change).sort(),
    // A shield hides that a child has died, and nothing else that is corrected here.
    reach: { hidden: Object.keys(change).every((part) => part === 'diedOn') },
    async apply(trx) {
      if (givenNames !== undefined || familyName !== undefined) {
        await replaceCurrentName(trx, childId, {
          ...(givenNames === undefined ? {} : { givenNames }),
          ...(familyName === undefined ? {} : { familyName }),
        });
      }
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
