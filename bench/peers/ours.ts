import { Agent } from 'node:http';
import { ask } from '../../src/services/evaluate/evaluate.js';
import { type QueryField, toRequest } from '../../src/services/evaluate/queries.js';
import type { Surroundings, System } from './system.js';

const fields: QueryField[] = ['given_names', 'family_name', 'date_of_birth'];

/** The directory itself, through HTTP: token, access checks, audit on disk before the answer. */
export async function openOurs({ directory, pool, elasticsearch, clients }: Surroundings): Promise<System> {
  const newToken = () => directory.token('practitioner', 'Northvale');
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  let token = await newToken();
  return {
    name: 'ours',
    async ask({ source }) {
      const body = toRequest(source, fields);
      let answer = await ask(agent, directory.url, token, body);
      if (answer.status === 401) {
        token = await newToken();
        answer = await ask(agent, directory.url, token, body);
      }
      if (answer.body.code === 'too-many-matches') return { childIds: [], tooMany: true };
      if (answer.status !== 200) throw new Error(`The API answered ${answer.status} ${answer.body.code ?? ''}`);
      return {
        childIds: (answer.body.results ?? []).map(({ childId }) => childId),
        ...(answer.body.took ? { took: answer.body.took } : {}),
      };
    },
    async size() {
      const { rows } = await pool.query<{ tables: string; indices: string }>(
        `select sum(pg_table_size(c.oid)) as tables, sum(pg_indexes_size(c.oid)) as indices
         from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'`,
      );
      const index = `${directory.instance}-children`;
      const { indices } = await elasticsearch.indices.stats({ index, metric: ['store', 'segments'] });
      const totals = Object.values(indices ?? {}).map(({ total }) => total);
      return {
        postgresTables: Number(rows[0]?.tables),
        postgresIndices: Number(rows[0]?.indices),
        elasticsearch: totals.reduce((sum, total) => sum + (total?.store?.size_in_bytes ?? 0), 0),
        segments: totals.reduce((sum, total) => sum + (total?.segments?.count ?? 0), 0),
      };
    },
    async close() {
      agent.destroy();
    },
  };
}
