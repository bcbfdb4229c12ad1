import t from 'tap';
import { buildApp } from '../../src/app.js';
import { openChildren, type TestChild } from '../helpers/children.js';
import type { TestCaller } from '../helpers/directory.js';
import { openPrivateStack } from '../helpers/private-stack.js';
import { timed, until } from '../helpers/wait.js';

const LIMIT = 20;
const stack = await openPrivateStack(t, ['redis']);
const directory = await openChildren(t, {
  env: {
    REDIS_URL: stack.urls.REDIS_URL,
    RATE_LIMIT_SEARCHES_PER_MINUTE: String(LIMIT),
    RATE_LIMIT_ORGANISATION_PER_MINUTE: '0',
  },
});
const [child] = (await directory.add([{ givenNames: 'Ann', familyName: 'Bell', dateOfBirth: '2013-03-03' }])) as [
  TestChild,
];
const other = await buildApp(await directory.openContext());
t.teardown(() => other.close());

/** How many of so many searches are answered. */
async function answered({ headers }: TestCaller, searches: number, app = directory.app): Promise<number> {
  let count = 0;
  for (let at = 0; at < searches; at++) {
    const payload = { number: child.number };
    const { result, ms } = await timed(async () =>
      app.inject({ method: 'POST', url: '/v1/children/search', headers, payload }),
    );
    if (result.statusCode !== 200) t.match(result.json(), { status: 429, code: 'rate-limited' });
    t.ok(ms < 2_000, `in ${ms} ms`);
    count += result.statusCode === 200 ? 1 : 0;
  }
  return count;
}

t.test('with Redis all processes grant the limit together', async (t) => {
  const user = await directory.caller('practitioner');
  t.equal(await answered(user, LIMIT), LIMIT);
  t.equal(await answered(user, 3, other), 0);
});

for (const [what, stop, start] of [
  ['hangs', async () => stack.pause('redis'), async () => stack.resume('redis')],
  ['is killed', () => stack.kill('redis'), () => stack.restart('redis')],
] as const) {
  t.test(`while Redis ${what} each process grants a quarter by itself, and then all of it again`, async (t) => {
    const user = await directory.caller('practitioner');
    await stop();
    t.equal(await answered(user, LIMIT), LIMIT / 4);
    t.equal(await answered(user, LIMIT, other), LIMIT / 4);
    const returns = () => directory.logged().split('counted in Redis again').length;
    const before = returns();
    await start();
    // What was asked while Redis hung may have reached it after all; another user begins at nothing.
    const next = await directory.caller('practitioner');
    await until(async () => (await answered(next, 1)) === 1 && returns() > before, {
      seconds: 20,
      every: 400,
    });
    const last = await directory.caller('practitioner');
    t.equal(await answered(last, LIMIT + 2), LIMIT);
  });
}
