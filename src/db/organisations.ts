import { type Kysely, sql, type Transaction } from 'kysely';
import { v7 as uuid } from 'uuid';
import type { Database, Sector } from './schema.js';

const ORGANISATION_LOCK = 7_203_121;

/** The organisation of that name and sector, made if it is not known yet. @returns its id */
export async function findOrInsertOrganisation(
  trx: Transaction<Database>,
  name: string,
  sector: Sector,
): Promise<string> {
  await sql`select pg_advisory_xact_lock(${ORGANISATION_LOCK})`.execute(trx);
  const known = await trx
    .selectFrom('organisations')
    .select('id')
    .where('name', '=', name)
    .where('sector', '=', sector)
    .executeTakeFirst();
  if (known) return known.id;
  const id = uuid();
  await trx.insertInto('organisations').values({ id, name, sector, authority: null }).execute();
  return id;
}

export async function findOrganisationName(db: Kysely<Database>, id: string): Promise<string | undefined> {
  return (await db.selectFrom('organisations').select('name').where('id', '=', id).executeTakeFirst())?.name;
}

export async function isAuthority(db: Kysely<Database>, code: string): Promise<boolean> {
  return (await db.selectFrom('authorities').select('code').where('code', '=', code).executeTakeFirst()) !== undefined;
}

/** An authority that is new is not live yet. */
export async function ensureAuthority(trx: Transaction<Database>, code: string): Promise<void> {
  await trx
    .insertInto('authorities')
    .values({ code, name: code, live_at: null })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}
