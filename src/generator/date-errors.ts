import { toDate, toDay } from './calendar.js';
import type { ErrorMaker } from './errors.js';
import { chance, pick, type Random } from './random.js';

/** Errors in a date of birth, YYYY-MM-DD. All but the last two give a day of the calendar. */
export const dateErrors = {
  'day-month-swapped': (date) => {
    const [year, month, day] = date.split('-') as [string, string, string];
    return checked(`${year}-${day}-${month}`, date);
  },
  'digit-wrong': (date, random) => changeDate(date, random, replaceDigit),
  'digits-transposed': (date, random) => changeDate(date, random, transposeDigits),
  'year-off-by-one': (date, random) =>
    checked(`${Number(date.slice(0, 4)) + (chance(random, 0.5) ? 1 : -1)}${date.slice(4)}`, date),
  'year-month-only': (date) => date.slice(0, 7),
  'year-only': (date) => date.slice(0, 4),
} satisfies Record<string, ErrorMaker>;

/** Years by which a searcher's date may be off. */
const FARTHEST = 10;

function replaceDigit(digits: string[], at: number, random: Random): void {
  digits[at] = pick(
    random,
    [...'0123456789'].filter((digit) => digit !== digits[at]),
  );
}

function transposeDigits(digits: string[], at: number): void {
  // Within the year, the month or the day; across a hyphen nobody's fingers slip.
  if (!/\d/.test(digits[at + 1] ?? '')) return;
  [digits[at], digits[at + 1]] = [digits[at + 1]!, digits[at]!];
}

/** Changes one of the digits after the century's until the date is one of the calendar again. */
function changeDate(
  date: string,
  random: Random,
  change: (digits: string[], at: number, random: Random) => void,
): string | undefined {
  for (let attempt = 0; attempt < 40; attempt++) {
    const digits = [...date];
    change(digits, pick(random, [2, 3, 5, 6, 8, 9]), random);
    const changed = checked(digits.join(''), date);
    if (changed !== undefined) return changed;
  }
  return undefined;
}

/** The changed date, if it is another one and a searcher might have typed it. */
function checked(changed: string, date: string): string | undefined {
  const [year, month, day] = changed.split('-').map(Number) as [number, number, number];
  const far = Math.abs(year - Number(date.slice(0, 4))) > FARTHEST;
  if (changed === date || far || month < 1 || month > 12 || day < 1 || day > 31) return undefined;
  return toDate(toDay(changed)) === changed ? changed : undefined;
}
