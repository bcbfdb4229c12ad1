import { type Kysely, sql } from 'kysely';

/** The hash chain over the audit log. Rows get their place when they are sealed, not when they are written. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table audit_events add column written_in xid8 not null default pg_current_xact_id();
    create index audit_events_by_transaction on audit_events (written_in);
    comment on column audit_events.written_in is 'The transaction that wrote it: what a snapshot of a seal saw, or did not see yet';

    revoke insert on audit_events from directory_api, directory_worker;
    grant insert (actor, user_id, role, organisation_id, authority, on_behalf_of, action, reason, child_ids, request_id, details)
      on audit_events to directory_api, directory_worker, directory_sealer;
    comment on column audit_events.at is 'Given by the server: the application roles may not choose it, nor the id';

    create table audit_chain (
      position bigint primary key check (position > 0),
      event_id bigint not null unique,
      link bytea not null check (length(link) = 32)
    );
    comment on table audit_chain is 'The place of each sealed audit row. No foreign key: a removal is to be found, not hindered';
    comment on column audit_chain.link is 'SHA-256 of the link before (of the seal before, for its first row) and the hash of the row';

    create table audit_seals (
      seal bigint primary key check (seal > 0),
      from_position bigint not null,
      to_position bigint not null check (to_position >= from_position),
      previous_head bytea not null check (length(previous_head) = 32),
      snapshot pg_snapshot not null,
      sealed_at timestamptz not null,
      head bytea not null unique check (length(head) = 32)
    );
    comment on table audit_seals is 'One row for each batch of audit rows sealed together; the heads are exported';
    comment on column audit_seals.snapshot is 'Whatever it saw has its place by now; of a batch that is not the last of its pass, the snapshot of the pass before';
    comment on column audit_seals.head is 'SHA-256 of all other columns and the last link: it stands for every row up to here';

    grant select on audit_events, audit_chain, audit_seals to directory_sealer;
    grant insert on audit_chain, audit_seals to directory_sealer;
    grant select on audit_chain, audit_seals to directory_auditor;
  `.execute(db);
}
