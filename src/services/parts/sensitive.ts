import type { Sensitive } from '../../db/children.js';
import { DirectoryError } from '../../errors.js';

/**
 * What a sensitive service loses with its consent is the whole of it. In the audit log and in the history this is the
 * removal of a part like any other: they are kept for years, and must not tell what was withdrawn.
 * @throws DirectoryError `not-found` where nothing is held by consent, `conflict` where a decision holds it
 */
export function requireConsent(sensitive: Sensitive | null): void {
  if (!sensitive) throw new DirectoryError('not-found', 'There is no consent to withdraw');
  if (sensitive.basis !== 'consent')
    throw new DirectoryError('conflict', 'It is held by a significant-harm decision and not by consent');
}
