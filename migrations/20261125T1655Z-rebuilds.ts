import { type Kysely, sql } from 'kysely';

/** Rebuilds of the index beside live traffic, and what becomes of the index that was replaced. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table index_builds drop constraint index_builds_state_check;
    alter table index_builds add constraint index_builds_state_check
      check (state in ('filling', 'building', 'live', 'kept', 'retired'));
    alter table index_builds add column kept_at timestamptz, add column dropped_at timestamptz;
    comment on column index_builds.state is 'filling: takes changes, answers no search until every child known at the start is in. building: the same beside a live one, for a rebuild. kept: replaced, takes no changes, may be rolled back to. retired: to be dropped';
    comment on column index_builds.kept_at is 'When it was replaced; it is kept for some days from then on, or until the next rebuild';
    comment on column index_builds.dropped_at is 'When Elasticsearch was told to delete it';

    create table rebuilds (
      id uuid primary key,
      rolls_back uuid references rebuilds (id),
      state text not null default 'running' check (state in ('running', 'checking', 'done', 'failed', 'cancelled', 'rolled-back')),
      reason text,
      from_index text,
      to_index text,
      mapping_version integer,
      after_id uuid,
      total bigint not null default 0,
      copied bigint not null default 0,
      repaired bigint not null default 0,
      refused bigint not null default 0,
      attempts integer not null default 0,
      worker uuid,
      heartbeat_at timestamptz,
      started_at timestamptz not null default clock_timestamp(),
      copied_at timestamptz,
      moving_at timestamptz,
      ended_at timestamptz
    );
    create unique index rebuilds_one_at_a_time on rebuilds ((true)) where state in ('running', 'checking');
    create index rebuilds_by_start on rebuilds (started_at desc);
    comment on table rebuilds is 'Rebuilds of the index, and rolling back to the one before: what is done, by whom it is being done, and how it ended';
    comment on column rebuilds.rolls_back is 'Of a rolling back: the rebuild whose old index is searched again';
    comment on column rebuilds.reason is 'Why it failed, by a fixed word';
    comment on column rebuilds.after_id is 'Children up to this id are in the new index; where copying goes on, by whatever process';
    comment on column rebuilds.total is 'Children when it began';
    comment on column rebuilds.repaired is 'Differences found by the check before the move, and put right';
    comment on column rebuilds.refused is 'Children whom the new index refuses: dead letters once it is live';
    comment on column rebuilds.attempts is 'How many times a worker took it up';
    comment on column rebuilds.worker is 'The worker that is at it; another takes over when it has not been heard of';
    comment on column rebuilds.moving_at is 'The aliases may have moved from here on: too late to cancel';

    grant select, insert, update on rebuilds to directory_api, directory_worker;
  `.execute(db);
}
