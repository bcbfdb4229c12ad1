import type { Access } from '../../caller.js';
import type { Context } from '../../context.js';
import type { DisputedPart } from '../../db/schema.js';
import { changeChild } from '../change-child.js';
import type { ReadChild } from '../read-child.js';

/** Marks what the family says is wrong, until it is corrected or withdrawn. No part: nothing is disputed any more. */
export async function disputeParts(
  context: Context,
  access: Access,
  childId: string,
  version: number,
  parts: DisputedPart[],
): Promise<ReadChild> {
  return changeChild(context, access, childId, version, {
    action: parts.length > 0 ? 'dispute-record' : 'withdraw-dispute',
    parts: ['disputed'],
    reach: { hidden: true },
    async apply(trx) {
      const disputed = [...new Set(parts)].sort();
      await trx.updateTable('children').set({ disputed }).where('id', '=', childId).execute();
    },
  });
}
