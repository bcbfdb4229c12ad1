import { DirectoryError } from '../errors.js';

/** Up to this birthday a child is in the directory. */
export const ADULT_AT = 18;
/** With the young person's recorded consent. */
export const ADULT_WITH_CONSENT_AT = 25;

// Costly to make, so made once.
const ENGLISH_DAY = new Intl.DateTimeFormat('en-CA', { timeZone: 'Europe/London' });

/** Today in England, YYYY-MM-DD: birthdays are local. */
export function todayInEngland(now = new Date()): string {
  return ENGLISH_DAY.format(now);
}

/** The birthday at which somebody born on `dateOfBirth` is `age`; of 29 February it is 1 March in a common year (England). */
export function birthday(dateOfBirth: string, age: number): string {
  const [year, month, day] = dateOfBirth.split('-').map(Number) as [number, number, number];
  return new Date(Date.UTC(year + age, month - 1, day)).toISOString().slice(0, 10);
}

/** Why a date of birth is not one of a child today, or undefined. */
export function ageProblem(dateOfBirth: string, today: string, consentTo25 = false): string | undefined {
  const adultAt = consentTo25 ? ADULT_WITH_CONSENT_AT : ADULT_AT;
  if (dateOfBirth > today) return 'lies in the future';
  if (birthday(dateOfBirth, adultAt) <= today) return `makes the person ${adultAt} or older`;
  return undefined;
}

/** @throws DirectoryError `not-a-child` */
export function requireChild(dateOfBirth: string, consentTo25 = false): void {
  const problem = ageProblem(dateOfBirth, todayInEngland(), consentTo25);
  if (problem) {
    throw new DirectoryError('not-a-child', `The date of birth ${problem}`, {
      errors: [{ path: '/dateOfBirth', message: problem }],
    });
  }
}

/**
 * What has been recorded as done cannot be still to come.
 * @param path JSON pointer of the field
 * @throws DirectoryError `invalid-request`
 */
export function requirePast(path: string, day: string): void {
  if (day <= todayInEngland()) return;
  throw new DirectoryError('invalid-request', 'The day lies in the future', {
    errors: [{ path, message: 'lies in the future' }],
  });
}
