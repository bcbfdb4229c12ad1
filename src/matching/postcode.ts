import { fix, isValid } from 'postcode';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const LONGEST = 10;

/** Letters and digits alone, upper case: what is compared when a postcode is not a valid one. */
export function compactPostcode(text: string): string {
  return text
    .slice(0, 40)
    .toUpperCase()
    .replace(/[^A-Z0-9]/g, '')
    .slice(0, LONGEST);
}

/** `'sw1a 1aa'` → `'SW1A1AA'`; letters read as digits and the other way round are put right; undefined if it is no UK postcode. */
export function normalisePostcode(text: string): string | undefined {
  const compact = compactPostcode(text);
  if (isValid(compact)) return compact;
  const fixed = compactPostcode(fix(compact));
  return isValid(fixed) ? fixed : undefined;
}

/** Outward part and first digit: `'SW1A1AA'` → `'SW1A1'`, a few thousand households. Takes a normalised postcode. */
export function postcodeSector(postcode: string): string {
  return postcode.slice(0, -2);
}

/** Outward part, the post town's district: `'SW1A1AA'` → `'SW1A'`. Takes a normalised postcode. */
export function postcodeDistrict(postcode: string): string {
  return postcode.slice(0, -3);
}

/**
 * Postcodes that may have been meant: the one typed first (where valid), then two neighbours swapped, then one character
 * wrong, and for what is no postcode also one too many or too few. Normalised; empty where nothing can be made of it.
 */
export function postcodeVariants(text: string): string[] {
  const compact = compactPostcode(text);
  if (compact.length < 4) return [];
  const found = new Set<string>();
  const typed = normalisePostcode(text);
  const add = (variant: string) => {
    if (isValid(variant)) found.add(variant);
  };
  if (typed !== undefined) found.add(typed);
  const base = typed ?? compact;
  for (let at = 0; at + 1 < base.length; at++) {
    add(base.slice(0, at) + base[at + 1] + base[at] + base.slice(at + 2));
  }
  for (let at = 0; at < base.length; at++) {
    for (const character of ALPHABET) add(base.slice(0, at) + character + base.slice(at + 1));
  }
  if (typed === undefined) {
    for (let at = 0; at <= base.length; at++) {
      add(base.slice(0, at) + base.slice(at + 1));
      for (const character of ALPHABET) add(base.slice(0, at) + character + base.slice(at));
    }
  }
  return [...found];
}
