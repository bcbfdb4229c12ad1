import anyAscii from 'any-ascii';
import type { PersonName } from './child.js';
import { between, chance, pick, type Random } from './random.js';

/** Numbers that Ofcom keeps for drama and gives to nobody: https://www.ofcom.org.uk, "Telephone numbers for drama". */
const MOBILE = '07700 900';
const landlines: readonly (readonly [areas: RegExp, prefix: string])[] = [
  [/^(B|CV|WV|WS|DY)\d/, '0121 496 0'],
  [/^(LS|BD|WF|HX)\d/, '0113 496 0'],
  [/^S\d/, '0114 496 0'],
  [/^NG\d/, '0115 496 0'],
  [/^LE\d/, '0116 496 0'],
  [/^BS\d/, '0117 496 0'],
  [/^RG\d/, '0118 496 0'],
  [/^(L|CH)\d/, '0151 496 0'],
  [/^(M|OL|SK|BL)\d/, '0161 496 0'],
  [/^(NE|SR|DH)\d/, '0191 498 0'],
  [/^(E|EN|HA|IG|KT|N|NW|RM|SE|SM|SW|TW|UB|W|BR|CR)\d/, '020 7946 0'],
];
const ELSEWHERE = '01632 960';

export function drawMobile(random: Random): string {
  return MOBILE + threeDigits(random);
}

/** @param district outward code, as `LS6` */
export function drawLandline(random: Random, district: string): string {
  return (landlines.find(([areas]) => areas.test(district))?.[1] ?? ELSEWHERE) + threeDigits(random);
}

/** At a domain that RFC 2606 keeps for examples. */
export function drawEmail(random: Random, { given, family }: PersonName): string {
  const [first, last] = [given, family].map((name) =>
    anyAscii(name)
      .toLowerCase()
      .replace(/[^a-z]/g, ''),
  );
  const number = chance(random, 0.5) ? String(between(random, 1, 99)) : '';
  return `${pick(random, [`${first}.${last}`, `${first}${last}`, `${first?.[0] ?? ''}${last}`])}${number}@${pick(random, ['example.org', 'example.net'])}`;
}

function threeDigits(random: Random): string {
  return String(between(random, 0, 999)).padStart(3, '0');
}
