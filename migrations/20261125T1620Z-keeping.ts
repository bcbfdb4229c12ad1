import { type Kysely, sql } from 'kysely';

/** Keeping and forgetting: archiving, destroying, the end of the audit log's oldest months; what families may ask for. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create index children_by_death on children (died_on) where died_on is not null and archived_at is null;
    create index children_by_archiving on children (archived_at) where archived_at is not null;
    create index matching_queue_by_candidate on matching_queue using gin (candidate_ids);
    create index matching_queue_by_child on matching_queue (child_id) where child_id is not null;
    create index matching_queue_by_changed on matching_queue ((row->>'childId')) where row->>'childId' is not null;
    create index idempotency_keys_by_child on idempotency_keys (child_id) where child_id is not null;
    grant delete on matching_queue, idempotency_keys to directory_worker;

    -- A statement at a time: of a bulk load each row would be looked at by itself.
    create function refuse_destroyed() returns trigger language plpgsql as $$
    begin
      if exists (select from inserted i join destroyed_numbers d on d.number = i.number)
        or exists (select from inserted i join destroyed_numbers d on d.child_id = i.id) then
        raise unique_violation using message = 'a destroyed child does not come back', constraint = 'destroyed_numbers';
      end if;
      return null;
    end $$;
    create trigger children_destroyed after insert on children
      referencing new table as inserted for each statement execute function refuse_destroyed();

    create table retention_runs (
      id uuid primary key,
      on_day date not null,
      dry_run boolean not null,
      state text not null check (state in ('running', 'done', 'failed')) default 'running',
      started_at timestamptz not null default clock_timestamp(),
      ended_at timestamptz,
      archived_at_18 integer not null default 0,
      archived_at_25 integer not null default 0,
      archived_after_death integer not null default 0,
      destroyed integer not null default 0,
      audit_rows integer not null default 0
    );
    comment on table retention_runs is 'What each run of the retention jobs did, or with dry_run would have done: counts alone';
    comment on column retention_runs.on_day is 'The day, in England, that it went by';
    grant select, insert, update on retention_runs to directory_worker;
    grant select on retention_runs to directory_api;

    create table audit_cuts (
      seal bigint primary key,
      to_position bigint not null,
      head bytea not null check (length(head) = 32),
      events bigint not null,
      cut_at timestamptz not null default clock_timestamp()
    );
    comment on table audit_cuts is 'Where the audit log begins: every row up to the latest of these seals was kept six years and is gone; that seal stays, and the chain goes on from its head';
    grant select on audit_cuts to directory_auditor, directory_sealer, directory_worker;

    -- The owner's right, lent for this alone. The age is by the server's clock: whoever calls it cannot choose another.
    create function cut_audit_log(most_seals integer) returns bigint
    language plpgsql security definer set search_path = pg_catalog, public as $$
    declare
      before timestamptz := date_trunc('month', clock_timestamp() - interval '6 years', 'UTC');
      begins record;
      ends record;
      gone bigint;
    begin
      perform pg_advisory_xact_lock(7203150);
      select coalesce(max(seal), 0) as seal, coalesce(max(to_position), 0) as to_position into begins from audit_cuts;
      select * into ends from (
        select seal, to_position, head, sealed_at from audit_seals where seal > begins.seal order by seal limit most_seals
      ) s where sealed_at < before order by seal desc limit 1;
      if not found then return 0; end if;
      delete from audit_events e using audit_chain c
        where c.event_id = e.id and c.position > begins.to_position and c.position <= ends.to_position;
      get diagnostics gone = row_count;
      delete from audit_chain where position <= ends.to_position;
      delete from audit_seals where seal < ends.seal;
      insert into audit_cuts (seal, to_position, head, events) values (ends.seal, ends.to_position, ends.head, gone);
      return gone;
    end $$;
    comment on function cut_audit_log is 'Removes the oldest whole seals, so many at most, of months that ended more than six years ago; returns how many audit rows went';
    create function count_old_audit_rows() returns bigint
    language sql stable security definer set search_path = pg_catalog, public as $$
      select greatest(0, coalesce(max(to_position), 0) - (select coalesce(max(to_position), 0) from audit_cuts))
      from audit_seals where sealed_at < date_trunc('month', clock_timestamp() - interval '6 years', 'UTC')
    $$;
    revoke execute on function cut_audit_log, count_old_audit_rows from public;
    grant execute on function cut_audit_log, count_old_audit_rows to directory_worker;

    alter table children add column disputed text[] not null default '{}' check (disputed <@ array[
      'names', 'dateOfBirth', 'gender', 'diedOn', 'addresses', 'parents', 'services', 'involvements',
      'leadProfessional', 'cafIndicator', 'consentTo25']);
    comment on column children.disputed is 'Parts of the record that the family says are wrong';

    create table authority_contacts (
      authority text primary key references authorities (code),
      phone text not null,
      opens time not null,
      closes time not null check (closes > opens),
      out_of_hours_phone text not null
    );
    comment on table authority_contacts is 'How a management team is reached, by its own people: shown on every shielded record to those who may not see it whole';
    grant select on authority_contacts to directory_api;
    grant insert, update on authority_contacts to directory_api;

    create table protections (
      sequence bigint primary key check (sequence > 0),
      at timestamptz not null default clock_timestamp(),
      kind text not null check (kind in ('shield', 'unshield', 'destroy')),
      child_id uuid not null,
      number char(10) not null,
      shield jsonb
    );
    create index protections_by_child on protections (child_id);
    comment on table protections is 'What a restored backup must not undo, in the order in which it was committed; workers append it to a journal outside the database';
    comment on column protections.shield is 'Of a shield: its id, reason, authority, review date and who set it; ids and words of lists';
    grant select on protections to directory_api, directory_worker, directory_sealer;
    alter table shields alter column set_by drop not null;
    comment on column shields.set_by is 'Null where a shield was set anew on a restored backup that does not know its author';

    -- By triggers, so that no way of setting a shield or destroying a child can forget it. One at a time until its
    -- commit: then the order of the numbers is that of the commits, without a gap.
    create function note_protection(kind text, child_id uuid, number char(10), shield jsonb) returns void
    language plpgsql security definer set search_path = pg_catalog, public as $$
    begin
      -- What is taken from the journal has its number there already.
      if current_setting('directory.replaying', true) = 'on' then return; end if;
      perform pg_advisory_xact_lock(7203160);
      insert into protections (sequence, kind, child_id, number, shield)
        select coalesce(max(p.sequence), 0) + 1, $1, $2, $3, $4 from protections p;
    end $$;
    revoke execute on function note_protection from public;

    create function note_shield() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public as $$
    begin
      perform note_protection(
        case when new.lifted_at is null then 'shield' else 'unshield' end, new.child_id,
        (select c.number from children c where c.id = new.child_id),
        case when new.lifted_at is null then jsonb_build_object('shieldId', new.id, 'reason', new.reason,
          'authority', new.authority, 'reviewOn', new.review_on, 'setBy', new.set_by) end);
      return null;
    end $$;
    create trigger shields_set after insert on shields
      for each row when (new.lifted_at is null) execute function note_shield();
    create trigger shields_lifted after update of lifted_at on shields
      for each row when (new.lifted_at is distinct from old.lifted_at) execute function note_shield();
    create function note_destruction() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public as $$
    begin
      perform note_protection('destroy', new.child_id, new.number, null);
      return null;
    end $$;
    create trigger destroyed_noted after insert on destroyed_numbers
      for each row execute function note_destruction();
  `.execute(db);
}
