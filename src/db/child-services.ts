import type { Transaction } from 'kysely';
import { v7 as uuid } from 'uuid';
import type { Sensitive, Service } from './children.js';
import { tidy } from './record-parts.js';
import type { Database } from './schema.js';

export interface NewService {
  kind: Service['kind'];
  name: string;
  phone?: string;
  email?: string;
  sensitive?: Sensitive;
}

export interface ServiceChange {
  kind?: Service['kind'];
  name?: string;
  phone?: string | null;
  email?: string | null;
  basis?: Sensitive['basis'];
}

export async function insertService(trx: Transaction<Database>, childId: string, service: NewService): Promise<void> {
  await trx
    .insertInto('child_services')
    .values({
      child_id: childId,
      id: uuid(),
      kind: service.kind,
      name: tidy(service.name),
      phone: service.phone ?? null,
      email: service.email ?? null,
      sensitive: service.sensitive?.kind ?? null,
      sensitive_basis: service.sensitive?.basis ?? null,
    })
    .execute();
}

/** @returns whether there was such a service */
export async function updateService(
  trx: Transaction<Database>,
  childId: string,
  serviceId: string,
  change: ServiceChange,
): Promise<boolean> {
  const { name, basis, ...same } = change;
  const result = await trx
    .updateTable('child_services')
    .set({
      ...same,
      ...(name === undefined ? {} : { name: tidy(name) }),
      ...(basis === undefined ? {} : { sensitive_basis: basis }),
    })
    .where('child_id', '=', childId)
    .where('id', '=', serviceId)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}
