import type { Access } from '../../caller.js';
import type { Context } from '../../context.js';
import { recordAudit } from '../../db/audit.js';
import { findRecord } from '../../db/children.js';
import type { OverrideReason } from '../../db/schema.js';
import { countLateOverrides, findStandingShield, insertOverride } from '../../db/shields.js';
import { lockUser } from '../../db/users.js';
import { DirectoryError } from '../../errors.js';
import type { ChildView } from '../../schemas/record.js';
import { viewRecord } from '../record-view.js';
import { mayOverrideShields, pastShield, visibleTo } from '../visibility.js';

/** More in an hour is no work with a child: a stolen token must not read the list of those in hiding. */
const MOST_IN_AN_HOUR = 10;

/**
 * The whole record of another authority's shielded child: one record, one view, and no version, since nothing can be
 * changed upon it. Before it is handed out the look is in the audit log, as itself and as an alert, and on the list of
 * the authority that answers for the child.
 * @throws DirectoryError `rate-limited` after ten looks within an hour; `forbidden` for whoever has not the right, whatever child they name; `not-found`; `conflict`
 * where nothing is hidden from the caller
 */
export async function overrideShield(
  context: Context,
  access: Access,
  childId: string,
  reason: OverrideReason,
): Promise<Omit<ChildView, 'version'>> {
  const { caller } = access;
  if (!mayOverrideShields(caller)) {
    await recordAudit(context.db, access, { action: 'shield-override-refused', childIds: [childId] });
    throw new DirectoryError('forbidden', 'Your account has not the right to look past a shield');
  }
  const looked = await context.db.transaction().execute(async (trx) => {
    // Two looks of one account come one after the other, so that none goes uncounted.
    await lockUser(trx, caller.userId);
    if ((await countLateOverrides(trx, caller.userId)) >= MOST_IN_AN_HOUR) return 'rate-limited';
    // The record before the shield: one that is lifted or set in between hands nothing out.
    const record = await findRecord(trx, childId);
    const shield = await findStandingShield(trx, childId);
    if (!record || !visibleTo(caller, record)) return 'not-found';
    const whole = pastShield(caller, record);
    if (!whole || !shield) return 'conflict';
    const { authority } = record;
    await insertOverride(trx, { ...shield, childId, authority, userId: caller.userId, reason });
    for (const action of ['shield-override', 'alert-shield-override'])
      await recordAudit(trx, access, { action, childIds: [childId], details: { reason } });
    const { version: _, ...view } = viewRecord(whole);
    return view;
  });
  if (typeof looked === 'object') return looked;
  await recordAudit(context.db, access, { action: `shield-override-${looked}` });
  if (looked === 'rate-limited') {
    throw new DirectoryError(looked, 'Too many looks past shields within an hour', { retryAfterSeconds: 600 });
  }
  if (looked === 'not-found') throw new DirectoryError(looked, 'No such child');
  throw new DirectoryError(looked, 'No shield hides anything of this child from you: read the record');
}
