import { type Kysely, sql, type Transaction } from 'kysely';
import { emailKey, isSameParentName, phoneKey } from '../matching/index.js';
import type { ChildFacts } from './children.js';
import { locks } from './locks.js';
import type { Database } from './schema.js';

/**
 * For whoever sets a shield: from here to the end of the transaction nobody gives a child another address or parent, so
 * that who shares them stays who was decided on. Taken before any child is locked.
 */
export async function holdHouseholds(trx: Transaction<Database>): Promise<void> {
  await sql`select pg_advisory_xact_lock(${locks.shields})`.execute(trx);
}

/** For whoever gives a child an address or a parent: waits for those who set a shield. Taken before any child is locked. */
export async function joinHousehold(trx: Transaction<Database>): Promise<void> {
  await sql`select pg_advisory_xact_lock_shared(${locks.shields})`.execute(trx);
}

/**
 * Ids of children who may share an address or a parent with the child: a superset, to be compared. Archived ones are not
 * among them, nor the child.
 */
export async function findHouseholdCandidates(
  db: Kysely<Database>,
  { childId, addresses, parents }: Pick<ChildFacts, 'childId' | 'addresses' | 'parents'>,
): Promise<string[]> {
  const postcodes = addresses.flatMap(({ postcode }) => postcode?.replace(/[^A-Za-z0-9]/g, '').toUpperCase() || []);
  const bare = addresses.filter(({ postcode, line1 }) => postcode === null && line1 !== '');
  const { rows } = await sql<{ child_id: string }>`
    select child_id from child_addresses where postcode_key = any(${postcodes}::text[])
    union
    select a.child_id from unnest(${bare.map(({ line1 }) => line1)}::text[], ${bare.map(({ town }) => town)}::text[]) as bare (line1, town)
    join child_addresses a on lower(a.line1) = lower(bare.line1) and lower(a.town) = lower(bare.town)
    where a.postcode is null and a.line1 <> ''`.execute(db);
  const phones = parents.map(({ phone }) => phoneKey(phone)).filter(Boolean);
  const emails = parents.map(({ email }) => emailKey(email)).filter(Boolean);
  // One number may stand for many, a school's for one: their names are compared before more of them is read.
  const { rows: reached } = await sql<{ child_id: string; name: string }>`
    select child_id, name from child_parents
    where phone is not null and right(regexp_replace(phone, '[^0-9]', '', 'g'), 9) = any(${phones}::text[])
    union
    select child_id, name from child_parents where email is not null and lower(email) = any(${emails}::text[])`.execute(
    db,
  );
  const named = reached.filter(({ name }) => parents.some((parent) => isSameParentName(parent.name, name)));
  const found = new Set([...rows, ...named].map((row) => row.child_id));
  found.delete(childId);
  if (found.size === 0) return [];
  const living = await db
    .selectFrom('children')
    .select('id')
    .where('id', '=', sql<string>`any(${[...found]}::uuid[])`)
    .where('archived_at', 'is', null)
    .orderBy('id')
    .execute();
  return living.map(({ id }) => id);
}
