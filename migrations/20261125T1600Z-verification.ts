import { type Kysely, sql } from 'kysely';

/** Verification by the call centre: failed attempts on each child today, and practitioners who were verified. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table verification_attempts (
      child_id uuid primary key references children (id) on delete cascade,
      day date not null,
      failed integer not null check (failed between 0 and 5),
      failed_visibly integer not null check (failed_visibly between 0 and 5)
    );
    comment on table verification_attempts is 'Failed attempts to verify a caller on one child on the last day on which somebody tried; the row is what simultaneous attempts wait for';
    comment on column verification_attempts.day is 'Of Europe/London';
    comment on column verification_attempts.failed is 'Counts while no shield stands';
    comment on column verification_attempts.failed_visibly is 'Failed by what a shield does not hide: counts while one stands, so that the count never tells of anything hidden';

    create table practitioner_verifications (
      id uuid primary key,
      operator_id uuid not null references users (id),
      practitioner_id uuid not null references users (id),
      verified_at timestamptz not null default now()
    );
    create index practitioner_verifications_by_time on practitioner_verifications (verified_at);
    comment on table practitioner_verifications is 'Practitioners whom an operator verified on the telephone; for a while that operator may search on their behalf';

    grant select, insert, update on verification_attempts to directory_api;
    grant select, insert on practitioner_verifications to directory_api;
    grant select, delete on verification_attempts, practitioner_verifications to directory_worker;
  `.execute(db);
}
