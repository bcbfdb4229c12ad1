import type { Access } from '../../caller.js';
import type { Context } from '../../context.js';
import { DirectoryError } from '../../errors.js';
import { changeChild } from '../change-child.js';
import { todayInEngland } from '../child-age.js';
import { isDueForArchive } from '../keeping/days.js';
import type { ReadChild } from '../read-child.js';

/** From now on only the child's own management team knows of the record. Six years later it is destroyed. */
export async function archiveChild(
  context: Context,
  access: Access,
  childId: string,
  version: number,
): Promise<ReadChild> {
  return changeChild(context, access, childId, version, {
    action: 'archive-child',
    parts: ['archived'],
    reach: { hidden: true },
    async apply(trx, { archived }) {
      if (archived) throw new DirectoryError('conflict', 'The record is archived already');
      await trx.updateTable('children').set({ archived_at: new Date() }).where('id', '=', childId).execute();
    },
  });
}

/** Takes a record back out of the archive, unless it would be archived again the next night. */
export async function unarchiveChild(
  context: Context,
  access: Access,
  childId: string,
  version: number,
): Promise<ReadChild> {
  return changeChild(context, access, childId, version, {
    action: 'unarchive-child',
    parts: ['archived'],
    // Also of a shielded child: the index is to hold them again.
    reach: {},
    // Whoever sets a shield has not seen this child among those who share an address.
    joinsHousehold: true,
    async apply(trx, { archived }, seen) {
      if (!archived) throw new DirectoryError('conflict', 'The record is not archived');
      if (isDueForArchive(seen, todayInEngland()))
        throw new DirectoryError(
          'conflict',
          seen.shielded
            ? 'By age the record belongs in the archive, where a shield stands with a consent as without'
            : 'By age or death the record belongs in the archive: record a consent first',
        );
      await trx.updateTable('children').set({ archived_at: null }).where('id', '=', childId).execute();
    },
  });
}
