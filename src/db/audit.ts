import { type Kysely, sql } from 'kysely';
import type { Access, Caller } from '../caller.js';
import type { Database } from './schema.js';

/** What was done. `details` holds counts and names of fields, never a value of a record or of a search. */
export interface AuditEvent {
  action: string;
  childIds?: string[];
  details?: Record<string, number | string | boolean | string[] | null>;
}

/** In `details` of a reading of whoever shares a home or a parent with a child, who may have been shielded then. */
export const OF_HOUSEHOLD = 'ofHousehold';

interface AuditedBy extends Pick<Access, 'requestId' | 'onBehalfOf'> {
  caller: Pick<Caller, 'userId' | 'role' | 'organisationId' | 'authority'>;
  reason: string | null;
}

/**
 * Writes one event by a user; resolves once PostgreSQL has it on disk. Await it before the answer leaves, or hand in
 * the transaction of the change that it tells of. Where much is looked at, `AuditLog` (audit-log.ts) is cheaper.
 */
export async function recordAudit(db: Kysely<Database>, access: Access, event: AuditEvent): Promise<void> {
  await db.insertInto('audit_events').values(auditRow(access, event)).execute();
}

/** An event of a signed-in user that touches no child: sign-in, user accounts. */
export async function recordAccountAudit(
  db: Kysely<Database>,
  caller: AuditedBy['caller'],
  requestId: string,
  event: AuditEvent,
): Promise<void> {
  await db
    .insertInto('audit_events')
    .values(auditRow({ caller, requestId, reason: null }, event))
    .execute();
}

/** An event of the system itself: an import, a worker, the command line. */
export async function recordSystemAudit(db: Kysely<Database>, event: AuditEvent): Promise<void> {
  await db
    .insertInto('audit_events')
    .values({
      actor: 'system',
      user_id: null,
      role: null,
      organisation_id: null,
      authority: null,
      on_behalf_of: null,
      action: event.action,
      reason: null,
      child_ids: event.childIds ?? [],
      request_id: null,
      details: JSON.stringify(event.details ?? {}),
    })
    .execute();
}

/** What is written of an event by a user. */
export function auditRow({ caller, reason, requestId, onBehalfOf }: AuditedBy, event: AuditEvent) {
  return {
    actor: 'user',
    user_id: caller.userId,
    role: caller.role,
    organisation_id: caller.organisationId,
    authority: caller.authority,
    on_behalf_of: onBehalfOf?.userId ?? null,
    action: event.action,
    reason,
    child_ids: event.childIds ?? [],
    request_id: requestId,
    details: JSON.stringify(event.details ?? {}),
  } as const;
}
export type AuditRow = ReturnType<typeof auditRow>;

/** A row of the audit log as it was written. */
export interface LoggedEvent {
  eventId: number;
  at: Date;
  actor: 'user' | 'system';
  userId: string | null;
  role: string | null;
  organisationId: string | null;
  authority: string | null;
  onBehalfOf: string | null;
  action: string;
  reason: string | null;
  childIds: string[];
  requestId: string | null;
  details: Record<string, unknown>;
  sealed: boolean;
  /** Microseconds of `at`. */
  micros: string;
}

export interface AuditFilter {
  childId?: string | undefined;
  /** Who asked, or for whom somebody else did. */
  userId?: string | undefined;
  /** From this moment on. */
  from?: string | undefined;
  /** Before this moment. */
  to?: string | undefined;
  /** Leave out that a child was listed with a household. */
  exceptOfHousehold?: boolean | undefined;
  /** Where the page before ended: a moment in microseconds, and how many events of it were on that page. */
  cursor?: string | undefined;
}

/** The latest first. Takes the auditors' role: the application's own roles may not read the log. */
export async function findAuditEvents(
  db: Kysely<Database>,
  { childId, userId, from, to, exceptOfHousehold, cursor }: AuditFilter,
  limit: number,
): Promise<LoggedEvent[]> {
  const [micros, skipped = '0'] = cursor?.split('-') ?? [];
  const conditions = [
    childId === undefined ? undefined : sql`child_ids @> array[${childId}::uuid]`,
    userId === undefined ? undefined : sql`(user_id = ${userId} or on_behalf_of = ${userId})`,
    from === undefined ? undefined : sql`at >= ${from}::timestamptz`,
    to === undefined ? undefined : sql`at < ${to}::timestamptz`,
    exceptOfHousehold ? sql`not details ? ${OF_HOUSEHOLD}` : undefined,
    cursor === undefined ? undefined : sql`at <= timestamptz 'epoch' + ${micros}::bigint * interval '1 microsecond'`,
  ].filter((condition) => condition !== undefined);
  const { rows } = await sql<LoggedEvent>`
    select id as "eventId", at, actor, user_id as "userId", role, organisation_id as "organisationId", authority,
      on_behalf_of as "onBehalfOf", action, reason, child_ids as "childIds", request_id as "requestId", details,
      exists (select from audit_chain c where c.event_id = e.id) as sealed,
      (extract(epoch from at) * 1000000)::bigint::text as micros
    from audit_events e where ${sql.join([sql`true`, ...conditions], sql` and `)}
    order by at desc, id desc limit ${limit} offset ${skipped}::bigint`.execute(db);
  return rows;
}
