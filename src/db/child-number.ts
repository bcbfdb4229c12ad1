import { randomInt } from 'node:crypto';

/**
 * Check digit of the first nine digits, weights 10 to 2, modulus 11 (as the NHS number's; NHS Data Dictionary).
 * @returns the digit, or undefined where it would be 10: such a number is never issued
 */
export function checkDigit(nineDigits: string): string | undefined {
  let sum = 0;
  for (let position = 0; position < 9; position++) sum += Number(nineDigits[position]) * (10 - position);
  const check = (11 - (sum % 11)) % 11;
  return check === 10 ? undefined : String(check);
}

/** True for ten digits of which the last is the right check digit. */
export function isChildNumber(text: string): boolean {
  return /^[0-9]{10}$/.test(text) && checkDigit(text.slice(0, 9)) === text[9];
}

/** A number drawn at random, so that it tells nothing of when or where it was issued. Not yet known to be free. */
export function drawNumber(): string {
  for (;;) {
    const nineDigits = String(randomInt(0, 1_000_000_000)).padStart(9, '0');
    const check = checkDigit(nineDigits);
    if (check !== undefined) return nineDigits + check;
  }
}
