import { type Kysely, sql } from 'kysely';

/** A destroyed child's shields, lifted ones too, are found without reading everybody's. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create index shields_by_child on shields (child_id)`.execute(db);
}
