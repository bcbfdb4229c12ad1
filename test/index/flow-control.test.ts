import { sql } from 'kysely';
import t from 'tap';
import { createIndexQueue, createRedis, indexQueues, parseIndexJob } from '../../src/queues/index-queue.js';
import { indexChildren } from '../../src/services/index/write-documents.js';
import { startWorkers } from '../../workers/main.js';
import { relayOutbox } from '../../workers/relay-outbox.js';
import { openChildren, type TestChild } from '../helpers/children.js';
import { clientFor, idsOf } from '../helpers/client.js';
import { documentVersions, indexName } from '../helpers/indexed.js';
import { until } from '../helpers/wait.js';

const BACKLOG = 6_000;

t.test('a backlog waits in the outbox, where changes to one child meet and a shield overtakes it', async (t) => {
  const directory = await openChildren(t, { indexed: true });
  const { owner, worker, urls, config } = directory;
  const [child] = (await directory.add([
    {
      givenNames: 'Marigold',
      familyName: 'Thistlewood',
      dateOfBirth: '2013-05-06',
      addresses: [{ kind: 'home', line1: '4 Tannery Row', town: 'Ottershaw', postcode: 'OT4 7QA' }],
    },
  ])) as [TestChild];
  await directory.index();
  const practitioner = await directory.caller('practitioner');
  const manager = clientFor(directory, await directory.caller('management-team'));
  await sql`
    with made as (
      insert into children (id, number, date_of_birth)
      select gen_random_uuid(), lpad(n::text, 10, '0'), date '2010-01-01' + n % 2000 from generate_series(1, ${BACKLOG}) n
      returning id, number
    ), named as (
      insert into child_names (child_id, id, kind, given_names, family_name, given_key, family_key)
      select id, gen_random_uuid(), 'current', 'Q' || number, 'X' || number, 'q' || number, 'x' || number from made
    )
    insert into outbox (child_id, version, changed_at) select id, 1, now() - interval '1 min' from made`.execute(owner);

  const redis = createRedis(urls.redisUrl, 'producer');
  const queues = {
    ordinary: createIndexQueue(indexQueues.ordinary, redis, config.instance),
    urgent: createIndexQueue(indexQueues.urgent, redis, config.instance),
  };
  const handedOn = await relayOutbox(worker, queues);
  t.ok(handedOn < BACKLOG, `of ${BACKLOG} no more than ${handedOn} are made into jobs at a time`);
  t.equal(await relayOutbox(worker, queues), 0);
  t.equal((await queues.ordinary.getJobs()).length, await queues.ordinary.count());

  for (let version = 1; version <= 20; version++) {
    const { status } = await manager.correct(child.childId, version, { gender: version % 2 ? 'female' : 'male' });
    if (status !== 200) throw new Error(`a change was answered by ${status}`);
  }
  const entries = () => owner.selectFrom('outbox').selectAll().where('child_id', '=', child.childId).execute();
  t.match(await entries(), [{ version: 21 }], 'twenty changes to one child are one entry');
  t.match((await entries()).length, 1);

  await manager.shield(child.childId, 21);
  t.equal(await relayOutbox(worker, queues), 1, 'the shield is handed on past all of them');
  const [urgent] = await queues.urgent.getJobs(['waiting']);
  t.strictSame(urgent && parseIndexJob(urgent.data), { childIds: [child.childId] });
  await indexChildren(worker, [child.childId]);
  t.strictSame(await entries(), []);
  const { index_acknowledged_at } = await owner
    .selectFrom('shields')
    .select('index_acknowledged_at')
    .executeTakeFirstOrThrow();
  t.ok(index_acknowledged_at, 'and the index holds it while thousands wait');
  t.equal((await documentVersions(directory)).get(child.childId), 22, 'in the last of its versions');

  const workers = await startWorkers(worker);
  const criteria = { givenNames: 'Marigold', familyName: 'Thistlewood', dateOfBirth: '2013-05-06' };
  await until(
    async () => {
      const answer = await directory.search(practitioner, criteria);
      t.strictSame([answer.status, idsOf(answer)], [200, [child.childId]], 'searches go on meanwhile');
      const { rows } = await sql<{ waiting: number }>`select count(*) as waiting from outbox`.execute(owner);
      return rows[0]?.waiting === 0;
    },
    { seconds: 60, every: 100 },
  );
  await workers.close();
  await Promise.all(Object.values(queues).map((queue) => queue.close()));
  redis.disconnect();
  const index = await indexName(directory);
  await directory.context.elasticsearch.indices.refresh({ index });
  const { count } = await directory.context.elasticsearch.count({ index });
  t.equal(count, BACKLOG + 1, 'all are in');
});
