import type { Kysely } from 'kysely';
import type { Access, Caller } from '../caller.js';
import type { Database } from './schema.js';

/** What was done. `details` holds counts and names of fields, never a value of a record or of a search. */
export interface AuditEvent {
  action: string;
  childIds?: string[];
  details?: Record<string, number | string | boolean | string[] | null>;
}

/**
 * Writes one event by a user; resolves once PostgreSQL has it on disk. Await it before the answer leaves, or hand in
 * the transaction of the change that it tells of.
 */
export async function recordAudit(db: Kysely<Database>, access: Access, event: AuditEvent): Promise<void> {
  await insert(db, access.caller, access.reason, access.requestId, event);
}

/** An event of a signed-in user that touches no child: sign-in, user accounts. */
export async function recordAccountAudit(
  db: Kysely<Database>,
  caller: Pick<Caller, 'userId' | 'role' | 'organisationId' | 'authority'>,
  requestId: string,
  event: AuditEvent,
): Promise<void> {
  await insert(db, caller, null, requestId, event);
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

async function insert(
  db: Kysely<Database>,
  caller: Pick<Caller, 'userId' | 'role' | 'organisationId' | 'authority'>,
  reason: string | null,
  requestId: string,
  event: AuditEvent,
): Promise<void> {
  await db
    .insertInto('audit_events')
    .values({
      actor: 'user',
      user_id: caller.userId,
      role: caller.role,
      organisation_id: caller.organisationId,
      authority: caller.authority,
      on_behalf_of: null,
      action: event.action,
      reason,
      child_ids: event.childIds ?? [],
      request_id: requestId,
      details: JSON.stringify(event.details ?? {}),
    })
    .execute();
}
