import { LOCALITY_WORDS, STREET_KINDS, STREET_WORDS, UNIT_WORDS } from './data/street-words.js';
import { fold } from './normalise.js';
import { phoneticKeys } from './phonetic.js';

export * from './postcode.js';

/** An address line as compared. Undefined parts were not stated. */
export interface AddressLine {
  /** House number with its letter: `'12a'`. */
  number?: string;
  /** Flat, unit or room: `'3'`. */
  flat?: string;
  /** Street words in full form: `['high', 'street']`; the last may be a kind of street. */
  street: readonly string[];
  /** Words before a number or comma: a house's name, a block. */
  house: readonly string[];
  /** All words, in order, in one form. */
  joined: string;
  /** The street's words joined, with and without the kind of street. */
  streetJoined: string;
  streetName: string;
  houseJoined: string;
}

const LONGEST_LINE = 200;

/** Reads `'Flat 3, Rose Ct, 12a High St.'`. UK addresses follow no grammar: what isn't understood ends up in the street. */
export function parseAddressLine(text: string): AddressLine {
  const segments = text
    .slice(0, LONGEST_LINE)
    .split(/[,;\n]/)
    .map((segment) => words(segment))
    .filter((segment) => segment.length > 0);
  let number: string | undefined;
  let flat: string | undefined;
  const named: string[][] = [];
  for (const segment of segments) {
    const rest = [...segment];
    if (UNIT_WORDS.has(rest[0] as string) && rest.length > 1) {
      rest.shift();
      flat = rest.shift();
    }
    const slash = /^(\d+[a-z]?)$/;
    if (rest.length > 0 && slash.test(rest[0] as string)) {
      // "3/12 High Street" and "3 12 High Street": the first is the flat.
      if (rest.length > 1 && slash.test(rest[1] as string)) flat ??= rest.shift();
      number ??= rest.shift();
      if (rest.length > 1 && /^[a-d]$/.test(rest[0] as string)) number = `${number}${rest.shift()}`;
    }
    if (rest.length > 0) named.push(rest);
  }
  const streetAt = named.findIndex((segment) => isStreet({ street: segment }));
  const street = named[streetAt >= 0 ? streetAt : named.length - 1] ?? [];
  const house = named.filter((segment) => segment !== street).flat();
  return {
    ...(number === undefined ? {} : { number }),
    ...(flat === undefined ? {} : { flat }),
    street,
    house,
    joined: segments.flat().join(''),
    streetJoined: street.join(''),
    streetName: telling(street).join(''),
    houseJoined: house.join(''),
  };
}

/** Whether the last word of the street is a kind of street. */
export function isStreet({ street }: Pick<AddressLine, 'street'>): boolean {
  return STREET_KINDS.has(street.at(-1) ?? '');
}

function words(text: string): string[] {
  return fold(text)
    .split(' ')
    .filter((word) => word !== '' && word !== 'the')
    .map((word) => STREET_WORDS.get(word) ?? word);
}

/** A town without county and `upon`-like words: `'Newcastle-upon-Tyne'` → `['newcastle', 'tyne']`. */
export function townTokens(text: string): string[] {
  const all = fold(text)
    .split(' ')
    .filter((word) => word !== '');
  const telling = all.filter((word) => !LOCALITY_WORDS.has(word));
  return telling.length > 0 ? telling : all;
}

/**
 * Keys by which two spellings of an address meet: number with street, number with the sound of the street, street with the
 * flat, house name, and number with postcode.
 */
export function addressKeys(line: string, postcode?: string): string[] {
  const { number, flat, streetName: name, house } = parseAddressLine(line);
  const keys = new Set<string>();
  if (name !== '') {
    const place = number ?? flat ?? '';
    keys.add(`a:${place}:${name}`);
    for (const sound of phoneticKeys(name)) keys.add(`a:${place}:${sound}`);
    // A house's name alone looks like a street.
    if (place === '') keys.add(`h:${name}`);
  }
  if (house.length > 0) keys.add(`h:${house.join('')}`);
  const compact = postcode?.toUpperCase().replace(/[^A-Z0-9]/g, '');
  if (compact && (number ?? flat)) keys.add(`p:${number ?? flat}:${compact}`);
  return [...keys];
}

/** A street's own name, without the kind of street, unless there is nothing else (`The Avenue`). */
function telling(street: readonly string[]): readonly string[] {
  return street.length > 1 && isStreet({ street }) ? street.slice(0, -1) : street;
}
