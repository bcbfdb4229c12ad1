import { isCalendarDate } from '../../matching/dates.js';
import type { Gender } from '../../matching/types.js';
import { ageProblem } from '../child-age.js';

/** Columns of a feed, in the contract's words. */
export const requiredColumns = ['source_id', 'given_names', 'family_name', 'date_of_birth'] as const;
export const feedColumns = [
  ...requiredColumns,
  'gender',
  'address_line1',
  'address_line2',
  'town',
  'postcode',
  'country',
  'parent_name',
  'parent_relationship',
  'parent_phone',
  'parent_email',
  'service_kind',
  'service_name',
  'service_phone',
  'former_family_name',
  'known_as',
  'address2_line1',
  'address2_town',
  'address2_postcode',
  'parent2_name',
  'authority',
] as const;
export type FeedColumn = (typeof feedColumns)[number];

/** One row as received: every value a string, absent ones empty. */
export type FeedRow = Record<FeedColumn, string>;

const longest: Partial<Record<FeedColumn, number>> = {
  source_id: 100,
  given_names: 180,
  family_name: 110,
  former_family_name: 110,
  known_as: 180,
  parent_name: 180,
  parent2_name: 180,
  address_line1: 200,
  address_line2: 200,
  address2_line1: 200,
  town: 100,
  address2_town: 100,
  postcode: 10,
  address2_postcode: 10,
  country: 60,
  parent_relationship: 40,
  parent_phone: 40,
  parent_email: 254,
  service_name: 200,
  service_phone: 40,
  authority: 64,
};
const nameColumns: FeedColumn[] = [
  'given_names',
  'family_name',
  'former_family_name',
  'known_as',
  'parent_name',
  'parent2_name',
];
const NAME = /^\S{1,35}(\s+\S{1,35}){0,4}$/u;
const genders: Record<string, Gender> = {
  '': 'unknown',
  female: 'female',
  f: 'female',
  male: 'male',
  m: 'male',
  other: 'other',
  unknown: 'unknown',
};
const serviceKinds = ['educational-setting', 'gp-practice', 'other'];

export function genderOf(text: string): Gender | undefined {
  return genders[text.toLowerCase()];
}

/**
 * Why a row cannot be taken, or undefined. Names columns and rules, never what stands there.
 * @param today YYYY-MM-DD
 */
export function rowProblem(row: FeedRow, today: string): string | undefined {
  for (const column of feedColumns) {
    const value = row[column];
    if (value.includes('\uFFFD')) return `${column}: not valid UTF-8`;
    if (/[\p{Cc}\p{Cs}]/u.test(value)) return `${column}: holds a control character`;
    const most = longest[column];
    if (most !== undefined && [...value].length > most) return `${column}: longer than ${most} characters`;
  }
  for (const column of nameColumns) {
    if (row[column] !== '' && !NAME.test(row[column]))
      return `${column}: more than 35 characters a part, or more than five parts`;
  }
  for (const column of nameColumns) {
    // Without a letter it would be a name by which nobody could be found.
    if (row[column] !== '' && !/[\p{Lu}\p{Ll}\p{Lt}\p{Lo}]/u.test(row[column])) return `${column}: holds no letter`;
  }
  if (row.source_id === '') return 'source_id: missing';
  if (row.given_names === '' && row.family_name === '') return 'given_names, family_name: both missing';
  if (row.date_of_birth === '') return 'date_of_birth: missing';
  if (!isCalendarDate(row.date_of_birth)) return 'date_of_birth: not a date of the calendar, YYYY-MM-DD';
  const age = ageProblem(row.date_of_birth, today);
  if (age) return `date_of_birth: ${age}`;
  if (genderOf(row.gender) === undefined) return 'gender: none of female, male, other, unknown';
  if (row.service_kind !== '' && !serviceKinds.includes(row.service_kind))
    return `service_kind: none of ${serviceKinds.join(', ')}`;
  if (row.authority !== '' && !/^[A-Za-z0-9][A-Za-z0-9 .&'-]{0,63}$/.test(row.authority))
    return 'authority: not a code or name';
  return undefined;
}
