import { buildApp } from '../src/app.js';
import { readConfig } from '../src/config.js';
import { createContext } from '../src/context.js';
import { type QueryField, toRequest } from '../src/services/evaluate/queries.js';
import { openBenchDirectory, percentile } from './bench-directory.js';
import { openKept } from './kept.js';
import { prepareQueries } from './queries.js';

/**
 * What the audit log costs searches: their throughput with it (a worker beside seals the rows) and with its writes left
 * out, in blocks that take turns; through all of the API but its sockets. So many clients that the machine is never idle: of few
 * each waits for its row on the disk, and that is time and not throughput:
 * `npm run directory -- stack run -- node --import tsx bench/audit-cost.ts [--children 20000] [--blocks 60] [--clients 24]`
 */
const argument = (name: string, usual: number) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? usual : Number(process.argv[at + 1]);
};
const children = argument('children', 20_000);
const blocks = argument('blocks', 60);
const clients = argument('clients', 24);
/** Searches: long enough that rows are sealed, every 0.4 s, within the block that wrote them. */
const BLOCK = 800;
const fields: QueryField[] = ['given_names', 'family_name', 'date_of_birth'];

const directory = await openBenchDirectory({ children });
const pool = await openKept(directory.urls.databaseUrl);
const open = () => createContext(readConfig({ ...process.env, ...directory.env }), { urls: directory.urls });
const [context, unaudited] = await Promise.all([open(), open()]);
unaudited.audit.record = async () => undefined;
const [audited, notAudited] = await Promise.all([buildApp(context), buildApp(unaudited)]);
try {
  const headers = {
    authorization: `Bearer ${await directory.token('practitioner', 'Northvale')}`,
    'x-access-reason': 'direct-work',
  };
  const queries = await prepareQueries(pool, directory.load, BLOCK);
  const requests = queries.map(({ source }) => toRequest(source, fields));
  const run = async (on: boolean) => {
    const todo = Array.from({ length: BLOCK }, (_, index) => requests[index % requests.length] ?? {});
    const began = performance.now();
    const client = async () => {
      for (let request = todo.pop(); request; request = todo.pop()) {
        const asked = { method: 'POST', url: '/v1/children/search', headers, payload: request } as const;
        const { statusCode } = await (on ? audited : notAudited).inject(asked);
        // A search may be refused for what it asks.
        if (statusCode !== 200 && statusCode !== 422) throw new Error(`a search was answered by ${statusCode}`);
      }
    };
    await Promise.all(Array.from({ length: clients }, client));
    return (BLOCK * 1_000) / (performance.now() - began);
  };
  for (let block = 0; block < 3; block++) for (const on of [true, false]) await run(on);
  const logRatios: number[] = [];
  const perSecond = { on: [] as number[], off: [] as number[] };
  for (let block = 0; block < blocks; block++) {
    // The same queries, another one first each time.
    const order = block % 2 === 0 ? [true, false] : [false, true];
    for (const on of order) perSecond[on ? 'on' : 'off'].push(await run(on));
    logRatios.push(Math.log((perSecond.on.at(-1) ?? 0) / (perSecond.off.at(-1) ?? 1)));
  }
  const mean = logRatios.reduce((sum, value) => sum + value, 0) / blocks;
  const variance = logRatios.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (blocks - 1);
  const margin = 1.96 * Math.sqrt(variance / blocks);
  const rounded = (value: number) => Math.round(value * 1_000) / 1_000;
  console.log(
    JSON.stringify({
      children,
      clients,
      searches: blocks * BLOCK,
      perSecondOn: rounded(percentile(perSecond.on, 0.5)),
      perSecondOff: rounded(percentile(perSecond.off, 0.5)),
      ratio: rounded(Math.exp(mean)),
      ratio95: [mean - margin, mean + margin].map((value) => rounded(Math.exp(value))),
    }),
  );
} finally {
  await Promise.all([audited.close(), notAudited.close()]);
  await Promise.all([context.close(), unaudited.close()]);
  await pool.end();
  await directory.close();
}
