import { type AddressLine, parseAddressLine } from './address.js';
import { compareDays, type DateLevel } from './compare-dates.js';
import { compareParts, type NameLevel, type PartComparison } from './compare-names.js';
import { compareParents } from './compare-parents.js';
import {
  type AddressLevel,
  compareLines,
  comparePostcodes,
  type PostcodeLevel,
  parsePostcode,
} from './compare-places.js';
import { compareTokens } from './compare-tokens.js';
import { HONORIFICS } from './data/honorifics.js';
import { phoneKey } from './household.js';
import { fold, type NamePart, parseName } from './normalise.js';
import { editDistance } from './strings.js';

/** How a caller's claim compares with what is held: all that an operator is ever told. */
export const CLAIM_ANSWERS = ['agrees', 'close', 'disagrees', 'not-held'] as const;
export type ClaimAnswer = (typeof CLAIM_ANSWERS)[number];

/** What a caller says of a child, as the operator typed it. */
export interface ChildClaims {
  givenNames?: string;
  familyName?: string;
  dateOfBirth?: string;
  postcode?: string;
  addressLine?: string;
  parentName?: string;
  parentPhone?: string;
}

/** What is held of the child, narrowed to what may be compared. Former addresses are left out: whoever knows one may be the one who was left. */
export interface ChildHeld {
  names: readonly { givenNames: string; familyName: string }[];
  dateOfBirth: string;
  addresses: readonly { line: string; postcode: string }[];
  parents: readonly { name: string; phone: string | null }[];
}

export type ClaimAnswers<Claims> = { [Field in keyof Claims]?: ClaimAnswer };

/*
 * A comparison is stricter here than in a search: "close" tells somebody who guesses that they are near. It is what the
 * ear or the hand gets wrong, and no more.
 */
const NAMES: Partial<Record<NameLevel, ClaimAnswer>> = {
  exact: 'agrees',
  particle: 'agrees',
  reordered: 'agrees',
  spelling: 'close',
  nickname: 'close',
  slip: 'close',
  typo: 'close',
  phonetic: 'close',
  part: 'close',
  'part-alike': 'close',
};
const DATES: Partial<Record<DateLevel, ClaimAnswer>> = {
  'same-day': 'agrees',
  'same-placeholder': 'agrees',
  'day-and-month-swapped': 'close',
  'year-off-by-one': 'close',
  'digits-transposed': 'close',
  'digit-wrong': 'close',
};
const POSTCODES: Partial<Record<PostcodeLevel, ClaimAnswer>> = { same: 'agrees', 'one-character': 'close' };
const LINES: Partial<Record<AddressLevel, ClaimAnswer>> = { same: 'agrees', 'same-but-flat': 'close', alike: 'close' };

/** Each claim against every value that is held of its kind: the best counts. */
export function compareChildClaims(claims: ChildClaims, held: ChildHeld): ClaimAnswers<ChildClaims> {
  const { givenNames, familyName, dateOfBirth, postcode, addressLine, parentName, parentPhone } = claims;
  return stated<ChildClaims>({
    givenNames: best(givenNames, held.names, (claim, name) => claimedName(claim, name.givenNames, 'given')),
    familyName: best(familyName, held.names, (claim, name) => claimedName(claim, name.familyName, 'family')),
    dateOfBirth: best(dateOfBirth, [held.dateOfBirth], (claim, date) => DATES[compareDays(claim, date)] ?? 'disagrees'),
    postcode: best(postcode, held.addresses, (claim, address) => claimedPostcode(claim, address.postcode)),
    addressLine: best(addressLine, held.addresses, (claim, address) => claimedLine(claim, address.line)),
    parentName: best(parentName, held.parents, (claim, parent) => claimedParent(claim, parent.name)),
    parentPhone: best(parentPhone, held.parents, (claim, parent) => claimedPhone(claim, parent.phone)),
  });
}

/** What a practitioner says of themself. */
export interface PractitionerClaims {
  givenNames?: string;
  familyName?: string;
  organisation?: string;
}

export interface PractitionerHeld {
  /** In one piece, given names first. */
  name: string;
  organisation: string | null;
}

