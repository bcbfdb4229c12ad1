import { isDeepStrictEqual } from 'node:util';
import type { Access } from '../../caller.js';
import type { Context } from '../../context.js';
import { type ChildRecord, findRecord, type Involvement, type NameVariant } from '../../db/children.js';
import { joinHousehold } from '../../db/households.js';
import { deletePart, type RecordPart } from '../../db/record-parts.js';
import { unarchiveKept } from '../../db/retention.js';
import { findRecordWhenShielded, liftShield } from '../../db/shields.js';
import { DirectoryError } from '../../errors.js';
import { makeChange, readBack, withChild } from '../change-child.js';
import { todayInEngland } from '../child-age.js';
import { archiveDays } from '../keeping/days.js';
import type { ReadChild } from '../read-child.js';

/** A value that a shield has hidden since it was recorded, so that nobody unentitled has ever seen it. */
interface Hidden {
  part: RecordPart;
  id: string;
}

/**
 * Lifts a shield. Of the values recorded or changed while it stood those named in `show` may show from now on; the others
 * are removed. They are not ended: an ended address is shown as a former one, and says where the child was hidden. The
 * history keeps what was removed.
 * @throws DirectoryError as `changeChild` does; `not-found` where no shield stands; `conflict`, naming the values, where
 * there are any and nothing was said of them
 */
export async function unshieldChild(
  context: Context,
  access: Access,
  childId: string,
  version: number,
  show: string[] | undefined,
): Promise<ReadChild> {
  // The child may come out of the archive, and whoever sets a shield has not seen it among those who share an address.
  const wanted = { childId, expectedVersion: version, action: 'unshield', holdFirst: joinHousehold };
  return withChild(context, access, wanted, async (trx, standing) => {
    if (!standing.shielded) throw new DirectoryError('not-found', 'No shield stands');
    const record = await findRecord(trx, childId);
    const hidden = record ? recordedSince(await findRecordWhenShielded(trx, childId), record) : [];
    const removed = decideOn(hidden, show);
    await makeChange(trx, access, standing, {
      action: 'unshield',
      parts: [...new Set(['shield', ...removed.map(({ part }) => part)])],
      reach: { urgent: true, hidden: true },
      async apply() {
        await liftShield(trx, childId, access.caller.userId);
        await unarchiveKept(trx, childId, archiveDays(todayInEngland()).bornFor25);
        for (const { part, id } of removed) await deletePart(trx, part, childId, id);
      },
    });
    return readBack(trx, access, childId);
  });
}

/** @returns what is to be removed */
function decideOn(hidden: Hidden[], show: string[] | undefined): Hidden[] {
  if (!show) {
    if (hidden.length === 0) return [];
    const errors = hidden.map(({ part, id }) => ({ path: '/show', message: `one of the ${part}`, id }));
    throw new DirectoryError(
      'conflict',
      'Values were recorded while the shield stood. Name in `show` those that may show now; the others are removed.',
      { errors },
    );
  }
  const known = new Set(hidden.map(({ id }) => id));
  const named = new Set(show.map((id) => id.toLowerCase()));
  const errors = [...named]
    .filter((id) => !known.has(id))
    .map((id) => ({ path: '/show', message: 'was not recorded while the shield stood', id }));
  if (errors.length > 0) throw new DirectoryError('conflict', 'There is no such value: see errors', { errors });
  return hidden.filter(({ id }) => !named.has(id));
}

type Parts = Partial<ChildRecord>;

/** Where the history does not tell what stood there before, everything counts as recorded since. */
function recordedSince(before: Parts = {}, record: ChildRecord): Hidden[] {
  return [
    // The current name showed all the time, and so did one that was current when the shield was set.
    ...since(
      'names',
      before.names,
      record.names.filter(({ kind }) => kind !== 'current'),
      (name) => name.nameId,
      spelling,
    ),
    ...since('addresses', before.addresses, record.addresses, (address) => address.addressId),
    ...since('parents', before.parents, record.parents, (parent) => parent.parentId),
    ...since('services', before.services, record.services.filter(isOrdinary), (service) => service.serviceId),
    ...since(
      'involvements',
      before.involvements,
      record.involvements.filter(isOrdinary),
      (one) => one.involvementId,
      work,
    ),
  ];
}

/** The history holds no other: nobody but its own team sees of those more than that there is one. */
function isOrdinary({ sensitive }: { sensitive: unknown }): boolean {
  return sensitive === null;
}

/** What of an involvement may tell where a child was. */
function work({ userId, organisation, role, phone, email }: Involvement) {
  return { userId, organisation, role, phone, email };
}

function since<T>(
  part: RecordPart,
  before: T[] | undefined,
  now: T[],
  idOf: (value: T) => string,
  content: (value: T) => unknown = (value) => value,
): Hidden[] {
  const known = new Map(before?.map((value) => [idOf(value), content(value)]));
  return now
    .filter((value) => !isDeepStrictEqual(known.get(idOf(value)), content(value)))
    .map((value) => ({ part, id: idOf(value) }));
}

function spelling({ givenNames, familyName }: NameVariant) {
  return { givenNames, familyName };
}
