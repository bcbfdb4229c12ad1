import type { Access } from '../../caller.js';
import type { Context } from '../../context.js';
import { findAuditEvents, type LoggedEvent, recordAudit } from '../../db/audit.js';
import { type ChildRecord, findRecordFor } from '../../db/children.js';
import { findHeldOfChild, type HistoryEntry } from '../../db/held-of-child.js';
import { findUserNames } from '../../db/users.js';
import { DirectoryError } from '../../errors.js';
import type { SubjectAccess, SubjectAccessRequest } from '../../schemas/keeping.js';
import { isNamedTo } from '../audit/read-events.js';
import { requireEntitled } from '../change-child.js';
import { viewRecord } from '../record-view.js';
import { entitledTo, type Visible, visibleTo } from '../visibility.js';

/** More looks at one child than anybody could read. */
const MOST_ACCESSES = 10_000;

/**
 * All that is held of a child, for the family: the record, where it came from, how it changed and who looked. Nobody else's
 * data: no other child, no candidate of a match, no decision on a household. For a parent less: what a child told a
 * sensitive service is the child's, another parent's contact details are that parent's, and a parent may be whom a shield is
 * against, or was.
 * @throws DirectoryError `not-found`, `forbidden`; `conflict` where a parent asks for a shielded child
 */
export async function giveSubjectAccess(
  context: Context,
  access: Access,
  childId: string,
  { requestedBy, parentId }: SubjectAccessRequest,
): Promise<SubjectAccess> {
  const record = await findRecordFor(context.db, childId, entitledTo(access.caller));
  const visible = record && visibleTo(access.caller, record);
  try {
    requireEntitled(access, visible && record);
    if (!visible || visible.hidden) throw new DirectoryError('not-found', 'No such child');
    if (requestedBy === 'parent' && record.shielded)
      throw new DirectoryError(
        'conflict',
        'The record of a shielded child goes to no parent: it would say where the child is',
      );
  } catch (error) {
    const refused = error instanceof DirectoryError && error.code !== 'not-found';
    await recordAudit(context.db, access, {
      action: refused ? 'subject-access-refused' : 'subject-access-not-found',
      childIds: refused ? [childId] : [],
    });
    throw error;
  }
  const forParent = requestedBy === 'parent';
  const held = await findHeldOfChild(context.db, childId);
  const events = await findAuditEvents(context.auditorDb, { childId, exceptOfHousehold: true }, MOST_ACCESSES + 1);
  const history = forParent ? held.history.filter(({ change }) => isChangeForParent(change)) : held.history;
  const accesses = events.slice(0, MOST_ACCESSES).filter(({ action }) => !forParent || isForParent(action));
  const people = await namesOf(context, history, accesses, forParent ? nameable(visible) : () => true);
  await recordAudit(context.db, access, {
    action: 'subject-access',
    childIds: [childId],
    details: { requestedBy, events: accesses.length },
  });
  return {
    preparedAt: new Date().toISOString(),
    requestedBy,
    record: viewRecord(forParent ? narrowedForParent(visible, parentId) : visible),
    archivedAt: held.archivedAt?.toISOString() ?? null,
    sources: held.sources.map((one) => ({ ...one, receivedAt: one.receivedAt.toISOString() })),
    shields: (forParent ? [] : held.shields).map(({ setAt, liftedAt, ...shield }) => ({
      ...shield,
      setAt: setAt.toISOString(),
      liftedAt: liftedAt?.toISOString() ?? null,
    })),
    history: history.map(({ version, at, userId, source, reason, change }) => ({
      version,
      at: at.toISOString(),
      by: people(userId),
      source,
      reason,
      action: change.action ?? null,
      parts: change.parts ?? [],
      // Of what stood there before nobody can say any more whose it was.
      ...(change.before && !forParent ? { before: changedParts(change.before, change.parts ?? []) } : {}),
    })),
    accesses: accesses.map((event) => {
      const { at, userId, onBehalfOf, role, action, reason } = event;
      return {
        at: at.toISOString(),
        by: people(isNamedTo(access.caller, event) ? userId : null),
        ...(onBehalfOf === null ? {} : { onBehalfOf: people(onBehalfOf) }),
        role,
        action,
        reason,
      };
    }),
    accessesComplete: events.length <= MOST_ACCESSES,
    queued: held.queued,
  };
}

/**
 * Whom a parent may read the names of: who works with the child openly. Anybody else may have looked for a sensitive
 * service, whether or not it is on record still.
 */
function nameable({ involvements }: ChildRecord): (userId: string) => boolean {
  const sensitive = new Set(involvements.flatMap((one) => (one.sensitive ? one.userId : [])));
  const open = new Set(involvements.flatMap((one) => (one.sensitive ? [] : one.userId)));
  return (userId) => open.has(userId) && !sensitive.has(userId);
}

function narrowedForParent(child: Visible<ChildRecord>, parentId: string | undefined): Visible<ChildRecord> {
  return {
    ...child,
    services: child.services.filter(({ sensitive }) => sensitive === null),
    involvements: child.involvements.filter(({ sensitive }) => sensitive === null),
    sensitiveService: false,
    parents: child.parents.map((parent) =>
      parent.parentId === parentId?.toLowerCase() ? parent : { ...parent, phone: null, email: null },
    ),
  };
}

/**
 * Whether a parent may read that it was done. Of a shield nothing, since it may have been against them; of work nothing
 * but what the record shows: a change to work that it does not show would be one to a sensitive service.
 */
function isForParent(action = ''): boolean {
  return !/shield|household|involvement|service|lead-professional|caf-indicator|replay-protections/.test(action);
}

/** Also not that something was done again after a restore to what such an action is about. */
function isChangeForParent({ action, parts = [] }: HistoryEntry['change']): boolean {
  return isForParent(action) && parts.every(isForParent);
}

const NAMES = ['givenNames', 'familyName'];

/** The history keeps the whole record before each change; what changed is what tells. */
function changedParts(before: Partial<ChildRecord>, parts: string[]): Record<string, unknown> {
  const changed = new Set(parts.map((part) => (NAMES.includes(part) ? 'names' : part)));
  return Object.fromEntries(Object.entries(before).filter(([part]) => changed.has(part)));
}

async function namesOf(
  { db }: Context,
  history: HistoryEntry[],
  events: LoggedEvent[],
  mayBeNamed: (userId: string) => boolean,
) {
  const everybody = [...history.map(({ userId }) => userId), ...events.flatMap((one) => [one.userId, one.onBehalfOf])];
  const ids = [...new Set(everybody.filter((userId) => userId !== null))].filter(mayBeNamed);
  const people = new Map((await findUserNames(db, ids)).map((user) => [user.userId, user]));
  return (userId: string | null) => {
    const who = userId === null ? undefined : people.get(userId);
    return who ? { name: who.name, organisation: who.organisation } : null;
  };
}
