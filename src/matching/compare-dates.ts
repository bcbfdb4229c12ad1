import { dateParts, daysBetween, formatDate, isCalendarDate } from './dates.js';
import type { DateCriterion } from './types.js';

/** How a stated date of birth compares with the recorded one, best first. */
export const DATE_LEVELS = [
  'same-day',
  'same-placeholder',
  'day-and-month-swapped',
  'year-off-by-one',
  'digits-transposed',
  'digit-wrong',
  'placeholder-in-same-year',
  'two-parts-same',
  'same-month',
  'same-year',
  'in-range',
  'just-outside',
  'different',
] as const;
export type DateLevel = (typeof DATE_LEVELS)[number];

/** Beyond the end of a range or a year by so much, somebody may have counted wrongly. */
const JUST_OUTSIDE_DAYS = 366;

/** Compares what is known of a date of birth with a recorded `YYYY-MM-DD`. */
export function compareDates(stated: DateCriterion, recorded: string): DateLevel {
  const { year, month } = dateParts(recorded);
  switch (stated.kind) {
    case 'day':
      return compareDays(stated.date, recorded);
    case 'year-month':
      if (stated.year === year) return stated.month === month ? 'same-month' : 'just-outside';
      return stated.month === month && Math.abs(stated.year - year) === 1 ? 'just-outside' : 'different';
    case 'year':
      if (stated.year === year) return 'same-year';
      return Math.abs(stated.year - year) === 1 ? 'just-outside' : 'different';
    case 'range':
      if (recorded >= stated.from && recorded <= stated.to) return 'in-range';
      return Math.min(daysBetween(recorded, stated.from), daysBetween(recorded, stated.to)) <= JUST_OUTSIDE_DAYS
        ? 'just-outside'
        : 'different';
  }
}

/** Symmetric. The first of January often stands for a day that nobody knew. */
export function compareDays(a: string, b: string): DateLevel {
  if (a === b) return isPlaceholder(a) ? 'same-placeholder' : 'same-day';
  const x = dateParts(a);
  const y = dateParts(b);
  const years = Math.abs(x.year - y.year);
  const swapped = formatDate({ year: x.year, month: x.day, day: x.month });
  if (swapped === b && isCalendarDate(swapped)) return 'day-and-month-swapped';
  const sameDayAndMonth = x.month === y.month && x.day === y.day;
  if (sameDayAndMonth && years === 1) return 'year-off-by-one';
  const digits = [...a].map((digit, at) => digit !== b[at]);
  const wrong = digits.filter(Boolean).length;
  if (wrong === 2 && isTransposed(a.replaceAll('-', ''), b.replaceAll('-', ''))) return 'digits-transposed';
  if (years === 0 && (isPlaceholder(a) || isPlaceholder(b))) return 'placeholder-in-same-year';
  if (wrong === 1) return 'digit-wrong';
  const same = [years === 0, x.month === y.month, x.day === y.day].filter(Boolean).length;
  return same === 2 ? 'two-parts-same' : 'different';
}

function isPlaceholder(date: string): boolean {
  return date.endsWith('-01-01');
}

function isTransposed(a: string, b: string): boolean {
  let at = 0;
  while (a[at] === b[at]) at++;
  return a[at] === b[at + 1] && a[at + 1] === b[at] && a.slice(at + 2) === b.slice(at + 2);
}
