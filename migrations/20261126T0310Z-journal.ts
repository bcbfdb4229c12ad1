import { type Kysely, sql } from 'kysely';

/** What else a restored backup must not undo: what was removed of a record, hand archives, consents taken back, accounts closed. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table protections drop constraint protections_kind_check,
      alter column child_id drop not null, alter column number drop not null,
      add column details jsonb,
      add check (kind in ('shield', 'unshield', 'destroy', 'remove', 'archive', 'unarchive', 'consent', 'account')),
      add check ((kind = 'account') = (child_id is null)),
      add check ((child_id is null) = (number is null)),
      add check ((kind in ('remove', 'consent', 'account')) = (details is not null));
    comment on column protections.details is 'Ids and words of lists: of a part that was removed, which; whether a consent to 25 is given; of an account its id, role, authority, right and whether it is closed';

    create function note_detail(kind text, child_id uuid, details jsonb) returns void
    language plpgsql security definer set search_path = pg_catalog, public as $$
    declare
      held char(10) := (select c.number from children c where c.id = $2);
    begin
      if current_setting('directory.replaying', true) = 'on' then return; end if;
      -- With a child goes whatever hangs on it: its destruction is noted, and that is all.
      if $2 is not null and held is null then return; end if;
      perform pg_advisory_xact_lock(7203160);
      insert into protections (sequence, kind, child_id, number, details)
        select coalesce(max(p.sequence), 0) + 1, $1, $2, held, $3 from protections p;
    end $$;
    revoke execute on function note_detail from public;

    -- Of every service and involvement alike: which of them was a sensitive one must not be told for years.
    create function note_removal() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public as $$
    begin
      perform note_detail('remove', old.child_id, jsonb_build_object('part', tg_argv[0], 'id', old.id));
      return null;
    end $$;
    create trigger services_removed after delete on child_services
      for each row execute function note_removal('services');
    create trigger involvements_removed after delete on involvements
      for each row execute function note_removal('involvements');

    create function note_keeping() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public as $$
    begin
      -- The nightly job archives again whoever is due.
      if (new.archived_at is null) <> (old.archived_at is null)
        and current_setting('directory.retention', true) is distinct from 'on' then
        perform note_detail(case when new.archived_at is null then 'unarchive' else 'archive' end, new.id, null);
      end if;
      if (new.consent_to_25_at is null) <> (old.consent_to_25_at is null) then
        perform note_detail('consent', new.id, jsonb_build_object('given', new.consent_to_25_at is not null));
      end if;
      return null;
    end $$;
    create trigger children_kept after update of archived_at, consent_to_25_at on children
      for each row execute function note_keeping();

    create function note_account() returns trigger language plpgsql
    security definer set search_path = pg_catalog, public as $$
    begin
      perform note_detail('account', null, jsonb_build_object('userId', new.id, 'role', new.role,
        'authority', new.authority, 'mayOverrideShields', new.may_override_shields, 'closed', new.disabled_at is not null));
      return null;
    end $$;
    create trigger users_noted after update of role, authority, may_override_shields, disabled_at on users
      for each row when ((old.role, old.authority, old.may_override_shields, old.disabled_at is null)
        is distinct from (new.role, new.authority, new.may_override_shields, new.disabled_at is null))
      execute function note_account();
  `.execute(db);
}
