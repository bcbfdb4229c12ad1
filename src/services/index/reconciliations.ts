import type { Caller } from '../../caller.js';
import type { Context } from '../../context.js';
import { recordAccountAudit } from '../../db/audit.js';
import {
  findReconciliation,
  listReconciliations,
  type Reconciliation,
  requestReconciliation,
} from '../../db/reconciliations.js';
import { DirectoryError } from '../../errors.js';

const LISTED = 100;

/** Leaves the wish in PostgreSQL, from where the workers take it up: Redis need not be there. */
export async function requestReconciliationAs(
  { db }: Context,
  caller: Caller,
  requestId: string,
  deep: boolean,
): Promise<{ reconciliationId: string }> {
  return db.transaction().execute(async (trx) => {
    const reconciliationId = await requestReconciliation(trx, { deep, requestedBy: caller.userId });
    await recordAccountAudit(trx, caller, requestId, {
      action: 'request-reconciliation',
      details: { reconciliationId, deep },
    });
    return { reconciliationId };
  });
}

export async function readReconciliations({ db }: Context): Promise<{ reconciliations: Reconciliation[] }> {
  return { reconciliations: await listReconciliations(db, LISTED) };
}

/** @throws DirectoryError `not-found` */
export async function readReconciliation({ db }: Context, id: string): Promise<Reconciliation> {
  const found = await findReconciliation(db, id);
  if (!found) throw new DirectoryError('not-found', 'There is no such reconciliation');
  return found;
}
