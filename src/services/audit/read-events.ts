import type { Access, Caller } from '../../caller.js';
import type { Context } from '../../context.js';
import { type AuditFilter, findAuditEvents, type LoggedEvent, recordAudit } from '../../db/audit.js';
import { findSomeFacts } from '../../db/children.js';
import { findUserNames } from '../../db/users.js';
import { DirectoryError } from '../../errors.js';
import type { AccessPage, AuditEventPage, AuditEventQuery, PageQuery } from '../../schemas/audit.js';
import { isResponsible } from '../visibility.js';

const PAGE = 50;

/** Reading the log is in the log, before the answer leaves. */
export async function readAuditEvents(
  context: Context,
  access: Access,
  query: AuditEventQuery,
): Promise<AuditEventPage> {
  const { child, user, from, to, cursor, limit = PAGE } = query;
  const { events, nextCursor } = await readPage(context, { childId: child, userId: user, from, to, cursor }, limit);
  await recordAudit(context.db, access, {
    action: 'read-audit',
    childIds: child === undefined ? [] : [child],
    details: { events: events.length, ...(user === undefined ? {} : { userId: user }) },
  });
  return {
    events: events.map(({ micros: _, at, ...event }) => ({ ...event, at: at.toISOString() })),
    ...nextCursor,
  };
}

/**
 * Who looked at a child, when and why. A management team learns it of the children of its own authority; any other child,
 * shielded or not, is to it as one that there is not. An auditor asks the log alone, which keeps what it has of a child
 * whose record is gone.
 * @throws DirectoryError `not-found`
 */
export async function readAccesses(
  context: Context,
  access: Access,
  childId: string,
  { cursor, limit = PAGE }: PageQuery,
): Promise<AccessPage> {
  if (access.caller.role !== 'auditor' && !(await isOwn(context, access, childId))) {
    await recordAudit(context.db, access, { action: 'read-accesses-not-found' });
    throw new DirectoryError('not-found', 'No such child');
  }
  const exceptOfHousehold = access.caller.role !== 'auditor';
  const { events, nextCursor } = await readPage(context, { childId, cursor, exceptOfHousehold }, limit);
  const people = await namesOf(context, events);
  await recordAudit(context.db, access, {
    action: 'read-accesses',
    childIds: [childId],
    details: { events: events.length },
  });
  return {
    accesses: events.map((event) => {
      const { at, actor, onBehalfOf, role, action, reason } = event;
      const userId = isNamedTo(access.caller, event) ? event.userId : null;
      const who = userId === null ? undefined : people.get(userId);
      const behalf = onBehalfOf === null ? undefined : people.get(onBehalfOf);
      return {
        at: at.toISOString(),
        actor,
        userId,
        name: who?.name ?? null,
        organisation: who?.organisation ?? null,
        role,
        action,
        reason,
        ...(onBehalfOf === null
          ? {}
          : {
              onBehalfOf: {
                userId: onBehalfOf,
                name: behalf?.name ?? null,
                organisation: behalf?.organisation ?? null,
              },
            }),
      };
    }),
    ...nextCursor,
  };
}

/**
 * Who looked is told to auditors, and to the child's own team unless it was the team of another authority: that one may have come
 * upon this child by a shielded brother or sister, whose authority nobody may know. Told of no child, it tells of none.
 */
export function isNamedTo({ role, authority }: Caller, event: Pick<LoggedEvent, 'role' | 'authority'>): boolean {
  return role === 'auditor' || event.role !== 'management-team' || event.authority === authority;
}

async function isOwn({ db }: Context, { caller }: Access, childId: string): Promise<boolean> {
  const [child] = await findSomeFacts(db, [childId], { addresses: false, parents: false });
  return child !== undefined && isResponsible(caller, child.authority);
}

async function readPage({ auditorDb }: Context, filter: AuditFilter, limit: number) {
  const found = await findAuditEvents(auditorDb, filter, limit + 1);
  const events = found.slice(0, limit);
  return { events, nextCursor: found.length > limit ? { nextCursor: cursorAfter(events, filter.cursor) } : {} };
}

/** By moments alone: an event's number would tell whoever may see one child's how much is done to others. */
function cursorAfter(events: LoggedEvent[], before: string | undefined): string {
  const micros = events.at(-1)?.micros;
  const [earlier, skipped] = before?.split('-') ?? [];
  const ofThatMoment = events.filter((event) => event.micros === micros).length;
  return `${micros}-${ofThatMoment + (earlier === micros ? Number(skipped) : 0)}`;
}

async function namesOf({ db }: Context, events: LoggedEvent[]) {
  const ids = [...new Set(events.flatMap(({ userId, onBehalfOf }) => [userId ?? [], onBehalfOf ?? []].flat()))];
  return new Map((await findUserNames(db, ids)).map((user) => [user.userId, user]));
}
