import type { Access } from '../../caller.js';
import type { Context } from '../../context.js';
import { recordAudit } from '../../db/audit.js';
import { findVerifiedPractitioner } from '../../db/verifications.js';
import { DirectoryError } from '../../errors.js';

/** How long after a practitioner was verified the operator may search on their behalf: one telephone call. */
export const MEDIATION_MINUTES = 30;

/**
 * For whom a search is made. A call-centre operator searches for a practitioner whom they have just verified themself, and
 * whose account stands at this moment; everybody else for themself.
 * @throws DirectoryError `forbidden`
 */
export async function mediate(context: Context, access: Access, onBehalfOf: string | undefined): Promise<Access> {
  const { caller } = access;
  const mediates = caller.role === 'call-centre';
  if (!mediates && onBehalfOf === undefined) return access;
  const practitioner =
    mediates && onBehalfOf !== undefined
      ? await findVerifiedPractitioner(context.db, {
          id: onBehalfOf,
          operatorId: caller.userId,
          minutes: MEDIATION_MINUTES,
        })
      : undefined;
  if (practitioner) {
    return { ...access, onBehalfOf: { ...practitioner, mayOverrideShields: false, sessionId: caller.sessionId } };
  }
  await recordAudit(context.db, access, { action: 'search-refused' });
  throw new DirectoryError(
    'forbidden',
    mediates
      ? 'The call centre searches on behalf of a practitioner: verify them, and name the verification in onBehalfOf. ' +
          `It serves who made it, for ${MEDIATION_MINUTES} minutes, while the practitioner's account stands.`
      : 'Only the call centre searches on behalf of somebody else',
  );
}
