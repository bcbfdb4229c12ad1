import type { Access } from '../caller.js';
import type { Context } from '../context.js';
import { isChildNumber } from '../db/child-number.js';
import { findChildIdByNumber, findRecordFor, NOBODY } from '../db/children.js';
import { DirectoryError } from '../errors.js';
import type { ChildView } from '../schemas/record.js';
import { findOwnContact } from './authority-contact.js';
import { viewRecord } from './record-view.js';
import { entitledTo, visibleTo } from './visibility.js';

export interface ReadChild {
  view: ChildView;
  /** Left out where the caller may not know how often the record changed. */
  version?: number;
}

/** @throws DirectoryError `not-found`, also for a child whom the caller may not know of */
export async function readChild(context: Context, access: Access, childId: string): Promise<ReadChild> {
  const record = await findRecordFor(context.db, childId, entitledTo(access.caller));
  const visible = record && visibleTo(access.caller, record);
  await context.audit.record(access, {
    action: visible ? 'read' : 'read-not-found',
    childIds: visible ? [childId] : [],
    ...(visible ? { details: { hidden: visible.hidden } } : {}),
  });
  if (!visible) throw new DirectoryError('not-found', 'No such child');
  if (visible.hidden) return { view: viewRecord(visible, await findOwnContact(context, access.caller)) };
  return { view: viewRecord(visible), version: visible.version };
}

/** @throws DirectoryError `invalid-request` for a wrong check digit, `not-found` */
export async function lookUpNumber(context: Context, access: Access, number: string): Promise<ReadChild> {
  if (!isChildNumber(number)) {
    throw new DirectoryError('invalid-request', 'This is no number', {
      errors: [{ path: '/number', message: 'has a wrong check digit' }],
    });
  }
  const childId = await findChildIdByNumber(context.db, number);
  // A number that nobody has takes the same way, and leaves the same trace, as one that may not be seen.
  return readChild(context, access, childId ?? NOBODY);
}
