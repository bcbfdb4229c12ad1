import type { FieldEvidence } from './evidence.js';
import type { Field } from './types.js';

/** Sixty children called John Smith are all plausible where only John Smith was asked for, improbable as each is. */
export const ALL_AGREE = 0.5;
/** Least score that is listed at all. */
export const LISTED = 0.05;
const WORTH_A_LOOK = 1 / 500;
const IDENTIFYING: ReadonlySet<Field> = new Set([
  'givenNames',
  'familyName',
  'dateOfBirth',
  'postcode',
  'address',
  'parentName',
]);

/**
 * What a score may not fall below, whatever the odds: 0.50 where every stated criterion agrees exactly with some recorded
 * value; 0.05 where none disagrees, where one disagrees and two that identify agree, or where the odds aren't negligible;
 * otherwise 0.
 */
export function floorOf(fields: readonly FieldEvidence[], odds: number): number {
  if (fields.length === 0) return 0;
  if (fields.every(agreesExactly)) return ALL_AGREE;
  const against = fields.filter(({ standing }) => standing === 'against');
  const agreeing = fields.filter(
    ({ field, standing }) => IDENTIFYING.has(field) && standing !== 'against' && standing !== 'silent',
  );
  if (agreeing.length === 0) return 0;
  if (against.length === 0 || (against.length === 1 && agreeing.length >= 2)) return LISTED;
  return odds >= WORTH_A_LOOK ? LISTED : 0;
}

/** A gender that isn't recorded is no reason to show part of a list that would otherwise be too long. */
function agreesExactly({ field, standing }: FieldEvidence): boolean {
  return standing === 'current' || standing === 'recorded' || (field === 'gender' && standing === 'silent');
}
