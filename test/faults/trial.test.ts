import t from 'tap';
import type { FaultName } from './trial/faults.js';
import { breachesOf, runTrial, type Struck, tableOf } from './trial/trial.js';

const chosen: FaultName[] = [
  'leading relay killed',
  'Redis wiped',
  'index deleted',
  'index read-only',
  'PostgreSQL killed',
];

t.test('under load whatever is struck, nothing is lost, wrong, shown or left hanging', async (t) => {
  const outcomes = await runTrial(t, {
    children: 2_000,
    seed: 1,
    rounds: 1,
    faults: chosen,
    holdSeconds: 2,
    changesPerSecond: 60,
    searchesPerSecond: 20,
    say: (line) => t.comment(line),
  });
  t.comment(tableOf(outcomes));
  t.same(breachesOf(outcomes, chosen), []);
});

t.test('a trial in which something went wrong, or nothing happened, does not pass', async (t) => {
  const good: Struck = {
    fault: 'Redis wiped',
    acknowledged: 100,
    lost: 0,
    equalAfter: 1,
    differences: { children: 2_000, missing: 0, wrong: 0, extra: 0 },
    probes: 10,
    shown: 0,
    unanswered: 0,
    searched: 20,
    missed: 0,
    failed: 3,
    held: 0,
    slowestMs: 100,
    changesPerSecond: 50,
    searchP95: 20,
  };
  t.same(breachesOf([good], ['Redis wiped']), []);
  const bad: Partial<Struck>[] = [
    { acknowledged: 0 },
    { searched: 0 },
    { probes: 0 },
    { lost: 1 },
    { equalAfter: 31 },
    { differences: { ...good.differences, wrong: 1 } },
    { shown: 1 },
    { unanswered: 1 },
    { missed: 1 },
  ];
  for (const one of bad) t.equal(breachesOf([{ ...good, ...one }], ['Redis wiped']).length, 1, JSON.stringify(one));
  t.equal(breachesOf([], ['Redis wiped']).length, 1, 'nothing ran');
});
