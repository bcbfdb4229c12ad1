import type { ChildRecord } from '../db/children.js';
import type { ChildView } from '../schemas/child.js';
import type { Visible } from './visibility.js';

/** The same for every shielded child: naming the child's own authority would give it away. */
export const contactManagementTeam = "Contact your own authority's management team";

/** A record in the contract's shape. What was hidden from the caller is left out. */
export function viewRecord(child: Visible<ChildRecord>): ChildView {
  const view: ChildView = {
    childId: child.childId,
    number: child.number,
    shielded: child.shielded,
    names: child.names.map(({ nameId, ...name }) => ({
      // An id of version 7 tells when it was made, and so since when the child has had this name.
      ...(child.hidden ? {} : { nameId }),
      ...name,
      current: name.kind === 'current',
    })),
    dateOfBirth: child.dateOfBirth,
    gender: child.gender,
  };
  if (child.hidden) return { ...view, hidden: true, contact: contactManagementTeam };
  return {
    ...view,
    version: child.version,
    authority: child.authority,
    diedOn: child.diedOn,
    addresses: child.addresses,
    parents: child.parents,
    services: child.services,
  };
}
