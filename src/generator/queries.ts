import type { Child } from './child.js';
import { type Origin, origins } from './groups.js';
import { type Errors, type Knowledge, makeQuery } from './make-query.js';
import { drawChildren } from './population.js';
import { createRandom, type Random } from './random.js';
import { createRecipes, plainer, type Recipe, rightRecipe } from './recipes.js';

/** A line of the query file: the contract's keys, and where the name comes from. */
export interface GeneratedQuery extends Knowledge {
  query_id: string;
  source_id: string;
  target_in_records_csv: boolean;
  name_origin: Origin;
  errors: Errors;
}

export interface QueryOptions {
  seed: number;
  asOf: string;
  count: number;
}

export interface QueryCollector {
  /** Looks at each child of the feed in turn. */
  see(child: Child): void;
  /** The queries, once all have been seen. */
  finish(): GeneratedQuery[];
}

/** Queries about children whom the feed does not have. */
const WITHOUT_TARGET = 0.05;
/** More children are kept than are asked for, since some errors need a fitting name. */
const SPARE = 1.5;
const SPARE_AT_LEAST = 600;
/** How many children are tried for an error that needs a fitting name, before it becomes a plain one. */
const TRIES = 150;
/** The streams of random numbers, apart from those of the neighbourhoods. */
const STREAM = 2 ** 40;

type Pools = Map<Origin, Child[]>;

/**
 * Samples children while the feed is written, and asks for them afterwards. Every origin gets as many queries as any
 * other, with the same errors in the same order as far as its names lend themselves to them: so origins can be compared.
 */
export function collectQueries({ seed, asOf, count }: QueryOptions): QueryCollector {
  const absent = Math.round(count * WITHOUT_TARGET);
  const room = Math.ceil((count / origins.length) * SPARE) + SPARE_AT_LEAST;
  const pools: Pools = new Map(origins.map((origin) => [origin, []]));
  const samplers = new Map(
    [...pools].map(([origin, pool], number) => [
      origin,
      createReservoir(pool, room, createRandom(seed, STREAM, number)),
    ]),
  );
  return {
    see: (child) => samplers.get(child.origin)!(child),
    finish() {
      const asked = askFor(pools, count - absent, seed, asOf);
      const unknown = askFor(drawAbsent(seed, asOf, absent), absent, seed + 1, asOf);
      return [
        ...asked.map((query) => ({ ...query, target_in_records_csv: true })),
        ...unknown.map((query) => ({ ...query, target_in_records_csv: false })),
      ].map((query, position) => ({ query_id: `q${seed}-${position + 1}`, ...query }));
    },
  };
}

/** Keeps `room` of all the children it is shown, each as likely (algorithm R; Vitter, ACM TOMS 11, 1985). */
function createReservoir(pool: Child[], room: number, random: Random): (child: Child) => void {
  let seen = 0;
  return (child) => {
    seen++;
    if (pool.length < room) {
      pool.push(child);
      return;
    }
    const place = Math.floor(random() * seen);
    if (place < room) pool[place] = child;
  };
}

/** Asks about the children of each origin in turn. Where an origin has few, they are asked about more than once. */
function askFor(
  pools: Pools,
  count: number,
  seed: number,
  asOf: string,
): Omit<GeneratedQuery, 'query_id' | 'target_in_records_csv'>[] {
  const queries: Omit<GeneratedQuery, 'query_id' | 'target_in_records_csv'>[] = [];
  const present = [...pools].filter(([, pool]) => pool.length > 0);
  const nextRecipe = createRecipes();
  for (let round = 0; queries.length < count && present.length > 0; round++) {
    const recipe = nextRecipe();
    for (const [number, [origin, pool]] of present.entries()) {
      if (queries.length === count) break;
      const random = createRandom(seed, STREAM + 2, round, number);
      const { child, knowledge, errors } = askOne(pool, recipe, random, asOf);
      queries.push({ source_id: child.row.source_id, ...knowledge, name_origin: origin, errors });
    }
  }
  return queries;
}

function askOne(pool: Child[], recipe: Recipe, random: Random, asOf: string) {
  const plain = plainer(recipe);
  for (const wanted of [recipe, { ...plain, date: recipe.date }, plain, rightRecipe]) {
    for (let tried = 0; tried < Math.min(TRIES, pool.length); tried++) {
      const child = pool[tried]!;
      const made = makeQuery(child.row, wanted, random, asOf);
      if (!made) continue;
      pool.splice(tried, 1);
      pool.push(child);
      return { child, ...made };
    }
  }
  throw new Error('A query without any error could not be made');
}

/** Children of another population, one of each family, and names for them that no feed has. */
function drawAbsent(seed: number, asOf: string, count: number): Pools {
  const wanted = Math.ceil(count / origins.length) * 3;
  const pools: Pools = new Map(origins.map((origin) => [origin, []]));
  let family = 0;
  let missing = count === 0 ? 0 : origins.length * wanted;
  for (const child of drawChildren({ seed: seed + STREAM, asOf })) {
    if (missing === 0) break;
    const pool = pools.get(child.origin)!;
    if (child.family === family || pool.length === wanted) continue;
    family = child.family;
    missing--;
    child.row.source_id = `absent-${child.row.source_id}`;
    pool.push(child);
  }
  return pools;
}
