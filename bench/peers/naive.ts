import type { Client, estypes } from '@elastic/elasticsearch';
import anyAscii from 'any-ascii';
import type pg from 'pg';
import { keep, recall } from '../kept.js';
import type { BenchQuery } from '../queries.js';
import { type Surroundings, type System, TIMEOUT_MS } from './system.js';

/**
 * Elasticsearch as its guides show it: names as text, the date as a date, and one bool query with `fuzziness: AUTO`.
 * The names are without accents when they come in (there is no asciifolding in the small distribution), every name
 * variant is in, and the index is merged as ours is.
 *
 * Tried on 100,000 children with 1,000 queries (recall@1, recall@10): no boost 0.925, 0.959; the date five or ten times
 * as weighty 0.941, 0.962 and 0.943, 0.963, which is kept; two clauses at least to be met 0.938, 0.952; both names
 * required 0.912, 0.929. None was quicker than another by more than the noise.
 */
const mappings: estypes.MappingTypeMapping = {
  properties: {
    given: { type: 'text', fields: { keyword: { type: 'keyword' } } },
    family: { type: 'text', fields: { keyword: { type: 'keyword' } } },
    dateOfBirth: { type: 'date' },
  },
};

/** As many shards as ours has: with two it is slower. */
const settings = { number_of_shards: 1, number_of_replicas: 0, refresh_interval: '-1' };

const DATE_BOOST = 10;

function searchFor({ givenNames, familyName, date }: BenchQuery): estypes.QueryDslQueryContainer {
  const should: estypes.QueryDslQueryContainer[] = [];
  if (givenNames) should.push(like('given', givenNames));
  if (familyName) should.push(like('family', familyName));
  if (date) {
    const [gte, lte] = 'day' in date ? [date.day, date.day] : [date.from, date.to];
    should.push({ range: { dateOfBirth: { gte, lte, boost: DATE_BOOST } } });
  }
  return { bool: { should } };
}

function like(field: string, text: string): estypes.QueryDslQueryContainer {
  return { match: { [field]: { query: anyAscii(text), fuzziness: 'AUTO' } } };
}

const BATCH = 5_000;

export async function openNaive({ directory, pool, elasticsearch, say }: Surroundings): Promise<System> {
  // Below the instance's name, so that it goes when the instance goes.
  const index = `${directory.instance}-bench-naive`;
  await fillOnce(pool, elasticsearch, index, say);
  return {
    name: 'naive',
    async ask(query) {
      const { hits } = await elasticsearch.search(
        { index, query: searchFor(query), size: 10, _source: false, track_total_hits: false },
        { requestTimeout: TIMEOUT_MS, maxRetries: 0 },
      );
      return { childIds: hits.hits.map((hit) => hit._id as string) };
    },
    async size() {
      const { indices } = await elasticsearch.indices.stats({ index, metric: ['store', 'segments'] });
      const total = indices?.[index]?.total;
      return { elasticsearch: total?.store?.size_in_bytes ?? 0, segments: total?.segments?.count ?? 0 };
    },
    async close() {},
  };
}

async function fillOnce(
  pool: pg.Pool,
  elasticsearch: Client,
  index: string,
  say: (line: string) => void,
): Promise<void> {
  const recipe = JSON.stringify({ settings, mappings });
  if ((await recall(pool, 'naive')) === recipe && (await elasticsearch.indices.exists({ index }))) return;
  say('filling the naive index');
  await elasticsearch.indices.delete({ index }, { ignore: [404] });
  await elasticsearch.indices.create({ index, settings, mappings });
  let last = '00000000-0000-0000-0000-000000000000';
  for (;;) {
    const { rows } = await pool.query<{ id: string; date_of_birth: string; given: string[]; family: string[] }>(
      `select c.id, c.date_of_birth::text, array_agg(n.given_names) as given, array_agg(n.family_name) as family
       from children c join child_names n on n.child_id = c.id
       where c.id in (select id from children where id > $1 and archived_at is null order by id limit ${BATCH})
       group by c.id order by c.id`,
      [last],
    );
    if (rows.length === 0) break;
    last = rows.at(-1)?.id as string;
    const operations = rows.flatMap((row) => [
      { index: { _id: row.id } },
      { given: row.given.map(anyAscii), family: row.family.map(anyAscii), dateOfBirth: row.date_of_birth },
    ]);
    const { errors } = await elasticsearch.bulk({ index, operations });
    if (errors) throw new Error('The naive index refused a document');
  }
  await elasticsearch.indices.refresh({ index });
  await elasticsearch.indices.forcemerge({ index, max_num_segments: 1 }, { requestTimeout: 3_600_000 });
  await keep(pool, 'naive', recipe);
}
