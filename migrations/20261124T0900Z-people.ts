import { type Kysely, sql } from 'kysely';

/** Authorities, organisations, the users who sign in, and their sessions. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table authorities (
      code text primary key check (code ~ '^[A-Za-z0-9][A-Za-z0-9 .&''-]{0,63}$'),
      name text not null,
      live_at timestamptz
    );
    comment on table authorities is 'Local authorities; each goes live by itself';
    comment on column authorities.live_at is 'From when its people may sign in to the directory; null while it trains';
    insert into authorities (code, name) values ('central', 'The central team: children whom no authority claims');

    create table organisations (
      id uuid primary key,
      name text not null check (name <> ''),
      sector text not null check (sector in ('education', 'health', 'social-care', 'youth', 'police', 'voluntary', 'other')),
      authority text references authorities (code)
    );
    comment on table organisations is 'Employers of practitioners';

    create table users (
      id uuid primary key,
      username text not null unique check (username = lower(username) and username ~ '^[a-z0-9][a-z0-9._@-]{1,63}$'),
      name text not null,
      role text not null check (role in ('practitioner', 'call-centre', 'management-team', 'data-team', 'auditor', 'administrator')),
      organisation_id uuid references organisations (id),
      authority text references authorities (code),
      password_hash text,
      totp_secret text,
      totp_last_step bigint not null default 0,
      failed_sign_ins integer not null default 0,
      locked_until timestamptz,
      background_check_on date,
      training_completed_on date,
      agreement_signed_on date,
      disabled_at timestamptz,
      created_at timestamptz not null default now()
    );
    comment on table users is 'People who may sign in. An account works only while its check, training and agreement stand';
    comment on column users.password_hash is 'argon2id, in PHC form; null: no sign-in by password';
    comment on column users.totp_secret is 'Base32 secret of the second factor, sealed by the application key';
    comment on column users.totp_last_step is 'Time step of the last accepted one-time code; only a later step is accepted';
    comment on column users.background_check_on is 'Enhanced background check; must be under three years old';

    create table sessions (
      id uuid primary key,
      user_id uuid not null references users (id),
      refresh_token_hash text unique,
      created_at timestamptz not null default now(),
      expires_at timestamptz not null,
      revoked_at timestamptz
    );
    create index sessions_by_user on sessions (user_id);
    comment on table sessions is 'One row a sign-in; its id is the jti of the access tokens. Revoking takes effect at the next request';
    comment on column sessions.refresh_token_hash is 'SHA-256 of the refresh token; null for tokens made on the server, which cannot be refreshed';

    grant select on kysely_migration to directory_api, directory_worker;
    grant select on authorities, organisations, users, sessions to directory_api, directory_worker;
    grant insert, update on users, sessions, organisations, authorities to directory_api;
    grant insert on authorities to directory_worker;
  `.execute(db);
}
