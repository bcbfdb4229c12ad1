import { type Kysely, sql } from 'kysely';

/** The record of a child: identifying and contact information, never case information. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table sources (
      name text primary key check (name ~ '^[a-z0-9][a-z0-9_-]{0,39}$'),
      created_at timestamptz not null default now()
    );
    insert into sources (name) values ('api');
    comment on table sources is 'National and local systems that feed records in';

    create table children (
      id uuid primary key,
      number char(10) not null unique check (number ~ '^[0-9]{10}$'),
      version bigint not null default 1 check (version > 0),
      date_of_birth date not null,
      gender text not null default 'unknown' check (gender in ('female', 'male', 'other', 'unknown')),
      authority text not null default 'central' references authorities (code),
      died_on date check (died_on >= date_of_birth),
      consent_to_25_at timestamptz,
      archived_at timestamptz,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now()
    );
    create index children_by_date_of_birth on children (date_of_birth);
    comment on table children is 'One row a child';
    comment on column children.id is 'UUID version 7';
    comment on column children.number is 'Unique identifying number: nine random digits and a modulus-11 check digit; never reused';
    comment on column children.version is 'Grows with every change to the record or to anything below it; the external version of its index document';
    comment on column children.authority is 'Authority responsible: of the current home, else of the school, else the central team';
    comment on column children.consent_to_25_at is 'When the young person agreed to stay in the directory to 25';
    comment on column children.archived_at is 'Since when practitioners cannot find the record';

    create table destroyed_numbers (
      number char(10) primary key,
      child_id uuid not null unique,
      version bigint not null,
      destroyed_at timestamptz not null default now()
    );
    comment on table destroyed_numbers is 'Tombstones: a destroyed child''s number is never issued again and its document never comes back';

    create table child_names (
      child_id uuid not null references children (id) on delete cascade,
      id uuid not null,
      kind text not null check (kind in ('current', 'birth', 'former', 'known-as')),
      given_names text not null check (length(given_names) <= 180),
      family_name text not null check (length(family_name) <= 110),
      given_key text not null,
      family_key text not null,
      primary key (child_id, id),
      check (given_names <> '' or family_name <> '')
    );
    create unique index child_names_one_current on child_names (child_id) where kind = 'current';
    create index child_names_by_family on child_names
      (replace(family_key, ' ', '') text_pattern_ops, replace(given_key, ' ', '') text_pattern_ops);
    create index child_names_by_given on child_names (replace(given_key, ' ', '') text_pattern_ops);
    comment on table child_names is 'Name variants: one current, any number of birth, former and known-as names';
    comment on column child_names.given_names is 'Given names as recorded; empty for a mononym held as family name';
    comment on column child_names.family_key is 'Parts of the family name, normalised by src/matching, a blank between: counted for name frequencies, and compared without the blanks by exact searches while the index is away';

    create table child_addresses (
      child_id uuid not null references children (id) on delete cascade,
      id uuid not null,
      kind text not null check (kind in ('home', 'second-home', 'temporary', 'overseas', 'former')),
      line1 text not null default '',
      line2 text not null default '',
      town text not null default '',
      postcode text check (postcode <> ''),
      postcode_key text generated always as (upper(regexp_replace(postcode, '[^A-Za-z0-9]', '', 'g'))) stored,
      country text not null default 'GB',
      valid_from date,
      valid_to date,
      primary key (child_id, id),
      check (valid_to >= valid_from),
      check (line1 <> '' or line2 <> '' or town <> '' or postcode is not null or country <> 'GB')
    );
    create index child_addresses_by_postcode on child_addresses (postcode_key) where postcode_key is not null;
    comment on table child_addresses is 'Where a child lives or lived; several may hold at once';
    comment on column child_addresses.postcode is 'Null where the country has none';
    comment on column child_addresses.valid_to is 'Last day; null while it holds';

    create table child_parents (
      child_id uuid not null references children (id) on delete cascade,
      id uuid not null,
      name text not null check (name <> '' and length(name) <= 180),
      relationship text not null default '',
      phone text,
      email text,
      primary key (child_id, id)
    );
    comment on table child_parents is 'Parents and carers with their contact details';

    create table child_services (
      child_id uuid not null references children (id) on delete cascade,
      id uuid not null,
      kind text not null check (kind in ('educational-setting', 'gp-practice', 'other')),
      name text not null check (name <> ''),
      phone text,
      email text,
      primary key (child_id, id)
    );
    comment on table child_services is 'Organisations that a child uses';

    create table involvements (
      child_id uuid not null references children (id) on delete cascade,
      id uuid not null,
      user_id uuid not null references users (id),
      organisation text not null,
      role text not null,
      phone text,
      email text,
      additional boolean not null default false,
      sensitive text check (sensitive in ('sexual-health', 'mental-health', 'substance-abuse')),
      sensitive_basis text check (sensitive_basis in ('consent', 'significant-harm')),
      started_on date not null,
      ended_on date check (ended_on >= started_on),
      primary key (child_id, id),
      check ((sensitive is null) = (sensitive_basis is null))
    );
    create index involvements_by_user on involvements (user_id);
    comment on table involvements is 'A practitioner''s declared work with a child';
    comment on column involvements.sensitive_basis is 'A sensitive service is held only by consent or by a recorded significant-harm decision';

    create table lead_professionals (
      child_id uuid primary key references children (id) on delete cascade,
      involvement_id uuid not null,
      since date not null default current_date,
      foreign key (child_id, involvement_id) references involvements (child_id, id) on delete cascade
    );
    comment on table lead_professionals is 'The practitioner who coordinates; at most one a child';

    create table caf_indicators (
      child_id uuid primary key references children (id) on delete cascade,
      involvement_id uuid not null,
      since date not null default current_date,
      foreign key (child_id, involvement_id) references involvements (child_id, id) on delete cascade
    );
    comment on table caf_indicators is 'That a common assessment exists and who holds it; never the assessment';

    create table shields (
      id uuid primary key,
      child_id uuid not null references children (id) on delete cascade,
      reason text not null check (reason in ('risk-of-harm', 'adoption', 'refuge', 'witness-protection', 'court-order', 'other')),
      authority text not null references authorities (code),
      review_on date not null,
      set_by uuid not null references users (id),
      set_at timestamptz not null default now(),
      lifted_by uuid references users (id),
      lifted_at timestamptz,
      index_acknowledged_at timestamptz,
      check ((lifted_by is null) = (lifted_at is null))
    );
    create unique index shields_one_standing on shields (child_id) where lifted_at is null;
    create index shields_unacknowledged on shields (child_id) where lifted_at is null and index_acknowledged_at is null;
    comment on table shields is 'Decisions that a child''s whereabouts must not be found; standing while lifted_at is null';
    comment on column shields.review_on is 'When the decision is looked at again; it never lapses by itself';
    comment on column shields.index_acknowledged_at is 'When Elasticsearch acknowledged a document without the hidden values, visible to searches; until then every search by a hidden criterion leaves the child out by id';

    create table source_records (
      source text not null references sources (name),
      source_id text not null check (source_id <> '' and length(source_id) <= 100),
      child_id uuid not null references children (id) on delete cascade,
      batch_id uuid not null,
      row_hash bytea not null,
      received_at timestamptz not null default now(),
      primary key (source, source_id)
    );
    create index source_records_by_child on source_records (child_id);
    comment on table source_records is 'Which record of which source is which child';
    comment on column source_records.row_hash is 'SHA-256 of the row as received: a replayed row changes nothing';

    create table feed_batches (
      id uuid primary key,
      source text not null references sources (name),
      state text not null check (state in ('running', 'done', 'failed')),
      initial boolean not null,
      rows integer not null default 0,
      created integer not null default 0,
      linked integer not null default 0,
      queued integer not null default 0,
      quarantined integer not null default 0,
      rejected integer not null default 0,
      unchanged integer not null default 0,
      started_at timestamptz not null default now(),
      ended_at timestamptz
    );
    comment on table feed_batches is 'One row a file received';

    create table feed_rejects (
      batch_id uuid not null references feed_batches (id) on delete cascade,
      line integer not null,
      reason text not null,
      primary key (batch_id, line)
    );
    comment on table feed_rejects is 'Rows refused, by line number in their file; the reason names columns, never values';

    create table matching_queue (
      id uuid primary key,
      source text not null references sources (name),
      source_id text not null,
      batch_id uuid references feed_batches (id),
      row jsonb not null,
      candidate_ids uuid[] not null,
      quarantined boolean not null default false,
      queued_at timestamptz not null default now(),
      decided_at timestamptz,
      decided_by uuid references users (id),
      decision text check (decision in ('link', 'create', 'discard')),
      child_id uuid references children (id)
    );
    create unique index matching_queue_open on matching_queue (source, source_id) where decided_at is null;
    comment on table matching_queue is 'Feed records that are neither clearly a known child nor clearly a new one';
    comment on column matching_queue.quarantined is 'Resembles a shielded child; only a management team sees that';

    create table child_history (
      child_id uuid not null references children (id) on delete cascade,
      version bigint not null,
      changed_at timestamptz not null default now(),
      changed_by uuid references users (id),
      source text references sources (name),
      reason text not null,
      change jsonb not null,
      primary key (child_id, version)
    );
    comment on table child_history is 'What each version changed, who changed it and why';

    create table idempotency_keys (
      user_id uuid not null references users (id),
      route text not null,
      key text not null check (length(key) between 1 and 200),
      child_id uuid,
      body_hash bytea not null,
      created_at timestamptz not null default now(),
      primary key (user_id, route, key)
    );
    comment on table idempotency_keys is 'A replayed creation answers with the child made the first time, as the caller may see it today';

    grant select, insert, update on sources, feed_batches, source_records, children, child_names, child_addresses, child_parents,
      child_services, involvements, lead_professionals, caf_indicators, matching_queue to directory_api, directory_worker;
    grant select on destroyed_numbers, shields to directory_api, directory_worker;
    grant delete on child_names, child_addresses, child_parents, child_services, involvements, lead_professionals, caf_indicators
      to directory_api, directory_worker;
    grant insert, update on shields to directory_api;
    grant update (index_acknowledged_at) on shields to directory_worker;
    grant select, insert on feed_rejects, child_history, idempotency_keys to directory_api, directory_worker;
    grant update (child_id) on idempotency_keys to directory_api;
    grant insert on destroyed_numbers to directory_worker;
    grant delete on children to directory_worker;
  `.execute(db);
}
