import { type Kysely, sql } from 'kysely';

/** Who could ever have signed in by an account: kept for good, since accounts that set one another would else lead back to nobody. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table account_setters (
      user_id uuid not null references users (id),
      set_by uuid not null references users (id),
      first_at timestamptz not null default now(),
      primary key (user_id, set_by)
    );
    comment on table account_setters is 'Administrators who made an account, set its password, second factor or subject, or made it an administrator''s, at any time; the operator on the server is not listed';
    grant select, insert on account_setters to directory_api;
    create index shield_overrides_by_user on shield_overrides (user_id, overridden_at);

    insert into account_setters (user_id, set_by)
      select u.id, setter from users u cross join lateral unnest(array[u.password_by, u.totp_by, u.subject_by]) as setter
      where setter is not null
      union
      select u.id, e.user_id from audit_events e join users u on e.details->>'userId' = u.id::text
      where e.user_id in (select id from users) and e.user_id <> u.id and (e.action = 'create-user'
        or (e.action = 'change-user' and e.details->'fields' ?| array['password', 'resetTotp', 'externalSubject', 'role']));
    -- An account that is closed has no right that opening it again would give back.
    update users set may_override_shields = false, override_asked_by = null, override_asked_at = null where disabled_at is not null;
    alter table users drop column password_by, drop column totp_by, drop column subject_by;
  `.execute(db);
}
