import type { Access } from '../../caller.js';
import type { Context } from '../../context.js';
import { changeChild } from '../change-child.js';
import type { ReadChild } from '../read-child.js';

/** Records, or takes back, that the young person agreed to stay in the directory to 25. */
export async function recordConsentTo25(
  context: Context,
  access: Access,
  childId: string,
  version: number,
  given: boolean,
): Promise<ReadChild> {
  return changeChild(context, access, childId, version, {
    action: given ? 'record-consent-to-25' : 'withdraw-consent-to-25',
    parts: ['consentTo25'],
    reach: { hidden: true },
    async apply(trx) {
      await trx
        .updateTable('children')
        .set({ consent_to_25_at: given ? new Date() : null })
        .where('id', '=', childId)
        .execute();
    },
  });
}
