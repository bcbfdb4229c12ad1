import { type Kysely, sql } from 'kysely';

/** Since when a letter has been open, apart from when its document was refused last, which tells of each change to the child. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table dead_letters add column opened_at timestamptz`.execute(db);
  await sql`update dead_letters set opened_at = failed_at`.execute(db);
  await sql`
    alter table dead_letters alter column opened_at set default now(), alter column opened_at set not null`.execute(db);
}
