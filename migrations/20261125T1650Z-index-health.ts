import { type Kysely, sql } from 'kysely';

/** What the health of the index is told by: how many records there are, how fast it takes changes, whether it drifts. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create function bucket_of(child uuid) returns integer language sql immutable parallel safe
      return ((get_byte(uuid_send(child), 14) & 15) << 8) | get_byte(uuid_send(child), 15);
    comment on function bucket_of is 'One of 4,096 groups that the index is compared by: the last three hex digits of the id';
    create function check_of(child uuid, version bigint, projection integer) returns integer language sql immutable parallel safe
      return ('x' || left(md5(child::text || ':' || version::text || ':' || projection::text), 7))::bit(28)::integer;
    comment on function check_of is 'The check integer that a document of this child, version and projection holds';
    create index children_by_bucket on children (bucket_of(id)) where archived_at is null;

    create table record_count (change bigint not null);
    comment on table record_count is 'Children who are not archived: the sum of its rows. A transaction adds what it changed, so that nobody waits for another and nobody counts millions; workers fold the rows into one';
    create function note_records_made() returns trigger language plpgsql security definer set search_path = pg_catalog, public as $$
    begin
      insert into record_count select count(*) from made where archived_at is null having count(*) > 0;
      return null;
    end $$;
    create trigger records_made after insert on children referencing new table as made
      for each statement execute function note_records_made();
    create function note_records_gone() returns trigger language plpgsql security definer set search_path = pg_catalog, public as $$
    begin
      insert into record_count select -count(*) from gone where archived_at is null having count(*) > 0;
      return null;
    end $$;
    create trigger records_gone after delete on children referencing old table as gone
      for each statement execute function note_records_gone();
    create function note_record_archived() returns trigger language plpgsql security definer set search_path = pg_catalog, public as $$
    begin
      insert into record_count values (case when new.archived_at is null then 1 else -1 end);
      return null;
    end $$;
    create trigger record_archived after update of archived_at on children for each row
      when ((old.archived_at is null) <> (new.archived_at is null)) execute function note_record_archived();
    revoke execute on function note_records_made, note_records_gone, note_record_archived from public;
    insert into record_count select count(*) from children where archived_at is null;

    create table index_throughput (
      slot timestamptz not null,
      lane smallint not null,
      acknowledged bigint not null,
      primary key (slot, lane)
    );
    comment on table index_throughput is 'Documents that the index acknowledged, by ten seconds; kept for a day';
    comment on column index_throughput.lane is 'One of sixteen, by connection, so that workers do not wait for each other';

    create table index_reconciliations (
      id uuid primary key,
      deep boolean not null default false,
      state text not null default 'requested' check (state in ('requested', 'running', 'done', 'failed')),
      requested_at timestamptz not null default now(),
      requested_by uuid references users (id),
      started_at timestamptz,
      ended_at timestamptz,
      index_name text,
      turn smallint,
      records bigint not null default 0,
      documents bigint not null default 0,
      buckets_compared integer not null default 0,
      missing bigint not null default 0,
      stale bigint not null default 0,
      extra bigint not null default 0,
      repaired bigint not null default 0,
      reason text
    );
    create index index_reconciliations_by_time on index_reconciliations (requested_at desc);
    create index index_reconciliations_open on index_reconciliations (requested_at) where state in ('requested', 'running');
    comment on table index_reconciliations is 'Checks of the index against PostgreSQL: what differed, and what was put right';
    comment on column index_reconciliations.deep is 'The contents of documents were compared as well';
    comment on column index_reconciliations.turn is 'Which of 64 shares of the buckets was compared id by id although its sums agreed';
    comment on column index_reconciliations.repaired is 'Of those that differed, how many were found right afterwards';
    comment on column index_reconciliations.reason is 'Why it failed: types of errors, never values';

    grant select on record_count, index_throughput, index_reconciliations to directory_api, directory_worker;
    grant insert on index_reconciliations to directory_api, directory_worker;
    grant update, delete on index_reconciliations to directory_worker;
    grant insert, update, delete on index_throughput to directory_worker;
    grant insert, delete on record_count to directory_worker;
  `.execute(db);
}
