const DAY_MS = 86_400_000;

export interface DateParts {
  year: number;
  month: number;
  day: number;
}

export function dateParts(date: string): DateParts {
  return { year: Number(date.slice(0, 4)), month: Number(date.slice(5, 7)), day: Number(date.slice(8, 10)) };
}

/** Whether a text is `YYYY-MM-DD` and a day that the calendar has. */
export function isCalendarDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const { year, month, day } = dateParts(text);
  // The calendar has no year 0, and PostgreSQL no such date.
  return year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(year, month);
}

export function daysInMonth(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

export function formatDate({ year, month, day }: DateParts): string {
  return `${String(year).padStart(4, '0')}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`;
}

/** Whole days from one date to the other, sign ignored. */
export function daysBetween(a: string, b: string): number {
  return Math.abs(Date.parse(`${a}T00:00:00Z`) - Date.parse(`${b}T00:00:00Z`)) / DAY_MS;
}

/** Three keys of two parts each: a date with one part wrong still shares one of them. */
export function dateKeys(date: string): string[] {
  const [year, month, day] = date.split('-');
  return [`ym:${year}-${month}`, `yd:${year}-${day}`, `md:${month}-${day}`];
}

/**
 * True dates for which this one may have been typed, only days of the calendar: itself first, then day and month swapped,
 * then year off by one, neighbouring digits swapped, one digit wrong.
 */
export function dateVariants(date: string): string[] {
  const { year, month, day } = dateParts(date);
  const found = new Set<string>([date]);
  const add = (variant: string) => {
    if (isCalendarDate(variant)) found.add(variant);
  };
  add(formatDate({ year, month: day, day: month }));
  add(formatDate({ year: year - 1, month, day }));
  add(formatDate({ year: year + 1, month, day }));
  const digits = date.replaceAll('-', '');
  const dashed = (eight: string) => `${eight.slice(0, 4)}-${eight.slice(4, 6)}-${eight.slice(6)}`;
  for (let at = 0; at < 7; at++) {
    add(dashed(digits.slice(0, at) + digits[at + 1] + digits[at] + digits.slice(at + 2)));
  }
  // The century of a child's birth is seldom mistyped, and ten wrong thousands would only be noise.
  for (let at = 2; at < 8; at++) {
    for (let digit = 0; digit <= 9; digit++) add(dashed(digits.slice(0, at) + digit + digits.slice(at + 1)));
  }
  return [...found];
}
