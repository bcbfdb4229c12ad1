import { DirectoryError } from '../../errors.js';

/** More than anyone has: a record that grew without end would slow every search that meets it. */
const MOST = 50;

/**
 * @param there those of the kind that the caller sees: the others must not show by how many fit
 * @throws DirectoryError `conflict`
 */
export function requireRoom(there: unknown[]): void {
  if (there.length >= MOST) throw new DirectoryError('conflict', `A record holds at most ${MOST} of them`);
}
