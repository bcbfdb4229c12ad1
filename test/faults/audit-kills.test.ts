import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { bornYearsAgo, openChildren, seeded } from '../helpers/children.js';
import { type Command, startCommand } from '../helpers/command.js';
import { openPrivateStack } from '../helpers/private-stack.js';
import { until } from '../helpers/wait.js';

/** Of the API and of PostgreSQL, each. */
const KILLS = Number(process.env.AUDIT_KILLS ?? 2);
const CLIENTS = 6;

t.test('whatever is killed, there is no answer without its audit row', async (t) => {
  const stack = await openPrivateStack(t, ['postgres']);
  // Nobody listens there: exact searches answer from PostgreSQL.
  const away = { REDIS_URL: 'redis://127.0.0.1:9', ELASTICSEARCH_URL: 'http://127.0.0.1:9' };
  const directory = await openChildren(t, {
    env: { ...stack.urls, ...away },
    indexed: false,
  });
  const parts = { givenNames: 'Rosalind', familyName: 'Applegarth', dateOfBirth: bornYearsAgo(10) };
  const [child] = await directory.add([parts]);
  const { headers } = await directory.caller('practitioner');
  const random = seeded(11);

  let api: { command: Command; url: string };
  const start = async () => {
    const command = startCommand(t, directory, ['serve', '--port', '0']);
    const url = await until(() => /listening on (http:\S+)/.exec(command.output())?.[1], { seconds: 60 });
    api = { command, url };
  };
  await start();

  const answered: string[] = [];
  const outcomes = new Map<string, number>();
  let asking = true;
  const client = async (number: number) => {
    for (let turn = number; asking; turn++) {
      const requestId = randomUUID();
      const request = { ...headers, 'x-request-id': requestId };
      const asked =
        turn % 2 === 0
          ? fetch(`${api.url}/v1/children/${child!.childId}`, { headers: request })
          : fetch(`${api.url}/v1/children/search`, {
              method: 'POST',
              headers: { ...request, 'content-type': 'application/json' },
              body: JSON.stringify({ ...parts, mode: 'exact' }),
            });
      // As soon as the head of the answer is there, something has left.
      const status = await asked.then(
        (answer) => {
          if (answer.ok) answered.push(requestId);
          return answer.arrayBuffer().then(
            () => String(answer.status),
            () => 'broken off',
          );
        },
        () => 'refused',
      );
      outcomes.set(status, (outcomes.get(status) ?? 0) + 1);
      if (status !== '200') await sleep(20);
    }
  };
  const clients = [...Array(CLIENTS).keys()].map(client);
  for (let kill = 0; kill < KILLS * 2; kill++) {
    const before = answered.length;
    await until(() => answered.length > before + 50, { seconds: 30 });
    // Anywhere within a request.
    await sleep(random() * 200);
    if (kill % 2 === 0) {
      await api!.command.end('SIGKILL');
      await start();
    } else {
      await stack.kill('postgres');
      await stack.restart('postgres');
    }
  }
  const before = answered.length;
  await until(() => answered.length > before + 50, { seconds: 30 });
  asking = false;
  await Promise.all(clients);

  const rows = await directory.owner.selectFrom('audit_events').select('request_id').execute();
  const audited = new Set(rows.map((row) => row.request_id));
  const missing = answered.filter((requestId) => !audited.has(requestId));
  t.comment(`${answered.length} answers, ${missing.length} without a row; ${JSON.stringify([...outcomes])}`);
  t.strictSame(missing, []);
  t.ok((outcomes.get('refused') ?? 0) > 0, 'and it was killed in the midst of requests');
  await api!.command.end();
});
