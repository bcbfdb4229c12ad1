import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { createElasticsearch } from '../../src/context.js';

const SEARCHES = 100;

async function startNode(t: Test, answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

t.test('a node that takes searches and never answers is asked once, and no more for a minute', async (t) => {
  let hung = 0;
  const answering: RequestListener = (_request, response) =>
    response
      .setHeader('x-elastic-product', 'Elasticsearch')
      .setHeader('content-type', 'application/json')
      .end('{"hits":{"hits":[]}}');
  const nodes = await Promise.all([startNode(t, answering), startNode(t, () => hung++), startNode(t, answering)]);
  const elasticsearch = createElasticsearch({ elasticsearchUrl: nodes.join(',') });
  t.teardown(() => elasticsearch.close());
  let failed = 0;
  for (let at = 0; at < SEARCHES; at++)
    await elasticsearch.search({ index: 'any' }, { requestTimeout: 100 }).catch(() => failed++);
  t.equal(hung, 1);
  t.equal(failed, 1);
});
