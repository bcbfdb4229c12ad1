import type { Caller } from '../caller.js';
import type { Context } from '../context.js';
import { recordAccountAudit } from '../db/audit.js';
import { findContact, putContact } from '../db/authority-contacts.js';
import { DirectoryError } from '../errors.js';
import type { Contact, ContactView } from '../schemas/record.js';

/** How the management team of an authority is reached. A team keeps its own; an administrator any. */
export async function recordContact(
  context: Context,
  caller: Caller,
  requestId: string,
  authority: string,
  contact: Contact,
): Promise<ContactView> {
  if (caller.role !== 'administrator' && caller.authority !== authority)
    throw new DirectoryError('forbidden', 'Only the contact of your own authority is yours to change');
  if (contact.closes <= contact.opens) {
    throw new DirectoryError('invalid-request', 'The office closes after it opens', {
      errors: [{ path: '/closes', message: 'is not after opens' }],
    });
  }
  return context.db.transaction().execute(async (trx) => {
    if (!(await putContact(trx, { authority, ...contact }))) throw new DirectoryError('not-found', 'No such authority');
    await recordAccountAudit(trx, caller, requestId, { action: 'put-authority-contact', details: { authority } });
    return { authority, ...contact };
  });
}

/**
 * Whom a caller asks about a child whom they may not see whole: their own authority's team, whoever the child is, since the
 * child's own authority would say where it lives.
 */
export async function findOwnContact(context: Context, { authority }: Caller): Promise<ContactView | undefined> {
  return authority ? findContact(context.db, authority) : undefined;
}
