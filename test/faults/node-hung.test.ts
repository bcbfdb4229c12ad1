import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { createElasticsearch } from '../../src/context.js';
import { until } from '../helpers/wait.js';

const SEARCHES = 100;
const AT_ONCE = 30;
/** Long enough for nodes of a busy machine to answer. */
const TIMEOUT_MS = 3_000;

async function startNode(t: Test, answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

t.test(
  'a node that takes searches and never answers is left out until it answers a ping, a minute later',
  async (t) => {
    let hanging = true;
    let hung = 0;
    const answering: RequestListener = (_request, response) =>
      response
        .setHeader('x-elastic-product', 'Elasticsearch')
        .setHeader('content-type', 'application/json')
        .end('{"hits":{"hits":[]}}');
    const nodes = await Promise.all([
      startNode(t, answering),
      startNode(t, (request, response) => {
        if (!hanging) return answering(request, response);
        hung++;
      }),
      startNode(t, answering),
    ]);
    const elasticsearch = createElasticsearch({ elasticsearchUrl: nodes.join(',') });
    t.teardown(() => elasticsearch.close());
    let failed = 0;
    const search = () => elasticsearch.search({ index: 'any' }, { requestTimeout: TIMEOUT_MS }).catch(() => failed++);
    await Promise.all(Array.from({ length: AT_ONCE }, search));
    t.equal(failed, AT_ONCE / nodes.length, 'those that were on their way');
    for (let at = 0; at < SEARCHES; at++) await search();
    t.equal(hung, AT_ONCE / nodes.length);
    t.equal(failed, AT_ONCE / nodes.length);
    hanging = false;
    const { connections } = elasticsearch.connectionPool;
    const out = connections.filter(({ status }) => status === 'dead');
    t.equal(out.length, 1);
    const leftMs = (out[0]?.resurrectTimeout ?? 0) - Date.now();
    t.ok(leftMs > 0 && leftMs <= 60_000, `however many were on their way, for ${leftMs} ms more`);
    for (const connection of out) connection.resurrectTimeout = 0;
    await search();
    await until(() => connections.every(({ status }) => status === 'alive'));
  },
);
