import { Redis } from 'ioredis';
import t from 'tap';
import { findLiveIndex } from '../../src/db/rebuilds.js';
import { ensureIndex } from '../../src/search/aliases.js';
import { compareIndex } from '../../src/services/index/compare.js';
import { openChildren } from '../helpers/children.js';
import { clientFor, idsOf } from '../helpers/client.js';
import { startWorker } from '../helpers/command.js';
import { holdPages } from '../helpers/gate.js';
import { untilIndexed } from '../helpers/indexed.js';
import { openPrivateStack } from '../helpers/private-stack.js';
import { until } from '../helpers/wait.js';

t.test('a rebuild goes on from where it was after Elasticsearch was killed and Redis wiped', async (t) => {
  const stack = await openPrivateStack(t);
  const directory = await openChildren(t, { env: stack.urls });
  const { owner, worker, urls } = directory;
  const children = await directory.add(
    Array.from({ length: 2_000 }, (_, at) => ({
      givenNames: 'Rosalind',
      familyName: `Ashgrove ${[...String(at)].map((digit) => 'abcdefghij'[Number(digit)]).join('')}`,
      dateOfBirth: '2014-03-02',
      addresses: [{ kind: 'home' as const, line1: `${at + 1} Mill Lane`, town: 'Penhallow', postcode: 'PH4 2LD' }],
    })),
  );
  await directory.index();
  // So many are merged for a while before they are searched.
  await until(async () => (await ensureIndex(worker)) === 'live', { seconds: 30 });
  const before = await findLiveIndex(owner);
  const manager = clientFor(directory, await directory.caller('management-team'));
  const team = await directory.caller('data-team');
  const gate = await holdPages(t, directory);
  const running = await startWorker(t, directory);
  const asked = await directory.call(team, 'POST', '/v1/index/rebuilds');
  t.equal(asked.status, 202);
  const url = `/v1/index/rebuilds/${asked.body.rebuildId}`;
  const state = async () => (await directory.call(team, 'GET', url)).body;
  await until(gate.reached, { seconds: 30 });

  await stack.kill('elasticsearch');
  const redis = new Redis(urls.redisUrl);
  await redis.flushall();
  redis.disconnect();
  const shieldedId = children[1_700]?.childId as string;
  const correctedId = children[10]?.childId as string;
  t.equal((await manager.shield(shieldedId, 1)).status, 200);
  t.equal((await manager.correct(correctedId, 1, { givenNames: 'Rosamund' })).status, 200);
  await gate.open();
  await until(() => running.output().includes('a rebuild was interrupted and goes on'), { seconds: 20 });
  t.match(await state(), { state: 'running' }, 'it waits for Elasticsearch');
  await stack.restart('elasticsearch');

  await until(async () => (await state()).state === 'done', { seconds: 60 });
  t.match(await state(), { progress: { copied: 2_000 } }, 'no page was copied twice');
  await untilIndexed(directory, { seconds: 60 });
  const index = (await findLiveIndex(owner)) ?? '';
  t.not(index, before);
  t.strictSame((await compareIndex(worker, index, { withRefused: true })).differences, []);
  const byAddress = await manager.search({
    familyName: 'Ashgrove bhaa',
    address: { line: '1701 Mill Lane', postcode: 'PH4 2LD' },
  });
  t.notOk(byAddress.status === 200 && idsOf(byAddress).includes(shieldedId), 'the shield holds in the new index');
  await running.end();
});
