import { type Kysely, sql } from 'kysely';

/** The audit log: what was done, by whom and why, before the answer left. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table audit_events (
      id bigint generated always as identity primary key,
      at timestamptz not null default clock_timestamp(),
      actor text not null check (actor in ('user', 'system')),
      user_id uuid,
      role text,
      organisation_id uuid,
      authority text,
      on_behalf_of uuid,
      action text not null,
      reason text,
      child_ids uuid[] not null default '{}',
      request_id text,
      details jsonb not null default '{}',
      check ((actor = 'user') = (user_id is not null))
    );
    create index audit_events_by_time on audit_events (at);
    create index audit_events_by_user on audit_events (user_id, at);
    create index audit_events_by_child on audit_events using gin (child_ids);
    comment on table audit_events is 'Append-only: the application roles may insert and never read, change or remove';
    comment on column audit_events.child_ids is 'Children whose information left, or who were changed';
    comment on column audit_events.details is 'Counts and names of fields; never a value of a record or of a search';

    grant insert on audit_events to directory_api, directory_worker;
    grant select on audit_events to directory_auditor;
  `.execute(db);
}
