import { queryFields } from './queries.js';
import type { Recall } from './recall.js';
import { round } from './statistics.js';

const ORIGIN = 'origin: ';
/** Fields in the order in which they are read; others come after them. */
const FIELDS: readonly string[] = ['name_and_date', ...queryFields];
/** What is no error comes first, what isn't known last; errors between, the worst first. */
const PLACES: Record<string, number> = { same: 0, missing: 2, 'not-held': 3 };

export interface Spread {
  worst: string;
  best: string;
  worstRecallAt10: number;
  bestRecallAt10: number;
  difference: number;
}

export function sliceOfOrigin(origin: string): string {
  return ORIGIN + origin;
}

/** Field by field, then origins, the worst first. */
export function sortSlices(slices: [string, Recall][]): [string, Recall][] {
  const keyed = slices.map(([name, recall]) => {
    const [field = '', kind = ''] = name.split(': ');
    const at = FIELDS.indexOf(field);
    const isOrigin = name.startsWith(ORIGIN);
    return { name, recall, group: isOrigin ? FIELDS.length + 1 : at < 0 ? FIELDS.length : at, field, kind };
  });
  keyed.sort(
    (a, b) =>
      a.group - b.group ||
      (a.field < b.field ? -1 : a.field > b.field ? 1 : 0) ||
      (PLACES[a.kind] ?? 1) - (PLACES[b.kind] ?? 1) ||
      a.recall.recallAt10 - b.recall.recallAt10 ||
      a.recall.recallAt1 - b.recall.recallAt1 ||
      (a.kind < b.kind ? -1 : 1),
  );
  return keyed.map(({ name, recall }) => [name, recall]);
}

/** How even the search is: the origins of names found least and most often. Undefined where there are fewer than two. */
export function spreadOfOrigins(slices: Record<string, Recall>): Spread | undefined {
  const origins = Object.entries(slices)
    .filter(([name]) => name.startsWith(ORIGIN))
    .map(([name, { recallAt10 }]) => ({ origin: name.slice(ORIGIN.length), recallAt10 }))
    .sort((a, b) => a.recallAt10 - b.recallAt10);
  const [worst, best] = [origins[0], origins.at(-1)];
  if (!worst || !best || origins.length < 2) return undefined;
  return {
    worst: worst.origin,
    best: best.origin,
    worstRecallAt10: worst.recallAt10,
    bestRecallAt10: best.recallAt10,
    difference: round(best.recallAt10 - worst.recallAt10),
  };
}
