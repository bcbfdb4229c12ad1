import { type Kysely, sql } from 'kysely';

/** The right to look past shields takes two administrators. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table users
      add column override_asked_by uuid references users (id),
      add column override_asked_at timestamptz,
      add column credentials_by uuid references users (id),
      add check ((override_asked_by is null) = (override_asked_at is null)),
      add check (not (may_override_shields and override_asked_by is not null));
    comment on column users.override_asked_by is 'Administrator who asked for may_override_shields; another must approve before it is set';
    comment on column users.override_asked_at is 'An approval is good for some days after it only';
    comment on column users.credentials_by is 'Administrator who made the account or last set its password, second factor or subject, and so might sign in by it; null: the operator on the server';
    update users set credentials_by = e.user_id from audit_events e
      where e.action = 'create-user' and e.details->>'userId' = users.id::text and e.user_id is not null;
  `.execute(db);
}
