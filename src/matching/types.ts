export type Gender = 'female' | 'male' | 'other' | 'unknown';
export type NameKind = 'current' | 'birth' | 'former' | 'known-as';

/** A date of birth as far as it is known; dates are `YYYY-MM-DD`. */
export type DateCriterion =
  | { kind: 'day'; date: string }
  | { kind: 'year-month'; year: number; month: number }
  | { kind: 'year'; year: number }
  | { kind: 'range'; from: string; to: string };

/** What somebody looks for; strings as typed. */
export interface Criteria {
  givenNames?: string;
  familyName?: string;
  dateOfBirth?: DateCriterion;
  gender?: Gender;
  address?: { line?: string; town?: string; postcode?: string };
  parentName?: string;
}

/** What the directory holds of one child, already narrowed to what the caller may see. `''` where a part is absent. */
export interface Candidate {
  names: { kind: NameKind; givenNames: string; familyName: string }[];
  dateOfBirth: string;
  gender: Gender;
  addresses: { line: string; town: string; postcode: string; current: boolean }[];
  parents: { name: string }[];
}

export type Agreement =
  | 'exact'
  | 'nickname'
  | 'phonetic'
  | 'typo'
  | 'swapped'
  | 'former'
  | 'partial'
  | 'missing'
  | 'disagrees';

export type Field =
  | 'givenNames'
  | 'familyName'
  | 'dateOfBirth'
  | 'gender'
  | 'address'
  | 'postcode'
  | 'town'
  | 'parentName';

/** How common a name token is among the directory's current names: share of children, 0..1; undefined if hardly ever seen. */
export interface NameFrequencies {
  children: number;
  given(token: string): number | undefined;
  family(token: string): number | undefined;
  /** Shares of all names at one edit from this one, which is seldom one itself, together. */
  near(token: string, part: 'given' | 'family'): number;
}

/** One line of an explanation: how a field compared, and how many bits that speaks for (or, below 0, against) this child. */
export interface LevelReached {
  field: Field;
  level: string;
  bits: number;
}

export interface Scored {
  /**
   * Probability that this is the child asked for, 0..1, never below what docs/matching.md promises for its agreement:
   * of this child alone, or, after weighRivals, as one of the candidates of a search.
   */
  score: number;
  /** Bits before anything was compared: how likely it is that this child, among all of the directory, is meant. */
  prior: number;
  /** Evidence in bits, all levels and the household's share together: it orders equal scores. */
  weight: number;
  agreement: Partial<Record<Field, Agreement>>;
  levels: LevelReached[];
  /** Bits taken off because a brother, sister or twin would agree just as well. 0 or less. */
  household: number;
  /** Every stated criterion agrees exactly with the child's current values. */
  fullMatch: boolean;
  /** Odds that this is the child asked for, against its being nowhere among those that were found. */
  odds: number;
  /** What the score may not fall below. */
  floor: number;
}
