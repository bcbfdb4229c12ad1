import { InvalidArgumentError } from 'commander';
import { isCalendarDate } from '../matching/dates.js';

/** A commander parser for a whole number from `least` to `most`. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (!/^\d+$/.test(text) || number < least || number > most) {
      throw new InvalidArgumentError(`It takes a whole number from ${least} to ${most}.`);
    }
    return number;
  };
}

/** A commander parser for a day of the calendar, YYYY-MM-DD. */
export function calendarDay(text: string): string {
  if (!isCalendarDate(text)) {
    throw new InvalidArgumentError('It takes a date: YYYY-MM-DD.');
  }
  return text;
}