export function comparePractitionerClaims(
  { givenNames, familyName, organisation }: PractitionerClaims,
  held: PractitionerHeld,
): ClaimAnswers<PractitionerClaims> {
  const words = fold(held.name).split(' ');
  // As many words as are claimed: "Smith Jones" is one family name where the caller says so.
  const divided = (claimed: string | undefined) => Math.max(1, fold(claimed ?? '').split(' ').length);
  const family = words.slice(-divided(familyName)).join(' ');
  const given = words.slice(0, Math.max(1, words.length - divided(familyName))).join(' ');
  return stated<PractitionerClaims>({
    givenNames: best(givenNames, [given], (claim, name) => claimedName(claim, name, 'given')),
    familyName: best(familyName, [family], (claim, name) => claimedName(claim, name, 'family')),
    organisation: best(organisation, [held.organisation ?? ''], claimedOrganisation),
  });
}

/** @returns undefined where nothing is claimed; `not-held` where nothing is there to compare with */
function best<Value>(
  claim: string | undefined,
  held: readonly Value[],
  compare: (claim: string, value: Value) => ClaimAnswer,
): ClaimAnswer | undefined {
  if (claim === undefined) return undefined;
  const answers = held.map((value) => compare(claim, value));
  return CLAIM_ANSWERS.find((answer) => answers.includes(answer)) ?? 'not-held';
}

function stated<Claims>(answers: { [Field in keyof Claims]?: ClaimAnswer | undefined }): ClaimAnswers<Claims> {
  return Object.fromEntries(
    Object.entries(answers).filter(([, answer]) => answer !== undefined),
  ) as ClaimAnswers<Claims>;
}

function claimedName(claim: string, recorded: string, role: 'given' | 'family'): ClaimAnswer {
  const [typed, held] = [parseName(claim), parseName(recorded)];
  if (held.joined === '') return 'not-held';
  if (typed.joined === '') return 'disagrees';
  const compared = compareParts(typed, held, role);
  const answer = NAMES[compared.level] ?? 'disagrees';
  return answer === 'agrees' && !middleAgrees(compared) ? 'close' : answer;
}

/** Middle names may be left out; those that are claimed have to be held. */
function middleAgrees({ level, middle }: PartComparison): boolean {
  return level !== 'exact' || middle === 'none' || middle === 'same' || middle === 'omitted';
}

function claimedPostcode(claim: string, recorded: string): ClaimAnswer {
  const [typed, held] = [parsePostcode(claim), parsePostcode(recorded)];
  if (!held) return 'not-held';
  return (typed && POSTCODES[comparePostcodes(typed, held)]) ?? 'disagrees';
}

function claimedLine(claim: string, recorded: string): ClaimAnswer {
  const [typed, held]: AddressLine[] = [parseAddressLine(claim), parseAddressLine(recorded)];
  if (!held || held.joined === '') return 'not-held';
  if (!typed || typed.joined === '') return 'disagrees';
  // A street alone is no address, even where no more is held of it.
  return LINES[compareLines(typed, held)] ?? 'disagrees';
}

function claimedParent(claim: string, recorded: string): ClaimAnswer {
  const [typed, held] = [untitled(parseName(claim)), untitled(parseName(recorded))];
  if (held.joined === '') return 'not-held';
  if (typed.joined === '') return 'disagrees';
  const level = compareParents(typed, held, () => false, compareTokens);
  if (level === 'same') return 'agrees';
  const half = level === 'given-only' || level === 'family-only';
  return level === 'alike' || (half && typed.tokens.length === 1) ? 'close' : 'disagrees';
}

function untitled(part: NamePart): NamePart {
  const kept = part.tokens.map((token) => !HONORIFICS.has(token));
  if (!kept.includes(true)) return part;
  const tokens = part.tokens.filter((_, at) => kept[at]);
  return { tokens, cores: part.cores.filter((_, at) => kept[at]), joined: tokens.join('') };
}

function claimedPhone(claim: string, recorded: string | null): ClaimAnswer {
  const held = telling(recorded ?? '');
  if (held === '') return 'not-held';
  const typed = telling(claim);
  if (typed === held) return 'agrees';
  return held.length >= 6 && editDistance(typed, held, 1) === 1 ? 'close' : 'disagrees';
}

/** Of a short number all of it. */
function telling(phone: string): string {
  return phoneKey(phone) || phone.replace(/[^0-9]/g, '');
}

function claimedOrganisation(claim: string, recorded: string): ClaimAnswer {
  const [typed, held] = [claim, recorded].map((name) => fold(name).replaceAll(' ', '')) as [string, string];
  if (held === '') return 'not-held';
  if (typed === held) return 'agrees';
  return held.length >= 6 && editDistance(typed, held, 2) <= 2 ? 'close' : 'disagrees';
}
