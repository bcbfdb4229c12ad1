import { type Kysely, sql } from 'kysely';
import type { Database } from './schema.js';

export interface Trace {
  table: string;
  /** Rows that hold one of the values anywhere, in whatever column. */
  rows: number;
}

/**
 * Looks for values in every row of every table there is, as text and whatever their case: reads the whole database. Takes the
 * owner's role.
 */
export async function findTraces(db: Kysely<Database>, values: string[]): Promise<Trace[]> {
  const { rows: tables } = await sql<{ name: string }>`
    select table_name as name from information_schema.tables
    where table_schema = 'public' and table_type = 'BASE TABLE' order by table_name`.execute(db);
  const sought = values.map((value) => value.toLowerCase()).filter((value) => value !== '');
  const traces: Trace[] = [];
  for (const { name } of tables) {
    const { rows } = await sql<{ rows: number }>`
      select count(*)::int as rows from ${sql.table(name)} r
      where exists (select from unnest(${sought}::text[]) value where strpos(lower(r::text), value) > 0)`.execute(db);
    if (rows[0]?.rows) traces.push({ table: name, rows: rows[0].rows });
  }
  return traces;
}
