import type { Access, Caller } from '../../caller.js';
import type { Context } from '../../context.js';
import type { ChildRecord, Involvement, Standing } from '../../db/children.js';
import { deleteInvolvement, insertInvolvement, updateInvolvement } from '../../db/involvements.js';
import { findPractitioner } from '../../db/users.js';
import { DirectoryError } from '../../errors.js';
import type { InvolvementChange, NewInvolvement } from '../../schemas/work.js';
import { changeChild } from '../change-child.js';
import { todayInEngland } from '../child-age.js';
import type { ReadChild } from '../read-child.js';
import { isResponsible, standsOn } from '../visibility.js';
import { requireRoom } from './room.js';
import { requireConsent } from './sensitive.js';

const involvements = { parts: ['involvements'], reach: { hidden: true }, ownWork: true };

/**
 * A practitioner's work with a child, declared by themselves; of a shielded child, whose record they may not change,
 * by its management team for them. Organisation and name are those of the account.
 */
export async function declareInvolvement(
  context: Context,
  access: Access,
  childId: string,
  version: number,
  involvement: NewInvolvement,
  key?: string,
): Promise<ReadChild> {
  const { username, ...declared } = involvement;
  return changeChild(context, access, childId, version, {
    action: 'declare-involvement',
    ...involvements,
    creation: { route: 'POST /v1/children/:childId/involvements', key, body: involvement },
    async apply(trx, standing, seen) {
      if (username !== undefined && !isResponsible(access.caller, standing.authority)) {
        throw new DirectoryError(
          'forbidden',
          "Only a management team of the child's own authority may declare somebody else's work",
        );
      }
      const by = username === undefined ? { userId: access.caller.userId } : { username };
      const practitioner = await findPractitioner(trx, by);
      if (!practitioner) {
        throw new DirectoryError('invalid-request', 'Nobody of that name works with children here', {
          errors: [{ path: '/username', message: 'is nobody whose account stands and who works with children' }],
        });
      }
      const { userId, employer } = practitioner;
      if (!employer) throw new DirectoryError('conflict', "The practitioner's account names no organisation");
      const today = todayInEngland();
      const theirs = seen.involvements.filter((one) => one.userId === userId);
      requireRoom(theirs);
      const again = theirs
        .filter(standsOn(today))
        .some((one) => one.role === declared.role && one.sensitive?.kind === declared.sensitive?.kind);
      if (again) throw new DirectoryError('conflict', 'This involvement is declared already');
      await insertInvolvement(trx, childId, { startedOn: today, ...declared, userId, organisation: employer });
    },
  });
}

/** Ends it, too: with a last day. */
export async function changeInvolvement(
  context: Context,
  access: Access,
  childId: string,
  version: number,
  involvementId: string,
  change: InvolvementChange,
): Promise<ReadChild> {
  return changeChild(context, access, childId, version, {
    action: 'change-involvement',
    ...involvements,
    async apply(trx, standing, seen) {
      getOwnInvolvement(access.caller, standing, seen, involvementId);
      await updateInvolvement(trx, childId, involvementId, change);
    },
  });
}

export async function removeInvolvement(
  context: Context,
  access: Access,
  childId: string,
  version: number,
  involvementId: string,
  { withdrawn = false } = {},
): Promise<ReadChild> {
  return changeChild(context, access, childId, version, {
    action: 'remove-involvement',
    ...involvements,
    async apply(trx, standing, seen) {
      const { sensitive } = getOwnInvolvement(access.caller, standing, seen, involvementId);
      if (withdrawn) requireConsent(sensitive);
      await deleteInvolvement(trx, childId, involvementId);
    },
  });
}

/**
 * An involvement that the caller may change: their own, or any for the management team of the child's authority.
 * @throws DirectoryError `not-found`, also for one that the caller does not see, `forbidden`
 */
export function getOwnInvolvement(
  caller: Caller,
  standing: Standing,
  seen: ChildRecord,
  involvementId: string,
): Involvement {
  const involvement = seen.involvements.find((one) => one.involvementId === involvementId);
  if (!involvement) throw new DirectoryError('not-found', 'No such involvement');
  if (involvement.userId !== caller.userId && !isResponsible(caller, standing.authority)) {
    throw new DirectoryError(
      'forbidden',
      "Only who declared it, or a management team of the child's own authority, may change it",
    );
  }
  return involvement;
}
