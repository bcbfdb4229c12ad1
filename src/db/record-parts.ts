import type { Transaction } from 'kysely';
import { v7 as uuid } from 'uuid';
import { nameTokens } from '../matching/index.js';
import type { NameKind } from '../matching/types.js';
import type { AddressKind, Database } from './schema.js';

export interface NameParts {
  kind: NameKind;
  givenNames: string;
  familyName: string;
}

export interface AddressParts {
  kind: AddressKind;
  line1?: string;
  line2?: string;
  town?: string;
  postcode?: string | null;
  country?: string;
  validFrom?: string | null;
  validTo?: string | null;
}

/** A name as exact searches compare it: its normalised parts, one blank between. */
export function nameKey(text: string): string {
  return nameTokens(text).join(' ');
}

/** White space is folded; what was typed otherwise stays as it is. */
export function tidy(text: string): string {
  return text.trim().replace(/\s+/g, ' ');
}

export function nameRow(childId: string, name: NameParts) {
  return {
    child_id: childId,
    id: uuid(),
    kind: name.kind,
    given_names: tidy(name.givenNames),
    family_name: tidy(name.familyName),
    given_key: nameKey(name.givenNames),
    family_key: nameKey(name.familyName),
  };
}

export async function insertName(trx: Transaction<Database>, childId: string, name: NameParts): Promise<void> {
  await trx.insertInto('child_names').values(nameRow(childId, name)).execute();
}

export async function updateName(
  trx: Transaction<Database>,
  childId: string,
  nameId: string,
  name: NameParts,
): Promise<void> {
  const { child_id: _child, id: _id, ...values } = nameRow(childId, name);
  await trx.updateTable('child_names').set(values).where('child_id', '=', childId).where('id', '=', nameId).execute();
}

/** The name that was current until now stays on record as a former one. */
export async function replaceCurrentName(
  trx: Transaction<Database>,
  childId: string,
  change: { givenNames?: string; familyName?: string },
): Promise<void> {
  const current = await trx
    .selectFrom('child_names')
    .select(['id', 'given_names', 'family_name'])
    .where('child_id', '=', childId)
    .where('kind', '=', 'current')
    .executeTakeFirstOrThrow();
  const next = {
    kind: 'current' as const,
    givenNames: change.givenNames ?? current.given_names,
    familyName: change.familyName ?? current.family_name,
  };
  if (tidy(next.givenNames) === current.given_names && tidy(next.familyName) === current.family_name) return;
  await trx
    .updateTable('child_names')
    .set({ kind: 'former' })
    .where('child_id', '=', childId)
    .where('id', '=', current.id)
    .execute();
  await insertName(trx, childId, next);
}

export async function insertAddress(
  trx: Transaction<Database>,
  childId: string,
  address: AddressParts,
): Promise<string> {
  const id = uuid();
  await trx
    .insertInto('child_addresses')
    .values({
      child_id: childId,
      id,
      kind: address.kind,
      line1: tidy(address.line1 ?? ''),
      line2: tidy(address.line2 ?? ''),
      town: tidy(address.town ?? ''),
      postcode: address.postcode?.trim().toUpperCase() || null,
      country: address.country ?? 'GB',
      valid_from: address.validFrom ?? null,
      valid_to: address.validTo ?? null,
    })
    .execute();
  return id;
}

/** @returns whether there was such an address */
export async function updateAddress(
  trx: Transaction<Database>,
  childId: string,
  addressId: string,
  change: Partial<AddressParts>,
): Promise<boolean> {
  const { line1, line2, town, postcode, validFrom, validTo, ...same } = change;
  const set = {
    ...same,
    ...(line1 === undefined ? {} : { line1: tidy(line1) }),
    ...(line2 === undefined ? {} : { line2: tidy(line2) }),
    ...(town === undefined ? {} : { town: tidy(town) }),
    ...(postcode === undefined ? {} : { postcode: postcode?.trim().toUpperCase() || null }),
    ...(validFrom === undefined ? {} : { valid_from: validFrom }),
    ...(validTo === undefined ? {} : { valid_to: validTo }),
  };
  const result = await trx
    .updateTable('child_addresses')
    .set(set)
    .where('child_id', '=', childId)
    .where('id', '=', addressId)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

export async function insertParent(
  trx: Transaction<Database>,
  childId: string,
  parent: { name: string; relationship?: string; phone?: string; email?: string },
): Promise<void> {
  await trx
    .insertInto('child_parents')
    .values({
      child_id: childId,
      id: uuid(),
      name: tidy(parent.name),
      relationship: parent.relationship ?? '',
      phone: parent.phone ?? null,
      email: parent.email ?? null,
    })
    .execute();
}

const tablesOf = {
  names: 'child_names',
  addresses: 'child_addresses',
  parents: 'child_parents',
  services: 'child_services',
  involvements: 'involvements',
} as const;

/** Parts of a record of which a child may have several. */
export type RecordPart = keyof typeof tablesOf;

/** @returns whether the child had it */
export async function deletePart(
  trx: Transaction<Database>,
  part: RecordPart,
  childId: string,
  id: string,
): Promise<boolean> {
  const result = await trx
    .deleteFrom(tablesOf[part])
    .where('child_id', '=', childId)
    .where('id', '=', id)
    .executeTakeFirst();
  return result.numDeletedRows > 0n;
}

/** @returns whether there was such a parent */
export async function updateParent(
  trx: Transaction<Database>,
  childId: string,
  parentId: string,
  change: { name?: string; relationship?: string; phone?: string | null; email?: string | null },
): Promise<boolean> {
  const { name, ...same } = change;
  const result = await trx
    .updateTable('child_parents')
    .set({ ...same, ...(name === undefined ? {} : { name: tidy(name) }) })
    .where('child_id', '=', childId)
    .where('id', '=', parentId)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}
