import { compareDates, type DateLevel } from './compare-dates.js';
import { daysBetween } from './dates.js';
import { type Evidence, single } from './evidence.js';
import type { Model } from './model/model.js';
import type { Agreement, DateCriterion } from './types.js';

const DAYS_IN_YEAR = 365.25;

const AGREEMENTS: Record<DateLevel, Agreement> = {
  'same-day': 'exact',
  'same-placeholder': 'exact',
  'day-and-month-swapped': 'swapped',
  'year-off-by-one': 'typo',
  'digits-transposed': 'typo',
  'digit-wrong': 'typo',
  'placeholder-in-same-year': 'partial',
  'two-parts-same': 'partial',
  'same-month': 'exact',
  'same-year': 'exact',
  'in-range': 'exact',
  'just-outside': 'typo',
  different: 'disagrees',
};

/** Twins share a date of birth, other brothers and sisters never do. */
export function weighDate(stated: DateCriterion, recorded: string, { date, household }: Model): Evidence {
  const level = compareDates(stated, recorded);
  const { m, u } = date[level];
  const ratio = level === 'in-range' ? Math.max(1, m / (u * yearsOf(stated))) : m / u;
  const sameDay = level === 'same-day' || level === 'same-placeholder';
  return {
    ...single('dateOfBirth', level, AGREEMENTS[level], ratio),
    sibling: sameDay ? household.sameDate * ratio : Math.max(1, ratio),
    twin: ratio,
  };
}

/** A range holds a stranger's birthday the more easily the longer it is; the weight is that of a year. */
function yearsOf(stated: DateCriterion): number {
  return stated.kind === 'range' ? (daysBetween(stated.from, stated.to) + 1) / DAYS_IN_YEAR : 1;
}
