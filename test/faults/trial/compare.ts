import type { Client } from '@elastic/elasticsearch';
import type pg from 'pg';

const PAGE = 10_000;

/** Where the index and PostgreSQL differ, in numbers. All 0: they are equal. */
export interface Differences {
  children: number;
  missing: number;
  /** Of another version than PostgreSQL's, or saying of itself what is not so. */
  wrong: number;
  extra: number;
}

/**
 * Reads both from end to end and compares them, document by document: plainly, and by none of the code that the directory
 * compares itself by. Only while nothing changes.
 */
export async function compareWhole(pool: pg.Pool, elasticsearch: Client, alias: string): Promise<Differences> {
  const documents = await readDocuments(elasticsearch, alias);
  const differences = { children: 0, missing: 0, wrong: 0, extra: 0 };
  let after = '00000000-0000-0000-0000-000000000000';
  for (;;) {
    const { rows } = await pool.query<{ id: string; version: string }>(
      'select id, version from children where archived_at is null and id > $1 order by id limit $2',
      [after, PAGE],
    );
    for (const { id, version } of rows) {
      differences.children++;
      const found = documents.get(id);
      if (found === undefined) differences.missing++;
      else if (found !== Number(version)) differences.wrong++;
      documents.delete(id);
    }
    if (rows.length < PAGE) break;
    after = rows.at(-1)?.id as string;
  }
  differences.extra = documents.size;
  return differences;
}

/** The version of each; -1 where a document says another version or child than its own. */
async function readDocuments(elasticsearch: Client, alias: string): Promise<Map<string, number>> {
  await elasticsearch.indices.refresh({ index: alias });
  const documents = new Map<string, number>();
  let after: string[] | undefined;
  for (;;) {
    const { hits } = await elasticsearch.search({
      index: alias,
      size: PAGE,
      sort: [{ childId: 'asc' }],
      version: true,
      _source: false,
      docvalue_fields: ['version', 'childId'],
      allow_partial_search_results: false,
      ...(after ? { search_after: after } : {}),
    });
    for (const hit of hits.hits) {
      const { version = [], childId = [] } = hit.fields as { version?: number[]; childId?: string[] };
      const honest = childId[0] === hit._id && version[0] === hit._version;
      documents.set(hit._id as string, honest ? (hit._version as number) : -1);
    }
    if (hits.hits.length < PAGE) return documents;
    after = hits.hits.at(-1)?.sort as string[];
  }
}

/** Changes that the API had said yes to, and that PostgreSQL does not hold. */
export async function countLost(
  pool: pg.Pool,
  acknowledged: readonly { childId: string; version: number }[],
): Promise<number> {
  let lost = 0;
  for (let at = 0; at < acknowledged.length; at += PAGE) {
    const some = acknowledged.slice(at, at + PAGE);
    const { rows } = await pool.query<{ lost: string }>(
      `select count(*) as lost from unnest($1::uuid[], $2::bigint[]) as a (child_id, version)
       where not exists (select from child_history h where h.child_id = a.child_id and h.version = a.version)
         or not exists (select from children c where c.id = a.child_id and c.version >= a.version)`,
      [some.map(({ childId }) => childId), some.map(({ version }) => version)],
    );
    lost += Number(rows[0]?.lost);
  }
  return lost;
}
