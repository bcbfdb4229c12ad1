import { type Kysely, sql, type Transaction } from 'kysely';
import { v7 as uuid } from 'uuid';
import { locks } from './locks.js';
import type { Database, Sector } from './schema.js';
import { accountStands, localRoles, standing } from './users.js';

/** The organisation of that name and sector, made if it is not known yet. @returns its id */
export async function findOrInsertOrganisation(
  trx: Transaction<Database>,
  name: string,
  sector: Sector,
): Promise<string> {
  await sql`select pg_advisory_xact_lock(${locks.organisations})`.execute(trx);
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

/** An authority that is new is not live yet. @returns false where it was there */
export async function ensureAuthority(trx: Transaction<Database>, code: string, name = code): Promise<boolean> {
  const inserted = await trx
    .insertInto('authorities')
    .values({ code, name, live_at: null, training_since: null })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return inserted.numInsertedOrUpdatedRows === 1n;
}

/** Puts a new authority, or one that feeds alone have named, into the roll-out. @returns false where it was there already */
export async function startTraining(trx: Transaction<Database>, code: string, name?: string): Promise<boolean> {
  await ensureAuthority(trx, code, name);
  const { numUpdatedRows } = await trx
    .updateTable('authorities')
    .set({ training_since: sql<Date>`now()`, ...(name === undefined ? {} : { name }) })
    .where('code', '=', code)
    .where('training_since', 'is', null)
    .where('live_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** @param untrained only one that nobody has put into the roll-out @returns false where it is live already, or trains */
export async function setLive(trx: Transaction<Database>, code: string, untrained = false): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('authorities')
    .set({ live_at: sql<Date>`now()` })
    .where('code', '=', code)
    .where('live_at', 'is', null)
    .$if(untrained, (query) => query.where('training_since', 'is', null))
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** How far an authority is: counts of its people who are not disabled. */
export interface AuthorityProgress {
  code: string;
  name: string;
  trainingSince: Date | null;
  liveAt: Date | null;
  users: number;
  checked: number;
  trained: number;
  agreed: number;
  ready: number;
  readyManagers: number;
}

/** @param code of one alone */
export async function findAuthorities(db: Kysely<Database>, code?: string): Promise<AuthorityProgress[]> {
  const { checked, trained, agreed } = standing;
  const { rows } = await sql<AuthorityProgress>`
    select a.code, a.name, a.training_since as "trainingSince", a.live_at as "liveAt", count(users.id)::int as users,
      count(*) filter (where ${checked})::int as checked, count(*) filter (where ${trained})::int as trained,
      count(*) filter (where ${agreed})::int as agreed, count(*) filter (where ${accountStands})::int as ready,
      count(*) filter (where ${accountStands} and users.role = 'management-team')::int as "readyManagers"
    from authorities a
    left join users on users.authority = a.code and users.disabled_at is null and users.role in (${sql.join(localRoles)})
    where ${code === undefined ? sql`true` : sql`a.code = ${code}`}
    group by a.code order by a.code`.execute(db);
  return rows;
}

/** Two who put one authority live come one after the other. */
export async function lockAuthority(trx: Transaction<Database>, code: string): Promise<boolean> {
  const found = await trx.selectFrom('authorities').select('code').where('code', '=', code).forUpdate().execute();
  return found.length === 1;
}
