import { type AddressLine, parseAddressLine, townTokens } from './address.js';
import { phoneticKeys } from './phonetic.js';
import { compactPostcode, normalisePostcode, postcodeDistrict, postcodeSector } from './postcode.js';
import { editDistance, jaroWinkler } from './strings.js';

export const POSTCODE_LEVELS = ['same', 'one-character', 'same-sector', 'same-district', 'different'] as const;
export type PostcodeLevel = (typeof POSTCODE_LEVELS)[number];

export const ADDRESS_LEVELS = ['same', 'same-but-flat', 'alike', 'same-street', 'same-number', 'different'] as const;
export type AddressLevel = (typeof ADDRESS_LEVELS)[number];

export const TOWN_LEVELS = ['same', 'alike', 'different'] as const;
export type TownLevel = (typeof TOWN_LEVELS)[number];

/** A postcode in the forms that are compared. */
export interface PostcodePart {
  /** Upper case without space, valid or not. */
  compact: string;
  valid: boolean;
}

export interface TownPart {
  tokens: readonly string[];
  joined: string;
}

export interface PlacePart {
  line?: AddressLine;
  town?: TownPart;
  postcode?: PostcodePart;
}

/** Blank parts, and parts in which no letter or digit is left, are not stated. */
export function parsePlace(place: { line?: string; town?: string; postcode?: string }): PlacePart {
  const line = parseLine(place.line ?? '');
  const town = parseTown(place.town ?? '');
  const postcode = parsePostcode(place.postcode ?? '');
  return { ...(line ? { line } : {}), ...(town ? { town } : {}), ...(postcode ? { postcode } : {}) };
}

export function parseLine(text: string): AddressLine | undefined {
  const line = text === '' ? undefined : parseAddressLine(text);
  return line && line.joined !== '' ? line : undefined;
}

export function parseTown(text: string): TownPart | undefined {
  const tokens = text === '' ? [] : townTokens(text);
  return tokens.length > 0 ? { tokens, joined: tokens.join('') } : undefined;
}

export function parsePostcode(text: string): PostcodePart | undefined {
  const normal = text === '' ? undefined : normalisePostcode(text);
  const compact = normal ?? compactPostcode(text);
  return compact === '' ? undefined : { compact, valid: normal !== undefined };
}

export function comparePostcodes(a: PostcodePart, b: PostcodePart): PostcodeLevel {
  if (a.compact === b.compact) return 'same';
  const distance = editDistance(a.compact, b.compact, 1);
  if (distance === 1) return 'one-character';
  if (!a.valid || !b.valid) return 'different';
  if (postcodeSector(a.compact) === postcodeSector(b.compact)) return 'same-sector';
  return postcodeDistrict(a.compact) === postcodeDistrict(b.compact) ? 'same-district' : 'different';
}

export function compareTowns(a: TownPart, b: TownPart): TownLevel {
  if (a.joined === b.joined) return 'same';
  const longer = Math.max(a.joined.length, b.joined.length);
  const allowed = longer >= 6 ? 2 : 1;
  if (editDistance(a.joined, b.joined, allowed) <= allowed) return 'alike';
  // A district beside its town, or left out: "Cheetham Hill, Manchester".
  if (a.tokens.some((token) => token.length >= 4 && b.tokens.includes(token))) return 'alike';
  return longer >= 6 && jaroWinkler(a.joined, b.joined) >= 0.93 ? 'alike' : 'different';
}

export function compareLines(a: AddressLine, b: AddressLine): AddressLevel {
  if (a.joined === b.joined) return 'same';
  const street = compareStreets(a, b);
  const number = compareNumbers(a, b);
  if (street === 'same' && number === 'same') return a.flat === b.flat ? 'same' : 'same-but-flat';
  if (street !== 'different' && number === 'same') return 'alike';
  if (street === 'same' && number === 'alike') return 'alike';
  if (street !== 'different') return 'same-street';
  const allowed = Math.min(3, Math.max(1, Math.floor(Math.min(a.joined.length, b.joined.length) / 5)));
  if (editDistance(a.joined, b.joined, allowed) <= allowed) return 'alike';
  return number === 'same' && a.number !== undefined ? 'same-number' : 'different';
}

/** Streets that share a sound code without looking at all alike do so by chance. */
const SOUNDS_ALIKE = 0.75;

type Likeness = 'same' | 'alike' | 'different';

function compareStreets(a: AddressLine, b: AddressLine): Likeness {
  const [x, y] = [a.streetJoined, b.streetJoined];
  if (x === '' || y === '') return 'different';
  if (x === y) return 'same';
  // One side may leave out the kind of street; two stated kinds that differ are two streets.
  if (a.streetName === b.streetName) return a.street.length !== b.street.length ? 'same' : 'alike';
  const allowed = Math.min(3, Math.max(1, Math.floor(Math.min(x.length, y.length) / 4)));
  if (editDistance(x, y, allowed) <= allowed) return 'alike';
  if (a.houseJoined === y || b.houseJoined === x) return 'alike';
  if (jaroWinkler(a.streetName, b.streetName) < SOUNDS_ALIKE) return 'different';
  const sounds = phoneticKeys(b.streetName).filter((key) => key.length > 4);
  return phoneticKeys(a.streetName).some((key) => sounds.includes(key)) ? 'alike' : 'different';
}

function compareNumbers(a: AddressLine, b: AddressLine): Likeness {
  const x = a.number ?? '';
  const y = b.number ?? '';
  if (x === y) return x !== '' || a.houseJoined === b.houseJoined ? 'same' : 'alike';
  // "Flat 3, 12 High Street" and "3, 12 High Street" are read otherwise, so either may be the other's flat.
  if (x === b.flat || y === a.flat) return 'alike';
  if (x === '' || y === '') return 'alike';
  return editDistance(x, y, 1) <= 1 && Math.max(x.length, y.length) >= 2 ? 'alike' : 'different';
}
