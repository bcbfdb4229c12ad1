import type { Transaction } from 'kysely';
import { v7 as uuid } from 'uuid';
import type { Sensitive } from './children.js';
import type { Database } from './schema.js';

export interface NewInvolvement {
  userId: string;
  organisation: string;
  role: string;
  phone?: string;
  email?: string;
  additional?: boolean;
  startedOn: string;
  endedOn?: string;
  sensitive?: Sensitive;
}

export interface InvolvementChange {
  role?: string;
  phone?: string | null;
  email?: string | null;
  additional?: boolean;
  startedOn?: string;
  endedOn?: string | null;
  basis?: Sensitive['basis'];
}

export async function insertInvolvement(
  trx: Transaction<Database>,
  childId: string,
  involvement: NewInvolvement,
): Promise<void> {
  const { sensitive } = involvement;
  await trx
    .insertInto('involvements')
    .values({
      child_id: childId,
      id: uuid(),
      user_id: involvement.userId,
      organisation: involvement.organisation,
      role: involvement.role,
      phone: involvement.phone ?? null,
      email: involvement.email ?? null,
      additional: involvement.additional ?? false,
      sensitive: sensitive?.kind ?? null,
      sensitive_basis: sensitive?.basis ?? null,
      started_on: involvement.startedOn,
      ended_on: involvement.endedOn ?? null,
    })
    .execute();
}

export async function updateInvolvement(
  trx: Transaction<Database>,
  childId: string,
  involvementId: string,
  change: InvolvementChange,
): Promise<void> {
  const { startedOn, endedOn, basis, ...same } = change;
  await trx
    .updateTable('involvements')
    .set({
      ...same,
      ...(startedOn === undefined ? {} : { started_on: startedOn }),
      ...(endedOn === undefined ? {} : { ended_on: endedOn }),
      ...(basis === undefined ? {} : { sensitive_basis: basis }),
    })
    .where('child_id', '=', childId)
    .where('id', '=', involvementId)
    .execute();
}

/** With it goes what its practitioner was by it: lead professional, holder of the CAF. */
export async function deleteInvolvement(
  trx: Transaction<Database>,
  childId: string,
  involvementId: string,
): Promise<void> {
  await trx.deleteFrom('involvements').where('child_id', '=', childId).where('id', '=', involvementId).execute();
}

export type HeldTable = 'lead_professionals' | 'caf_indicators';

/** One a child: whoever held it before holds it no longer. */
export async function putHolder(
  trx: Transaction<Database>,
  table: HeldTable,
  childId: string,
  involvementId: string,
  since: string,
): Promise<void> {
  await trx
    .insertInto(table)
    .values({ child_id: childId, involvement_id: involvementId, since })
    .onConflict((conflict) => conflict.column('child_id').doUpdateSet({ involvement_id: involvementId, since }))
    .execute();
}

export async function deleteHolder(trx: Transaction<Database>, table: HeldTable, childId: string): Promise<void> {
  await trx.deleteFrom(table).where('child_id', '=', childId).execute();
}
