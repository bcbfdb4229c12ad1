import { type Kysely, sql } from 'kysely';
import { drawNumber } from './child-number.js';
import type { Database } from './schema.js';

/**
 * Draws `count` numbers that no child has or ever had. Another process may take one before the caller's insert: the
 * unique constraint then refuses the insert, and the caller draws again.
 */
export async function drawFreeNumbers(db: Kysely<Database>, count: number): Promise<string[]> {
  const free = new Set<string>();
  while (free.size < count) {
    const drawn = new Set<string>();
    while (drawn.size < count - free.size) drawn.add(drawNumber());
    const candidates = [...drawn];
    const { rows } = await sql<{ number: string }>`
      select number from children where number = any(${candidates}::char(10)[])
      union all select number from destroyed_numbers where number = any(${candidates}::char(10)[])`.execute(db);
    for (const { number } of rows) drawn.delete(number);
    for (const number of drawn) free.add(number);
  }
  return [...free];
}
