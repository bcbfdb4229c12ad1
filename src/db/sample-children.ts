import { type Kysely, sql } from 'kysely';
import type { Database } from './schema.js';

/** Ids of so many children at random, none of them shielded or archived. Reads the whole table. */
export async function sampleChildIds(db: Kysely<Database>, count: number): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select c.id from children c
    where c.archived_at is null
      and not exists (select from shields s where s.child_id = c.id and s.lifted_at is null)
    order by random() limit ${count}`.execute(db);
  return rows.map(({ id }) => id);
}
