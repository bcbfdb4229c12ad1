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
 * among them, nor the child, nor any whose shield hides these from the caller: what is done further is for those alone who
 * are seen, or the time of an answer would tell of others.
 * @param entitled authority whose shielded children are among them
 */
export async function findHouseholdCandidates(
  db: Kysely<Database>,
  { childId, addresses, parents }: Pick<ChildFacts, 'childId' | 'addresses' | 'parents'>,
  entitled: string | null,
): Promise<string[]> {
  const postcodes = addresses.flatMap(({ postcode }) => postcode?.replace(/[^A-Za-z0-9]/g, '').toUpperCase() || []);
  const bare = addresses.filter(({ postcode, line1 }) => postcode === null && line1 !== '');
  const seen = sql`c.archived_at is null and c.id <> ${childId}::uuid
    and (c.authority = ${entitled} or not exists (select from shields s where s.child_id = c.id and s.lifted_at is null))`;
  const { rows: near } = await sql<{ id: string }>`
    select c.id from child_addresses a join children c on c.id = a.child_id
    where a.postcode_key = any(${postcodes}::text[]) and ${seen}
    union
    select c.id from unnest(${bare.map(({ line1 }) => line1)}::text[], ${bare.map(({ town }) => town)}::text[]) as bare (line1, town)
    join child_addresses a on lower(a.line1) = lower(bare.line1) and lower(a.town) = lower(bare.town)
    join children c on c.id = a.child_id
    where a.postcode is null and a.line1 <> '' and ${seen}`.execute(db);
  const phones = parents.map(({ phone }) => phoneKey(phone)).filter(Boolean);
  const emails = parents.map(({ email }) => emailKey(email)).filter(Boolean);
  // One number may stand for many, a school's for one: their names are compared before more of them is read.
  const { rows: reached } = await sql<{ id: string; name: string }>`
    select c.id, p.name from child_parents p join children c on c.id = p.child_id
    where p.phone is not null and right(regexp_replace(p.phone, '[^0-9]', '', 'g'), 9) = any(${phones}::text[]) and ${seen}
    union
    select c.id, p.name from child_parents p join children c on c.id = p.child_id
    where p.email is not null and lower(p.email) = any(${emails}::text[]) and ${seen}`.execute(db);
  const named = reached.filter(({ name }) => parents.some((parent) => isSameParentName(parent.name, name)));
  return [...new Set([...near, ...named].map(({ id }) => id))].sort();
}
