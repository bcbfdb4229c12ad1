import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Database } from './schema.js';

/** Normalised values to meet by, names without blanks; what is undefined is not asked. A final `*` stands for any ending. */
export interface ExactKeys {
  given?: string;
  family?: string;
  dateFrom?: string;
  dateTo?: string;
  postcode?: string;
  /** Leave shielded children out before the limit. */
  excludeShielded: boolean;
  /** Also shielded ones in the archive who were born after that day: nobody finds them, and yet they must not get a second record. */
  archivedShieldedAfter?: string;
}

/**
 * Ids of children whose recorded values meet every key: candidates of an exact search while the index is away, and of
 * the check whether a new child is known already. A superset of what the exact comparison accepts; of more than the limit
 * the first by id, since which rows PostgreSQL comes upon first changes with every write to them.
 */
export async function findIdsByKeys(db: Kysely<Database>, keys: ExactKeys, limit: number): Promise<string[]> {
  const shielded = sql`exists (select from shields s where s.child_id = c.id and s.lifted_at is null)`;
  const names = nameConditions(keys);
  // An aggregate, so that it is always asked of one child: for `exists` every Smith in the country might be listed first.
  const bearsOne = (shown: RawBuilder<unknown>) =>
    sql`(select bool_or(${sql.join(names, sql` and `)}) from child_names n where n.child_id = c.id and ${shown})`;
  const conditions = [
    keys.archivedShieldedAfter === undefined
      ? sql`c.archived_at is null`
      : sql`(c.archived_at is null or (c.date_of_birth > ${keys.archivedShieldedAfter} and ${shielded}))`,
    ...dateConditions(keys),
  ];
  // By a name that a shield hides nobody is met, not even to be dropped later: the limit would tell. Nor are such names
  // compared here: the time would tell how many a child has. That one begins with a postcode or a name which a shield hides
  // costs its row alone (bench/shield-timing.ts).
  if (names.length > 0) {
    conditions.push(
      sql`case when ${shielded} then ${bearsOne(sql`n.kind = 'current'`)} else ${bearsOne(sql`true`)} end`,
    );
  }
  if (keys.excludeShielded) conditions.push(sql`not ${shielded}`);
  const { rows } = await sql<{ id: string }>`
    with met as materialized (${fewest(keys)})
    select c.id from (select distinct id from met) met join children c on c.id = met.id
    where ${sql.join(conditions, sql` and `)}
    order by c.id limit ${limit}`.execute(db);
  return rows.map((row) => row.id);
}

/**
 * Where to begin, by what is asked for and not by which value: there is one plan for all values (connect.ts), and one that
 * began with the name would read every Smith in the country for those born on a day.
 */
function fewest(keys: ExactKeys): RawBuilder<unknown> {
  const { postcode, given = '*', family = '*', dateFrom, dateTo } = keys;
  if (postcode) return sql`select child_id as id from child_addresses where postcode_key = ${postcode}`;
  const wholeName = !given.endsWith('*') && !family.endsWith('*');
  const oneDay = dateFrom !== undefined && dateFrom === dateTo;
  const names = nameConditions(keys);
  if (names.length > 0 && (wholeName || !oneDay)) {
    return sql`select n.child_id as id from child_names n where ${sql.join(names, sql` and `)}`;
  }
  return sql`select c.id from children c where ${sql.join([sql`true`, ...dateConditions(keys)], sql` and `)}`;
}

function dateConditions({ dateFrom, dateTo }: ExactKeys): RawBuilder<unknown>[] {
  return [
    ...(dateFrom ? [sql`c.date_of_birth >= ${dateFrom}`] : []),
    ...(dateTo ? [sql`c.date_of_birth <= ${dateTo}`] : []),
  ];
}

function nameConditions({ given, family }: ExactKeys): RawBuilder<unknown>[] {
  return [
    ...(family === undefined ? [] : [keyCondition('family_key', family)]),
    ...(given === undefined ? [] : [keyCondition('given_key', given)]),
  ];
}

/** The expression is the one that child_names_by_family and child_names_by_given index. */
function keyCondition(column: 'family_key' | 'given_key', key: string) {
  const joined = sql`replace(${sql.ref(`n.${column}`)}, ' ', '')`;
  if (!key.endsWith('*')) return sql`${joined} = ${key}`;
  // By bytes, as the index is ordered. As `like` it would find the index only by a plan made for this one value.
  const prefix = key.slice(0, -1);
  return sql`(${joined} ~>=~ ${prefix} and ${joined} ~<~ ${`${prefix}\u{10FFFF}`})`;
}
