import type { ChildRecord, HeldBy } from '../db/children.js';
import type { ChildView, ContactView } from '../schemas/record.js';
import type { HolderView } from '../schemas/work.js';
import type { Visible } from './visibility.js';

/** The same for every shielded child: naming the child's own authority would give it away. */
export const contactManagementTeam = "Contact your own authority's management team";

/**
 * A record in the contract's shape. What was hidden from the caller is left out.
 * @param ownContact how the caller's own authority is reached, never the child's
 */
export function viewRecord(child: Visible<ChildRecord>, ownContact?: ContactView): ChildView {
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
  if (child.hidden) {
    return {
      ...view,
      hidden: true,
      contact: contactManagementTeam,
      ...(ownContact ? { contactDetails: ownContact } : {}),
    };
  }
  return {
    ...view,
    version: child.version,
    authority: child.authority,
    diedOn: child.diedOn,
    consentTo25: child.consentTo25,
    disputed: child.disputed,
    archived: child.archived,
    addresses: child.addresses,
    parents: child.parents,
    services: child.services,
    involvements: child.involvements,
    leadProfessional: holderOf(child, child.leadProfessional),
    cafIndicator: holderOf(child, child.cafIndicator),
    sensitiveService: child.sensitiveService,
  };
}

function holderOf({ involvements }: ChildRecord, held: HeldBy | null): HolderView | null {
  const involvement = involvements.find(({ involvementId }) => involvementId === held?.involvementId);
  if (!held || !involvement) return null;
  const { involvementId, userId, practitioner, organisation, role, phone, email } = involvement;
  return { involvementId, userId, practitioner, organisation, role, phone, email, since: held.since };
}
