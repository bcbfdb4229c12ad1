import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { ensureStack, type ServiceName, stackStatus } from '../../stack/stack.js';
import { bornYearsAgo, openChildren } from '../helpers/children.js';
import { clientFor, idsOf } from '../helpers/client.js';
import { startWorker } from '../helpers/command.js';
import { indexName, untilIndexed } from '../helpers/indexed.js';
import { openPrivateStack } from '../helpers/private-stack.js';
import { until } from '../helpers/wait.js';

const ASKING = 4;
const WARMING = 60;

t.test(
  'with three nodes and a replica every search is answered while a node is killed, and changes go on',
  async (t) => {
    const stack = await openPrivateStack(t, undefined, 3);
    const { home } = stack;
    t.equal(stack.urls.ELASTICSEARCH_URL.split(',').length, 3, 'a URL for each');
    t.match(stackStatus({ home, database: 'directory' }).services, {
      elasticsearch: { state: 'running' },
      'elasticsearch-2': { state: 'running' },
      'elasticsearch-3': { state: 'running' },
    });
    await t.rejects(ensureStack({ home, database: 'directory', elasticsearchNodes: 1 }), {
      name: 'StackError',
      message: /was made with 3 nodes, not 1/,
    });

    const directory = await openChildren(t, { env: { ...stack.urls, INDEX_REPLICAS: '1' } });
    const { elasticsearch } = directory.context;
    const sought = { givenNames: 'Rosalind', familyName: 'Applegarth', dateOfBirth: bornYearsAgo(9) };
    const others = Array.from({ length: 300 }, (_, at) => ({
      givenNames: 'Other',
      familyName: `Child ${'abcdefghij'[at % 10]}${'klmnopqrst'[Math.floor(at / 10) % 10]}`,
      dateOfBirth: bornYearsAgo(3 + (at % 12)),
    }));
    const [child] = await directory.add([sought, ...others]);
    await directory.index();
    const index = await indexName(directory);
    const green = () => elasticsearch.cluster.health({ index, wait_for_status: 'green', timeout: '60s' });
    t.match(await green(), { number_of_nodes: 3, status: 'green', unassigned_shards: 0 });
    const manager = clientFor(directory, await directory.caller('management-team'));
    const worker = await startWorker(t, directory);

    let version = 1;
    const ask = async () => {
      const answer = await manager.search({ ...sought, givenNames: 'Rosalynd' });
      return answer.status === 200 && idsOf(answer)[0] === child!.childId
        ? undefined
        : `answered by ${answer.status} ${JSON.stringify(answer.body.code ?? null)}`;
    };
    // A node that has just started is slow at its first searches, which is not what is asked here.
    const warm = () =>
      until(async () => (await Promise.all(Array.from({ length: WARMING }, ask))).every((wrong) => !wrong), {
        seconds: 60,
      });
    const killed = async (name: ServiceName) => {
      await warm();
      const wrong: string[] = [];
      let answered = 0;
      let asking = true;
      const client = async () => {
        while (asking) {
          const found = await ask();
          answered++;
          if (found) wrong.push(found);
          await delay(10);
        }
      };
      const clients = Array.from({ length: ASKING }, client);
      await until(() => answered > 50);
      await stack.kill(name);
      const atKill = answered;
      const changed = await manager.correct(child!.childId, version, { gender: version % 2 === 0 ? 'male' : 'female' });
      t.equal(changed.status, 200);
      version++;
      await untilIndexed(directory, { seconds: 40 });
      await until(() => answered > atKill + 300, { seconds: 30 });
      asking = false;
      await Promise.all(clients);
      t.comment(`${name} killed: ${answered} searches, ${wrong.length} of them not answered`);
      t.same(wrong, [], `${name} killed`);
      await stack.restart(name);
      t.match(await green(), { number_of_nodes: 3, status: 'green' });
    };
    const master = await elasticsearch.cat.master({ format: 'json' });
    const number = /\d$/.exec(master[0]?.node ?? '')?.[0];
    const leading: ServiceName = number === '2' || number === '3' ? `elasticsearch-${number}` : 'elasticsearch';
    await t.test('the elected one', () => killed(leading));
    await t.test('another', () => killed(leading === 'elasticsearch' ? 'elasticsearch-3' : 'elasticsearch'));
    await worker.end();
  },
);
