import { createHash } from 'node:crypto';
import anyAscii from 'any-ascii';
import pg from 'pg';
import { dateVariants } from '../../src/matching/dates.js';
import { keep, recall, SCHEMA } from '../kept.js';
import type { BenchQuery } from '../queries.js';
import { type Surroundings, type System, TIMEOUT_MS } from './system.js';

/**
 * PostgreSQL alone, by trigrams (pg_trgm), as well as we could make it do.
 *
 * Tried on 100,000 children with 4,000 queries (recall@10, p50 and p95 of one client; the machine was busy):
 *  - one WHERE with the rules joined by OR, names unswapped: 0.956 of 500 queries, 4.6 and 13.5 ms;
 *  - a UNION of branches, each with an index to itself: 0.998, 4.0 and 12.6 ms;
 *  - the same in two or three stages, the next one only where the last found nobody who agrees well: the same recall,
 *    0.4 and 7 ms, since more than half of the searches end with the first stage, which needs no trigrams;
 *  - pg_trgm.similarity_threshold 0.3 (the default), 0.25, 0.2: 0.998, 0.999, 0.9995, at little cost here: 0.2;
 *  - all children of the 70 days that the date may stand for, without trigrams: twice as slow, one query of 950 more found;
 *  - word_similarity in the score: lower recall@1 (0.993 for 0.994); in the conditions: three times slower;
 *  - GIN on each name, on both, on date and both (btree_gin): the last is as quick as any and makes the others needless;
 *  - B-trees on date and name for the second stage: no gain;
 *  - plans by the value (force_custom_plan): planning costs up to ten times the search.
 */
const TABLE = `${SCHEMA}.trgm`;
const THRESHOLD = 0.2;
/** Of the best score possible with what is known; from there on no further stage is needed. */
const GOOD = 0.8;

/** Case, accents, apostrophes and hyphens gone; one row a name variant, so that former names are found too. */
const clean = (column: string) =>
  `btrim(regexp_replace(regexp_replace(lower(unaccent(${column})), '[''’‘ʻʼ\`´]', '', 'g'), '[^a-z0-9]+', ' ', 'g'))`;

const setup = [
  `create extension if not exists unaccent with schema ${SCHEMA}`,
  `create extension if not exists pg_trgm with schema ${SCHEMA}`,
  `create extension if not exists btree_gin with schema ${SCHEMA}`,
  `set search_path = ${SCHEMA}, public`,
  `drop table if exists ${TABLE}`,
  `create table ${TABLE} as
     select n.child_id, c.date_of_birth, ${clean('n.given_names')} as given, ${clean('n.family_name')} as family
     from public.child_names n join public.children c on c.id = n.child_id where c.archived_at is null`,
  `create index trgm_by_date on ${TABLE} (date_of_birth)`,
  `create index trgm_by_names on ${TABLE} (family, given)`,
  `create index trgm_by_trigrams on ${TABLE} using gin (date_of_birth, family gin_trgm_ops, given gin_trgm_ops)`,
];

/** $1 family, $2 given, $3 day, $4 days it may stand for, $5 first and $6 last day where only month or year is known. */
const score = `
  greatest(coalesce(similarity(family, $1), 0) + coalesce(similarity(given, $2), 0),
           0.95 * (coalesce(similarity(family, $2), 0) + coalesce(similarity(given, $1), 0)))
  + case when date_of_birth = $3::date then 1
         when date_of_birth = any ($4::date[]) then 0.7
         when date_of_birth between $5::date and $6::date then 0.8
         when $3::date is null then 0
         else 0.2 * ((extract(year from date_of_birth) = extract(year from $3::date))::int
                   + (extract(month from date_of_birth) = extract(month from $3::date))::int
                   + (extract(day from date_of_birth) = extract(day from $3::date))::int)
    end`;
const good = `${GOOD} * (($1::text is not null)::int + ($2::text is not null)::int
  + ($3::date is not null or $5::date is not null)::int)`;
const from = `select child_id, family, given, date_of_birth from ${TABLE} where`;

const search = `
  with first as materialized (
    select child_id, ${score} as score from (
      ${from} date_of_birth = $3::date
      union all ${from} family = $1 and given = $2
    ) met
  ), second as materialized (
    select child_id, ${score} as score from (
      ${from} date_of_birth = any ($4::date[]) and family % $1
      union all ${from} date_of_birth = any ($4::date[]) and given % $2
    ) met
    where coalesce((select max(score) from first), 0) < ${good}
  ), third as (
    select child_id, ${score} as score from (
      ${from} family % $1 and given % $2
      union all ${from} family % $2 and given % $1
      union all ${from} date_of_birth between $5::date and $6::date and family % $1
    ) met
    where coalesce((select max(score) from (select score from first union all select score from second) found), 0) < ${good}
  )
  select child_id from (select * from first union all select * from second union all select * from third) found
  group by child_id order by max(score) desc, child_id limit 10`;

export async function openTrgm({ directory, pool, clients, say }: Surroundings): Promise<System> {
  await fillOnce(pool, say);
  const asking = new pg.Pool({
    connectionString: directory.urls.databaseUrl,
    max: clients,
    // A pause while others are asked must not cost it its connections and plans.
    idleTimeoutMillis: 0,
    application_name: 'directory-bench-trgm',
    statement_timeout: TIMEOUT_MS,
    options: `-c search_path=${SCHEMA},public -c jit=off -c plan_cache_mode=force_generic_plan -c pg_trgm.similarity_threshold=${THRESHOLD}`,
  });
  asking.on('error', () => undefined);
  return {
    name: 'trgm',
    async ask(query) {
      const { rows } = await asking.query<{ child_id: string }>({ name: 'trgm', text: search, values: values(query) });
      return { childIds: rows.map((row) => row.child_id) };
    },
    async size() {
      const { rows } = await pool.query<{ tables: string; indices: string }>(
        'select pg_table_size($1::regclass) as tables, pg_indexes_size($1::regclass) as indices',
        [TABLE],
      );
      return { postgresTables: Number(rows[0]?.tables), postgresIndices: Number(rows[0]?.indices) };
    },
    close: () => asking.end(),
  };
}

async function fillOnce(pool: pg.Pool, say: (line: string) => void): Promise<void> {
  const recipe = createHash('sha256').update(setup.join()).digest('hex');
  if ((await recall(pool, 'trgm')) === recipe) return;
  say('filling the table of trigrams');
  const client = await pool.connect();
  try {
    for (const statement of setup) await client.query(statement);
  } finally {
    // Its search path is not the pool's.
    client.release(true);
  }
  await keep(pool, 'trgm', recipe);
}

function values({ familyName, givenNames, date }: BenchQuery): (string | string[] | null)[] {
  const names = [cleanName(familyName), cleanName(givenNames)];
  if (date && 'from' in date) return [...names, null, null, date.from, date.to];
  return [...names, date?.day ?? null, date ? dateVariants(date.day) : null, null, null];
}

function cleanName(text: string): string | null {
  const bare = anyAscii(text.toLowerCase().replace(/['’‘ʻʼ`´]/g, '')).toLowerCase();
  return bare.replace(/[^a-z0-9]+/g, ' ').trim() || null;
}
