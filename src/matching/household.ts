import { addressKeys, parseAddressLine, townTokens } from './address.js';
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

/**
 * Whether two addresses are one home, as far as they say: the same postcode, and the same house there; of one that does
 * not say which house, or which flat in it, it must be assumed. Without a postcode the whole line and the town must be
 * the same.
 */
export function isSameHome(one: Place, other: Place): boolean {
  const postcode = compactPostcode(one.postcode);
  if (postcode !== compactPostcode(other.postcode)) return false;
  const [a, b] = [parseAddressLine(one.line), parseAddressLine(other.line)];
  if (postcode === '') {
    return a.joined !== '' && a.joined === b.joined && townTokens(one.town).join() === townTokens(other.town).join();
  }
  if (a.joined === '' || b.joined === '' || a.joined === b.joined) return true;
  if (differ(a.number, b.number) || differ(a.flat, b.flat)) return false;
  const unnumbered = (a.number ?? a.flat) === undefined || (b.number ?? b.flat) === undefined;
  if (unnumbered && a.streetName === b.streetName) return true;
  const keys = new Set(addressKeys(one.line, postcode));
  return addressKeys(other.line, postcode).some((key) => keys.has(key));
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
