import { createHmac } from 'node:crypto';
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
import { claimIdempotencyKey, rememberCreated } from '../db/idempotency.js';
import type { Database } from '../db/schema.js';
import { DirectoryError } from '../errors.js';
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
  /** Gives the child an address or a parent: waits for whoever is setting a shield on a child who has it too. */
  joinsHousehold?: true;
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
 * Every change to a child goes this way: the row is locked, it is decided whether the caller may before any value or id
 * of the change is looked at, the version must be the one that the caller saw; then the change, its history, its place in
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
  const { action, ownWork, joinsHousehold, creation } = change;
  const wanted: Wanted<ReadChild> = {
    childId,
    expectedVersion,
    action,
    ...(ownWork ? { ownWork } : {}),
    ...(joinsHousehold ? { holdFirst: joinHousehold } : {}),
    async answered(trx) {
      const earlier = await claim(context, trx, access, creation, childId);
      if (!earlier) return undefined;
      await recordAudit(trx, access, { action: `${action}-replayed`, childIds: [childId] });
      return readBack(trx, access, childId);
    },
  };
  return withChild(context, access, wanted, async (trx, standing) => {
    await makeChange(trx, access, standing, change);
    return readBack(trx, access, childId);
  });
}

export interface Wanted<T> {
  childId: string;
  expectedVersion: number;
  action: string;
  ownWork?: boolean;
  /** What is locked before the child is. */
  holdFirst?(trx: Transaction<Database>): Promise<void>;
  /**
   * An answer to whoever is entitled that needs no change: a repeated request comes with the version of the first time, so
   * it is known before versions are compared.
   */
  answered?(trx: Transaction<Database>): Promise<T | undefined>;
}

export const STALE = 'The record has changed since it was read. Read it again.';

/** Does the work on a child whom the caller may change, locked, at the version expected. */
export async function withChild<T>(
  context: Context,
  access: Access,
  { childId, expectedVersion, action, ownWork, holdFirst, answered }: Wanted<T>,
  work: (trx: Transaction<Database>, standing: Standing) => Promise<T>,
): Promise<T> {
  try {
    return await context.db.transaction().execute(async (trx) => {
      await holdFirst?.(trx);
      const standing = await findStandingForUpdate(trx, childId);
      requireEntitled(access, standing, ownWork);
      const answer = await answered?.(trx);
      if (answer !== undefined) return answer;
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
export function requireEntitled<T extends Pick<Standing, 'authority' | 'archived' | 'shielded'>>(
  access: Access,
  standing: T | undefined,
  ownWork = false,
): asserts standing is T {
  // Whoever may not know of an archived child reads that there is none, here as everywhere.
  if (!standing || (standing.archived && !isResponsible(access.caller, standing.authority)))
    throw new DirectoryError('not-found', 'No such child');
  if (!mayChange(access.caller, standing, ownWork))
    throw new DirectoryError('forbidden', "Only a management team of the child's own authority may change the record");
}

/** The change with its history, its place in the outbox, its audit row, and what a repeated request is answered by. */
export async function makeChange(
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
  await remember(trx, access, change.creation, childId);
}

/** What a repeated request with the same key is answered by. */
export async function remember(
  trx: Transaction<Database>,
  { caller }: Access,
  creation: Creation | undefined,
  childId: string,
): Promise<void> {
  if (creation?.key === undefined) return;
  const { route, key } = creation;
  await rememberCreated(trx, { userId: caller.userId, route, key, childId });
}

/**
 * Every request with a key claims it here, in the transaction of what it makes. The body is kept as a keyed hash: of a
 * sensitive service there are few, so that whoever may read the table could guess an unkeyed one.
 * @param childId to whom something is added; none for a new child
 * @returns what an earlier request with the key made (no id: it was queued); undefined for the first, or without a key
 */
export async function claim(
  { config }: Context,
  trx: Transaction<Database>,
  access: Access,
  creation: Creation | undefined,
  childId: string | null = null,
): Promise<{ childId: string | null } | undefined> {
  if (creation?.key === undefined) return undefined;
  const { route, key, body } = creation;
  const bodyHash = createHmac('sha256', config.secrets.idempotency)
    .update(JSON.stringify([childId, body]))
    .digest();
  return claimIdempotencyKey(trx, { userId: access.caller.userId, route, key, bodyHash });
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
