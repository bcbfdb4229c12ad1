import { toDate, toDay, youngerThan } from './calendar.js';
import { between, chance, type Random } from './random.js';

const ADULT_AT = 18;
/** Of all maternities in England (ONS, Birth characteristics 2021: 14.0 to 15.5 in a thousand over the years). */
const TWINS = 1 / 65;
const MOST_CHILDREN = 8;
/** Days within which a mother has all her children, at the longest. */
const LONGEST_FAMILY = 16 * 365;
/** Births by month, beside an even spread: most in September, fewest in late winter and spring (ONS births by day). */
const SEASON = [0.97, 0.96, 0.97, 0.97, 0.99, 1.0, 1.03, 1.02, 1.05, 1.03, 1.01, 1.0];
const HIGHEST = 1.05;

export interface Birth {
  dateOfBirth: string;
  twin: boolean;
}

/** The days on which somebody was born who is under 18 on a date, first and last, counted from 1 January 1970. */
export interface Childhood {
  first: number;
  last: number;
}

/** @param asOf YYYY-MM-DD */
export function childhoodAt(asOf: string): Childhood {
  return { first: toDay(youngerThan(ADULT_AT, asOf)), last: toDay(asOf) };
}

/**
 * The births of one mother within a childhood, eldest first; at least one.
 * Mothers begin at any time, so that every age of childhood is as common as any other: those whose children are all
 * grown up or yet to come are passed over.
 * @param mean how many children mothers have in the end
 */
export function drawBirths(random: Random, { first, last }: Childhood, mean: number): Birth[] {
  for (;;) {
    const births: Birth[] = [];
    const count = drawCount(random, mean);
    let day = seasonable(random, () => between(random, first - LONGEST_FAMILY, last));
    const end = day + LONGEST_FAMILY;
    for (let number = 0; number < count && day <= Math.min(last, end); number++) {
      if (number > 0) {
        const before = day;
        day = seasonable(random, () => before + spacing(random));
        if (day > Math.min(last, end)) break;
      }
      const twin = chance(random, TWINS);
      if (day < first) continue;
      const dateOfBirth = toDate(day);
      births.push({ dateOfBirth, twin });
      if (twin) births.push({ dateOfBirth, twin });
    }
    if (births.length > 0) return births;
  }
}

/** One, and then on with a probability that falls after the second: two children are commonest, large families rare. */
function drawCount(random: Random, mean: number): number {
  const second = Math.min(0.95, 0.79 + (mean - 2.2) * 0.15);
  const further = Math.min(0.75, Math.max(0.1, 0.33 + (mean - 2.2) * 0.3));
  let count = 1;
  while (count < MOST_CHILDREN && chance(random, count === 1 ? second : further)) count++;
  return count;
}

/** Days between two births: at least eleven months, two to four years mostly, now and then many. */
function spacing(random: Random): number {
  return Math.round(335 + (random() + random()) * 730 + (chance(random, 0.12) ? random() * 2500 : 0));
}

function seasonable(random: Random, draw: () => number): number {
  for (;;) {
    const day = draw();
    const month = Number(toDate(day).slice(5, 7)) - 1;
    if (chance(random, SEASON[month]! / HIGHEST)) return day;
  }
}
