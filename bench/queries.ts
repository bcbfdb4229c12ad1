import type pg from 'pg';
import { CommandError } from '../src/errors.js';
import { drawChildren } from '../src/generator/population.js';
import { collectQueries } from '../src/generator/queries.js';
import { createRandom } from '../src/generator/random.js';
import { daysInMonth } from '../src/matching/dates.js';
import type { Query } from '../src/services/evaluate/queries.js';
import type { LoadFacts } from './bench-directory.js';
import { keep, recall } from './kept.js';

/** A search for a child by name and date of birth, as every system is asked it. */
export interface BenchQuery {
  source: Query;
  givenNames: string;
  familyName: string;
  date: KnownDate | undefined;
  /** The child meant; undefined where the directory does not have it. */
  childId: string | undefined;
}

/** A date of birth as far as it is known: the day, or the first and last day that it may be. */
export type KnownDate = { day: string } | { from: string; to: string };

/** Of a query with too little in it there is another one. */
const SPARE = 1.1;
/** Children whom the feed has and the directory has not: the few who came of age between. */
const LOST_AT_MOST = 0.02;

/**
 * Queries with known errors about the children that are loaded, in an order of their own, so that any number from the
 * start is a fair sample. Those that the directory would refuse for want of criteria are asked of nobody.
 * @param pool of the directory's own database
 */
export async function prepareQueries(pool: pg.Pool, load: LoadFacts, count: number): Promise<BenchQuery[]> {
  const queries = await generateOnce(pool, load, Math.ceil(count * SPARE) + 20);
  const { rows } = await pool.query<{ source_id: string; child_id: string }>(
    'select source_id, child_id from source_records where source_id = any($1)',
    [queries.map((query) => query.source_id)],
  );
  const childIds = new Map(rows.map((row) => [row.source_id, row.child_id]));
  const targets = queries.filter((query) => query.target_in_records_csv !== false);
  const lost = targets.filter((query) => !childIds.has(query.source_id)).length;
  if (lost > targets.length * LOST_AT_MOST)
    throw new CommandError('The children loaded are not those of this --seed and --as-of');
  const usable = queries.map((query) => toBenchQuery(query, childIds)).filter(isEnough);
  if (usable.length < count) throw new CommandError(`There are only ${usable.length} queries: ask for fewer`);
  return usable.slice(0, count);
}

/** To pick the children asked about, all of them are drawn once more: minutes for millions, so the queries are kept. */
async function generateOnce(pool: pg.Pool, { children, seed, asOf }: LoadFacts, count: number): Promise<Query[]> {
  const name = `queries ${seed} ${asOf} ${count}`;
  const kept = await recall<Query[]>(pool, name);
  if (kept) return kept;
  const collector = collectQueries({ seed, asOf, count });
  let drawn = 0;
  for (const child of drawChildren({ seed, asOf })) {
    collector.see(child);
    drawn++;
    if (drawn === children) break;
    // Time to hear Ctrl-C.
    if (drawn % 10_000 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const queries = shuffle(collector.finish(), seed);
  await keep(pool, name, queries);
  return queries;
}

function shuffle<T>(values: T[], seed: number): T[] {
  const random = createRandom(seed);
  return values
    .map((value) => ({ value, place: random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ value }) => value);
}

function toBenchQuery(source: Query, childIds: Map<string, string>): BenchQuery {
  return {
    source,
    givenNames: source.given_names ?? '',
    familyName: source.family_name ?? '',
    date: readDate(source.date_of_birth ?? ''),
    childId: source.target_in_records_csv === false ? undefined : childIds.get(source.source_id),
  };
}

/** The least criteria, as far as names and date go. */
function isEnough({ familyName, givenNames, date }: BenchQuery): boolean {
  return familyName !== '' && (givenNames !== '' || date !== undefined);
}

function readDate(text: string): KnownDate | undefined {
  const [year, month, day] = text.split('-');
  if (!year) return undefined;
  if (day) return { day: text };
  if (month) return { from: `${text}-01`, to: `${text}-${daysInMonth(Number(year), Number(month))}` };
  return { from: `${year}-01-01`, to: `${year}-12-31` };
}
