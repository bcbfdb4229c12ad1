import type { Address, ChildFacts } from '../../db/children.js';
import type { Candidate } from '../../matching/index.js';
import type { SearchResult } from '../../schemas/search.js';
import { addressLine } from '../../search/projection.js';
import { contactManagementTeam } from '../record-view.js';
import type { Visible } from '../visibility.js';
import type { Ranking } from './rank.js';

/**
 * A visible child in the words of src/matching.
 * @param today YYYY-MM-DD
 */
export function toCandidate(child: ChildFacts, today: string): Candidate {
  return {
    names: child.names,
    dateOfBirth: child.dateOfBirth,
    gender: child.gender,
    addresses: child.addresses.map((address) => ({
      line: addressLine(address),
      town: address.town,
      postcode: address.postcode ?? '',
      current: isCurrentAddress(address, today),
    })),
    parents: child.parents,
  };
}

/** @param today YYYY-MM-DD */
export function isCurrentAddress({ kind, validFrom, validTo }: Address, today: string): boolean {
  return kind !== 'former' && (validFrom === null || validFrom <= today) && (validTo === null || validTo >= today);
}

/** A result in the contract's shape: the child's current data, not the value that was met. */
export function toResult(
  { child, scored, band }: Ranking<Visible<ChildFacts>>['results'][number],
  today: string,
): SearchResult {
  const name = child.names.find((variant) => variant.kind === 'current');
  const result: SearchResult = {
    childId: child.childId,
    number: child.number,
    givenNames: name?.givenNames ?? '',
    familyName: name?.familyName ?? '',
    dateOfBirth: child.dateOfBirth,
    gender: child.gender,
    shielded: child.shielded,
    score: scored.score,
    band,
    agreement: scored.agreement,
  };
  const current = child.addresses.filter((address) => isCurrentAddress(address, today));
  const home = current.find((address) => address.kind === 'home') ?? current[0];
  if (home)
    result.address = {
      line: addressLine(home),
      town: home.town,
      ...(home.postcode ? { postcode: home.postcode } : {}),
    };
  if (child.hidden) {
    result.hidden = true;
    result.contact = contactManagementTeam;
  }
  return result;
}
