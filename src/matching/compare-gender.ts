import type { Gender } from './types.js';

/** A given name that agrees implies the gender, so that the gender says little more beside it. */
export const GENDER_LEVELS = ['same', 'same-as-name-implies', 'different', 'different-despite-name'] as const;
export type GenderLevel = (typeof GENDER_LEVELS)[number];

/** Undefined where either is unknown: that says nothing. */
export function compareGender(stated: Gender, recorded: Gender, givenNameAgrees: boolean): GenderLevel | undefined {
  if (stated === 'unknown' || recorded === 'unknown') return undefined;
  if (stated === recorded) return givenNameAgrees ? 'same-as-name-implies' : 'same';
  return givenNameAgrees ? 'different-despite-name' : 'different';
}
