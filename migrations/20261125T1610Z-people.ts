import { type Kysely, sql } from 'kysely';

/** Sign-in by a provider, recovery codes, back-off that no stranger can turn against a user, authorities that go live. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table users
      add column external_subject text check (external_subject <> ''),
      add column tokens_not_before timestamptz;
    create unique index users_by_subject on users (coalesce(external_subject, id::text));
    comment on column users.external_subject is 'Who the person is to the identity provider: its "sub". Null: the provider uses our own id';
    comment on column users.tokens_not_before is 'Tokens of the provider that are older count for nothing: the end of sessions that have no row here';
    comment on column users.failed_sign_ins is 'Right password, wrong code, in a row: only who knows the password can lock the account as a whole';

    create table sign_in_failures (
      user_id uuid not null references users (id),
      source text not null,
      failures integer not null,
      locked_until timestamptz,
      failed_at timestamptz not null,
      primary key (user_id, source)
    );
    comment on table sign_in_failures is 'Failures in a row of one user from one address: the wait that follows is that address''s alone';
    comment on column sign_in_failures.source is 'Keyed hash of the network address: the same one is known again, and none can be read';

    create table recovery_codes (
      user_id uuid not null references users (id),
      code_hash text not null,
      used_at timestamptz,
      primary key (user_id, code_hash)
    );
    comment on table recovery_codes is 'One-time codes for who has lost the second factor; each works once';
    comment on column recovery_codes.code_hash is 'SHA-256 of the user and 100 random bits: too many to be guessed, so neither slow nor keyed';

    create table spent_refresh_tokens (
      token_hash text primary key,
      session_id uuid not null references sessions (id) on delete cascade
    );
    create index spent_refresh_tokens_by_session on spent_refresh_tokens (session_id);
    comment on table spent_refresh_tokens is 'Refresh tokens that were good once: one of these that comes again was stolen, other wrong ones are only wrong';

    alter table authorities add column training_since timestamptz;
    comment on column authorities.training_since is 'When it joined the roll-out; null: nobody has said that it trains';
    -- Whoever could sign in before can do so still.
    update authorities set live_at = now() where live_at is null
      and code in (select authority from users where authority is not null);

    grant select, insert, update, delete on sign_in_failures, recovery_codes to directory_api;
    grant select, insert, delete on spent_refresh_tokens to directory_api;
  `.execute(db);
}
