import { type Kysely, sql } from 'kysely';

/** Workers sign nobody in: password hashes, sealed second factors and sessions are no business of theirs. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`revoke select on users, sessions from directory_worker`.execute(db);
}
