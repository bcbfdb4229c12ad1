import type { DateLevel } from '../compare-dates.js';
import type { GenderLevel } from '../compare-gender.js';
import type { NameLevel } from '../compare-names.js';
import type { ParentLevel } from '../compare-parents.js';
import type { AddressLevel, PostcodeLevel, TownLevel } from '../compare-places.js';
import type { NameKind } from '../types.js';

/**
 * How often a level is reached: `m` among searches for this very child, `u` among searches for somebody else
 * (Fellegi & Sunter 1969). The weight of a level is log2(m / u) bits.
 */
export interface Weight {
  m: number;
  u: number;
  seen?: Seen;
}

/** In how many pairs of the training data the level was met; without it the number was set by hand. */
export interface Seen {
  m?: number;
  u?: number;
}

/**
 * Names have no fixed `u`: it is how common the typed name is. `m` is how often a name is typed at this level, `ways` how many
 * different spellings a recorded name may take there, for each letter of it where `perLetter` (squared for two typos).
 */
export interface NameWeight {
  m: number;
  ways: number;
  seen?: Seen;
}

/** What the odds of a candidate are raised to and multiplied by (Platt 1999, on the odds): monotone, so that no order changes. */
export interface Calibration {
  slope: number;
  intercept: number;
}

/** Where the numbers of a model come from. Counts only. */
export interface Training {
  on: string;
  command: string;
  /** The model that was trained, whose numbers stay where too little was seen. */
  from: string;
  /** Children in the directory that it was trained on. */
  children: number;
  /** Queries whose child is held, each compared with its child for `m`. */
  pairs: number;
  /** Pairs of a query and a child at random, for `u`. */
  strangers: number;
  /** Searches whose candidates calibrated the score; of these, with a child that is held; of these, overlooked. */
  searches: number;
  held: number;
  overlooked: number;
  /** Whether the queries were searches of people, which also tell how often a value is wholly wrong or a child not held. */
  realSearches: boolean;
}

/** All numbers of the score. Readable and versioned: src/matching/model/weights.*.ts. */
export interface Model {
  version: string;
  /** Undefined where all was set by hand. */
  training?: Training;
  calibration: Calibration;
  prior: {
    /** Share of searches whose child is in the directory. */
    held: number;
    /** Share of those whose child is not among the candidates that were found. */
    overlooked: number;
    /** Children that a directory is taken to be larger by, so that a small one's frequencies are not believed too much. */
    pseudoChildren: number;
    /** Share of children that bear a name about which nothing is known, blended in as `pseudoChildren`. */
    commonGiven: number;
    commonFamily: number;
    /** How many children are expected to bear a typed name that the frequencies don't list. */
    unlisted: number;
  };
  given: Record<NameLevel, NameWeight>;
  family: Record<NameLevel, NameWeight>;
  /** Share of children whose name a typed one meets at these levels by chance; two typos halve with each letter after five. */
  byChance: { phonetic: number; twoTypos: number; close: number };
  /** How much two names of a double-barrelled family occur together beyond chance; share of names made of two. */
  doubled: number;
  /** Share of searches with a space where none belongs. */
  spaced: number;
  middle: {
    /** Share of searches that state one. */
    typed: number;
    /** Ratios m/u of the names after the first. */
    same: number;
    alike: number;
    omitted: number;
    added: number;
    different: number;
  };
  /** How often names are typed otherwise than field by field. */
  arrangement: { swapped: number; swappedOneKnown: number; divided: number };
  /** How often a child is asked for by a name of this kind. */
  nameKind: Record<NameKind, number>;
  /** `in-range` is for a range of one year. */
  date: Record<DateLevel, Weight>;
  gender: Record<GenderLevel, Weight>;
  line: Record<AddressLevel, Weight>;
  /** The same where the postcode agrees already, and with it the street. */
  lineInPostcode: Record<AddressLevel, Weight>;
  postcode: Record<PostcodeLevel, Weight>;
  town: Record<TownLevel, Weight>;
  townInPostcode: Record<TownLevel, Weight>;
  /** How often a child is asked for by an address that isn't the current one. */
  formerAddress: number;
  parent: Record<ParentLevel, Weight>;
  /** Of the child typed, how many brothers, sisters and twins are in the directory, and how often they share what. */
  household: {
    siblings: number;
    twins: number;
    family: number;
    address: number;
    parent: number;
    /** Ratio for a given name that agrees exactly, or nearly, with that of a brother or sister. */
    sameGiven: number;
    likeGiven: number;
    sameDate: number;
  };
}
