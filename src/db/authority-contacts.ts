import { type Kysely, sql } from 'kysely';
import type { Database } from './schema.js';

export interface AuthorityContact {
  authority: string;
  phone: string;
  opens: string;
  closes: string;
  outOfHoursPhone: string;
}

export async function findContact(db: Kysely<Database>, authority: string): Promise<AuthorityContact | undefined> {
  return db
    .selectFrom('authority_contacts')
    .select([
      'authority',
      'phone',
      sql<string>`to_char(opens, 'HH24:MI')`.as('opens'),
      sql<string>`to_char(closes, 'HH24:MI')`.as('closes'),
      'out_of_hours_phone as outOfHoursPhone',
    ])
    .where('authority', '=', authority)
    .executeTakeFirst();
}

/** @returns whether there is such an authority */
export async function putContact(db: Kysely<Database>, contact: AuthorityContact): Promise<boolean> {
  const { authority, phone, opens, closes, outOfHoursPhone } = contact;
  const { numAffectedRows } = await sql`
    insert into authority_contacts (authority, phone, opens, closes, out_of_hours_phone)
    select code, ${phone}, ${opens}::time, ${closes}::time, ${outOfHoursPhone} from authorities where code = ${authority}
    on conflict (authority) do update set phone = excluded.phone, opens = excluded.opens, closes = excluded.closes,
      out_of_hours_phone = excluded.out_of_hours_phone`.execute(db);
  return numAffectedRows === 1n;
}
