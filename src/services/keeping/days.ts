import type { ArchiveDays, DestroyDays } from '../../db/retention.js';
import { ADULT_AT, ADULT_WITH_CONSENT_AT } from '../child-age.js';

const YEARS_AFTER_DEATH = 1;
const YEARS_ARCHIVED = 6;

/**
 * The latest day whose `years`th birthday has come on `today`: who was born on it or before is so old by then. Of 29 February
 * the birthday is 1 March in a common year (England), as in `birthday`.
 */
export function yearsBefore(today: string, years: number): string {
  const [year, month, day] = today.split('-').map(Number) as [number, number, number];
  const then = new Date(Date.UTC(year - years, month - 1, day));
  // 29 February of a common year: the day before has come, and 1 March has not.
  if (then.getUTCMonth() !== month - 1) then.setUTCDate(0);
  return then.toISOString().slice(0, 10);
}

export function archiveDays(today: string): ArchiveDays {
  return {
    bornFor18: yearsBefore(today, ADULT_AT),
    bornFor25: yearsBefore(today, ADULT_WITH_CONSENT_AT),
    diedBy: yearsBefore(today, YEARS_AFTER_DEATH),
  };
}

export function destroyDays(today: string): DestroyDays {
  return {
    archivedOn: yearsBefore(today, YEARS_ARCHIVED),
    bornFor25: yearsBefore(today, ADULT_WITH_CONSENT_AT + YEARS_ARCHIVED),
  };
}

/**
 * Who was born on it or before, and is shielded, is either destroyed by now or kept by a consent alone, which is hidden:
 * what anybody may notice of the archive has to end here for both.
 */
export function bornForOblivion(today: string): string {
  return yearsBefore(today, ADULT_AT + YEARS_ARCHIVED);
}

/** Whether the jobs would archive the child on that day, so that nobody may take it out of the archive: of a shielded one by what shows alone. */
export function isDueForArchive(
  child: { dateOfBirth: string; diedOn: string | null; consentTo25: boolean; shielded: boolean },
  today: string,
): boolean {
  const { bornFor18, bornFor25, diedBy } = archiveDays(today);
  if (child.shielded) return child.dateOfBirth <= bornFor18;
  if (child.diedOn !== null && child.diedOn <= diedBy) return true;
  return child.dateOfBirth <= (child.consentTo25 ? bornFor25 : bornFor18);
}
