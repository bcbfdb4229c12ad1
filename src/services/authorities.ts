import type { Kysely, Transaction } from 'kysely';
import type { Caller } from '../caller.js';
import type { Context } from '../context.js';
import { type AuditEvent, recordAccountAudit, recordSystemAudit } from '../db/audit.js';
import { type AuthorityProgress, findAuthorities, lockAuthority, setLive, startTraining } from '../db/organisations.js';
import type { Database } from '../db/schema.js';
import { DirectoryError } from '../errors.js';
import {
  type AuthoritiesView,
  type AuthorityView,
  type NewAuthority,
  newAuthoritySchema,
} from '../schemas/authorities.js';
import { requireValid } from '../schemas/check.js';

export async function readAuthorities(context: Context, caller: Caller, requestId: string): Promise<AuthoritiesView> {
  const authorities = (await findAuthorities(context.db)).map(viewOf);
  const details = { authorities: authorities.length };
  await recordAccountAudit(context.db, caller, requestId, { action: 'list-authorities', details });
  return { authorities };
}

/** @throws DirectoryError `not-found`, `conflict` */
export async function goLiveAs(
  context: Context,
  caller: Caller,
  requestId: string,
  code: string,
): Promise<AuthorityView> {
  return context.db
    .transaction()
    .execute((trx) => goLive(trx, code, (event) => recordAccountAudit(trx, caller, requestId, event)));
}

/** By the operator. @throws DirectoryError as `goLiveAs` does */
export async function goLiveOnServer(db: Kysely<Database>, code: string): Promise<AuthorityView> {
  return db.transaction().execute((trx) => goLive(trx, code, (event) => recordSystemAudit(trx, event)));
}

/** Puts an authority into the roll-out: its people may be entered, and sign in once it is live. */
export async function addAuthorityOnServer(db: Kysely<Database>, authority: NewAuthority): Promise<AuthorityView> {
  requireValid(newAuthoritySchema, authority);
  return db.transaction().execute(async (trx) => {
    if (!(await startTraining(trx, authority.code, authority.name))) {
      throw new DirectoryError('conflict', 'This authority is in the roll-out already');
    }
    await recordSystemAudit(trx, { action: 'authority-training', details: { authority: authority.code } });
    return getAuthority(trx, authority.code);
  });
}

/**
 * Live for good: there is no way back but to disable accounts. Somebody must be there who can shield, correct and answer
 * for the authority's children from the first day on; there is no way round that.
 */
async function goLive(
  trx: Transaction<Database>,
  code: string,
  audit: (event: AuditEvent) => Promise<void>,
): Promise<AuthorityView> {
  if (!(await lockAuthority(trx, code))) throw new DirectoryError('not-found', 'No such authority');
  const before = await getAuthority(trx, code);
  if (before.liveAt !== null) return before;
  if (!before.mayGoLive) {
    throw new DirectoryError(
      'conflict',
      'Nobody of its management team is ready: background check, training and agreement of one of them must stand first',
    );
  }
  await setLive(trx, code);
  const { users, ready } = before;
  await audit({ action: 'authority-live', details: { authority: code, users, ready } });
  return getAuthority(trx, code);
}

async function getAuthority(trx: Transaction<Database>, code: string): Promise<AuthorityView> {
  const [found] = await findAuthorities(trx, code);
  if (!found) throw new DirectoryError('not-found', 'No such authority');
  return viewOf(found);
}

export function viewOf({ readyManagers, trainingSince, liveAt, ...rest }: AuthorityProgress): AuthorityView {
  return {
    ...rest,
    trainingSince: trainingSince?.toISOString() ?? null,
    liveAt: liveAt?.toISOString() ?? null,
    mayGoLive: liveAt === null && readyManagers > 0,
  };
}
