import type { Access } from '../../caller.js';
import type { Context } from '../../context.js';
import { deleteHolder, putHolder } from '../../db/involvements.js';
import { DirectoryError } from '../../errors.js';
import type { HolderRequest } from '../../schemas/work.js';
import { changeChild } from '../change-child.js';
import { todayInEngland } from '../child-age.js';
import type { ReadChild } from '../read-child.js';
import { isResponsible, standsOn } from '../visibility.js';
import { getOwnInvolvement } from './involvements.js';

/** What one practitioner at a time is to a child, by their involvement. */
const held = {
  'lead-professional': { table: 'lead_professionals', part: 'leadProfessional' },
  'caf-indicator': { table: 'caf_indicators', part: 'cafIndicator' },
} as const;
export type Held = keyof typeof held;

/** Nobody takes it from another who still works with the child; that is for the management team. */
export async function takeOn(
  context: Context,
  access: Access,
  childId: string,
  version: number,
  what: Held,
  { involvementId }: HolderRequest,
): Promise<ReadChild> {
  const { table, part } = held[what];
  return changeChild(context, access, childId, version, {
    action: `put-${what}`,
    parts: [part],
    reach: { hidden: true },
    ownWork: true,
    async apply(trx, standing, seen) {
      const today = todayInEngland();
      const involvement = getOwnInvolvement(access.caller, standing, seen, involvementId);
      // Everyone sees whoever holds it, which of a sensitive service nobody may.
      if (involvement.sensitive) throw new DirectoryError('conflict', 'Not by a sensitive involvement');
      if (!standsOn(today)(involvement)) throw new DirectoryError('conflict', 'The involvement has ended');
      const holder = seen.involvements
        .filter(standsOn(today))
        .find((one) => one.involvementId === seen[part]?.involvementId);
      if (holder && holder.userId !== access.caller.userId && !isResponsible(access.caller, standing.authority)) {
        throw new DirectoryError('conflict', 'Another practitioner holds it: they end it, or the management team does');
      }
      await putHolder(trx, table, childId, involvementId, today);
    },
  });
}

export async function giveUp(
  context: Context,
  access: Access,
  childId: string,
  version: number,
  what: Held,
): Promise<ReadChild> {
  const { table, part } = held[what];
  return changeChild(context, access, childId, version, {
    action: `delete-${what}`,
    parts: [part],
    reach: { hidden: true },
    ownWork: true,
    async apply(trx, standing, seen) {
      const holder = seen[part];
      if (!holder) throw new DirectoryError('not-found', 'Nobody holds it');
      getOwnInvolvement(access.caller, standing, seen, holder.involvementId);
      await deleteHolder(trx, table, childId);
    },
  });
}
