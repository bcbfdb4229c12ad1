import { type Kysely, sql } from 'kysely';
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
  const byName = keys.given !== undefined || keys.family !== undefined;
  const shielded = sql`exists (select from shields s where s.child_id = c.id and s.lifted_at is null)`;
  const conditions = [
    keys.archivedShieldedAfter === undefined
      ? sql`c.archived_at is null`
      : sql`(c.archived_at is null or (c.date_of_birth > ${keys.archivedShieldedAfter} and ${shielded}))`,
  ];
  // By a name that a shield hides nobody is met, not even to be dropped later: the limit would tell.
  if (byName) conditions.push(sql`(n.kind = 'current' or not ${shielded})`);
  if (keys.family !== undefined) conditions.push(keyCondition('family_key', keys.family));
  if (keys.given !== undefined) conditions.push(keyCondition('given_key', keys.given));
  if (keys.dateFrom) conditions.push(sql`c.date_of_birth >= ${keys.dateFrom}`);
  if (keys.dateTo) conditions.push(sql`c.date_of_birth <= ${keys.dateTo}`);
  if (keys.postcode) {
    conditions.push(
      sql`exists (select from child_addresses a where a.child_id = c.id and a.postcode_key = ${keys.postcode})`,
    );
  }
  if (keys.excludeShielded) {
    conditions.push(sql`not ${shielded}`);
  }
  const { rows } = await sql<{ id: string }>`
    select distinct c.id from children c ${byName ? sql`join child_names n on n.child_id = c.id` : sql``}
    where ${sql.join(conditions, sql` and `)}
    order by c.id limit ${limit}`.execute(db);
  return rows.map((row) => row.id);
}

/** The expression is the one that child_names_by_family and child_names_by_given index. */
function keyCondition(column: 'family_key' | 'given_key', key: string) {
  const joined = sql`replace(${sql.ref(`n.${column}`)}, ' ', '')`;
  if (!key.endsWith('*')) return sql`${joined} = ${key}`;
  // By bytes, as the index is ordered. As `like` it would find the index only by a plan made for this one value.
  const prefix = key.slice(0, -1);
  return sql`(${joined} ~>=~ ${prefix} and ${joined} ~<~ ${`${prefix}\u{10FFFF}`})`;
}
