const MS_A_DAY = 86_400_000;
/** A childhood and a family's years together are some 13,000 days, each asked for a thousand times over. */
const written = new Map<number, string>();

/** Days since 1 January 1970 of a YYYY-MM-DD. */
export function toDay(date: string): number {
  return Date.parse(`${date}T00:00:00Z`) / MS_A_DAY;
}

/** YYYY-MM-DD of a number of days since 1 January 1970. */
export function toDate(day: number): string {
  let date = written.get(day);
  if (date === undefined) {
    date = new Date(day * MS_A_DAY).toISOString().slice(0, 10);
    written.set(day, date);
  }
  return date;
}

/** 0 is Sunday. */
export function weekdayOf(date: string): number {
  return new Date(toDay(date) * MS_A_DAY).getUTCDay();
}

/** The earliest date of birth of somebody who is under `age` on a date. */
export function youngerThan(age: number, asOf: string): string {
  const [year, month, day] = asOf.split('-').map(Number) as [number, number, number];
  // From 29 February this may fall on 1 March, by which one child of that day too many is left out.
  const birthday = Date.UTC(year - age, month - 1, day) / MS_A_DAY;
  return toDate(birthday + 1);
}

/** Whole years from a date of birth to another date. */
export function ageOn(asOf: string, dateOfBirth: string): number {
  const years = Number(asOf.slice(0, 4)) - Number(dateOfBirth.slice(0, 4));
  return asOf.slice(5) < dateOfBirth.slice(5) ? years - 1 : years;
}
