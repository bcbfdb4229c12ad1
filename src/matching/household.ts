import { type AddressLine, addressKeys, isStreet, parseAddressLine, townTokens } from './address.js';
import { parseName } from './normalise.js';
import { compactPostcode } from './postcode.js';

export interface Place {
  /** House and street, all lines in one. */
  line: string;
  town: string;
  /** Empty where there is none. */
  postcode: string;
}

export interface ParentContact {
  name: string;
  phone: string | null;
  email: string | null;
}

/** `assumed` where one of them says no more than the street, the place or the postcode, and not in the words of the other. */
export type HomeComparison = 'same' | 'assumed' | 'different';

/**
 * Whether two addresses are one home, as far as they say: the same postcode, and the same house there. One that does not say
 * which flat in it counts as the same. Without a postcode the whole line and the town must be the same.
 */
export function compareHomes(one: Place, other: Place): HomeComparison {
  const postcode = compactPostcode(one.postcode);
  if (postcode !== compactPostcode(other.postcode)) return 'different';
  const [a, b] = [parseAddressLine(one.line), parseAddressLine(other.line)];
  if (postcode === '') {
    const inOneTown = townTokens(one.town).join() === townTokens(other.town).join();
    return a.joined !== '' && a.joined === b.joined && inOneTown ? 'same' : 'different';
  }
  if (differ(a.number, b.number) || differ(a.flat, b.flat)) return 'different';
  if (a.joined === '' || b.joined === '') return 'assumed';
  if (a.joined === b.joined) return 'same';
  if ((unnumbered(a) || unnumbered(b)) && a.streetName === b.streetName) return 'assumed';
  const keys = new Set(addressKeys(one.line, postcode));
  if (!addressKeys(other.line, postcode).some((key) => keys.has(key))) return 'different';
  // Of one with a number and one without what meets may be the name of a place.
  return namesHouse(a) && namesHouse(b) && unnumbered(a) === unnumbered(b) ? 'same' : 'assumed';
}

function unnumbered({ number, flat }: AddressLine): boolean {
  return (number ?? flat) === undefined;
}

/** What is no kind of street may be the name of a house. */
function namesHouse(line: AddressLine): boolean {
  return !unnumbered(line) || line.house.length > 0 || (line.streetName !== '' && !isStreet(line));
}

function differ(one: string | undefined, other: string | undefined): boolean {
  return one !== undefined && other !== undefined && one !== other;
}

/** Whether two parents are one: the same name, and the same telephone number or e-mail address. */
export function isSameParent(one: ParentContact, other: ParentContact): boolean {
  if (!isSameParentName(one.name, other.name)) return false;
  const [phone, email] = [phoneKey(one.phone), emailKey(one.email)];
  return (phone !== '' && phone === phoneKey(other.phone)) || (email !== '' && email === emailKey(other.email));
}

/** In one part at least, so that one part of a double-barrelled name is enough. */
export function isSameFamilyName(one: string, other: string): boolean {
  const tokens = new Set(parseName(one).tokens);
  return parseName(other).tokens.some((token) => tokens.has(token));
}

/** By first and last part: middle names come and go. A name of one part is compared whole. */
export function isSameParentName(one: string, other: string): boolean {
  const [a, b] = [parseName(one), parseName(other)];
  if (a.joined === '') return false;
  if (a.joined === b.joined) return true;
  if (a.tokens.length < 2 || b.tokens.length < 2) return false;
  return a.tokens[0] === b.tokens[0] && a.tokens.at(-1) === b.tokens.at(-1);
}

/** The last nine digits, in which no prefix of a country is left; empty where there are fewer. */
export function phoneKey(phone: string | null): string {
  const digits = (phone ?? '').replace(/[^0-9]/g, '');
  return digits.length < 9 ? '' : digits.slice(-9);
}

export function emailKey(email: string | null): string {
  return (email ?? '').toLowerCase();
}
