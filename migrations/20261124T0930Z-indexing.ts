import { type Kysely, sql } from 'kysely';

/** What keeps the index true: the outbox, dead letters, and how common each name is. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table outbox (
      child_id uuid primary key,
      version bigint not null,
      urgent boolean not null default false,
      changed_at timestamptz not null default now(),
      claimed_at timestamptz
    ) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
    create index outbox_unclaimed on outbox (urgent desc, changed_at) where claimed_at is null;
    create index outbox_claimed on outbox (claimed_at) where claimed_at is not null;
    comment on table outbox is 'Children whose document the index has not acknowledged. Written in the transaction of the change, removed on acknowledgement; many changes to one child are one row';
    comment on column outbox.version is 'Version of the child that the index must at least hold';
    comment on column outbox.urgent is 'A shield was set or lifted: goes ahead of all else';
    comment on column outbox.claimed_at is 'When a job was last made for it; a claim runs out, so a lost job is made again';

    create function notify_outbox() returns trigger language plpgsql as $$
    begin
      perform pg_notify('outbox', '');
      return null;
    end $$;
    create trigger outbox_notify after insert or update of version on outbox
      for each statement execute function notify_outbox();

    create table dead_letters (
      id uuid primary key,
      child_id uuid not null,
      version bigint not null,
      reason text not null,
      failed_at timestamptz not null default now(),
      retried_at timestamptz
    );
    create unique index dead_letters_open on dead_letters (child_id) where retried_at is null;
    comment on table dead_letters is 'Documents that the index refused for good; the reason names types and fields, never values';

    create table index_builds (
      index_name text primary key,
      mapping_version integer not null,
      state text not null check (state in ('filling', 'live', 'retired')),
      started_at timestamptz not null default now(),
      queued_up_to uuid,
      queued_at timestamptz,
      live_at timestamptz
    );
    comment on table index_builds is 'Indices made, and whether searches may use them';
    comment on column index_builds.state is 'filling: takes changes, answers no search until every child known at the start is in';
    comment on column index_builds.queued_up_to is 'Every child up to this id has been put into the outbox for it; where queueing is carried on, by whatever process';
    comment on column index_builds.queued_at is 'When the last child had been queued';

    create table name_frequencies (
      part text not null check (part in ('given', 'family')),
      name text collate "C" not null,
      children integer not null check (children >= 0),
      primary key (part, name)
    );
    comment on table name_frequencies is 'Parts of names, normalised: how common each is, and what a misspelt one may stand for. Made without anything that a shield hides';
    comment on column name_frequencies.children is 'In how many current names it occurs; 0 where only birth, former and known-as names of children without a shield have it';

    create table new_names (
      part text not null check (part in ('given', 'family')),
      name text collate "C" not null,
      seen bigint generated always as identity,
      seen_at timestamptz not null default now(),
      primary key (part, name)
    );
    comment on table new_names is 'Parts of names that the index holds since the names were last counted, so that a misspelt search finds them at once';

    create table directory_statistics (
      one_row boolean primary key default true check (one_row),
      children bigint not null default 0,
      counted_at timestamptz not null default now()
    );
    insert into directory_statistics default values;
    comment on table directory_statistics is 'Size of the directory when the name frequencies were counted';

    grant select, insert, update on outbox to directory_api, directory_worker;
    grant delete on outbox to directory_worker;
    grant select, insert, update, delete on dead_letters, name_frequencies, new_names, index_builds to directory_worker;
    grant select on name_frequencies, new_names, directory_statistics, dead_letters, index_builds to directory_api, directory_worker;
    grant update on directory_statistics to directory_worker;
  `.execute(db);
}
