import { type Kysely, sql } from 'kysely';

/** Who may sign in by an account is known for each of its credentials: whoever sets one does not take the others away. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table users
      add column password_by uuid references users (id),
      add column totp_by uuid references users (id),
      add column subject_by uuid references users (id);
    comment on column users.password_by is 'Administrator who last set the password; null: there is none, or the operator on the server did';
    comment on column users.totp_by is 'Administrator who last made the second factor; null: the operator on the server';
    comment on column users.subject_by is 'Administrator who last set the subject; null: nobody did, or the operator on the server';
    update users set password_by = credentials_by, totp_by = credentials_by, subject_by = credentials_by;
    alter table users drop column credentials_by;
  `.execute(db);
}
