import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import { fitLine, judgeGrowth, type Point, readMemory } from '../../bench/memory.js';
import { createRandom } from '../../src/generator/random.js';

const HOURS = 0.2;

/** 180 points of a process that grows by so many MB an hour, each between 0 and `noise` MB above that, like the one before in part. */
function measured(perHour: number, noise: number, seed = 1): Point[] {
  const random = createRandom(seed);
  let above = 0;
  return Array.from({ length: 180 }, (_, at) => {
    const hours = (HOURS * at) / 179;
    above = 0.7 * above + 0.3 * noise * random();
    return { hours, megabytes: 300 + perHour * hours + above };
  });
}

t.test('a process that keeps what it should let go is told from one that is only restless', async (t) => {
  const judged = (points: Point[]) => judgeGrowth(fitLine(points), HOURS);
  t.equal(judged(measured(0, 20)), 'flat');
  t.equal(judged(measured(-100, 20)), 'flat', 'one that shrinks does not grow');
  t.equal(judged(measured(100, 20)), 'grows', '20 MB in twelve minutes');
  t.equal(judged(measured(5, 1)), 'flat', 'one MB of 300 is nothing');
  t.equal(judged(measured(100, 4_000)), 'open', 'what cannot be seen is not called flat');
});

t.test('nineteen intervals of twenty hold the slope', async (t) => {
  let held = 0;
  for (let seed = 1; seed <= 200; seed++) {
    const { from, to } = fitLine(measured(50, 30, seed));
    if (from <= 50 && to >= 50) held++;
  }
  t.ok(held >= 180 && held < 200, `${held} of 200`);
});

t.test(
  'memory that a process takes is seen, in itself and in the tree above it',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const source = `process.once('message', () => {
    globalThis.held = Buffer.alloc(64 * 2 ** 20, 1);
    process.send('held');
  });
  process.send('ready');
  setInterval(() => undefined, 60_000)`;
    const child = spawn(process.execPath, ['-e', source], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    t.teardown(() => child.kill());
    // Until it has become itself, it shares this process's memory.
    await once(child, 'message');
    const pid = child.pid ?? 0;
    const below = () => readMemory(process.pid, true).own - readMemory(process.pid).own;
    const before = { alone: readMemory(pid), below: below() };
    child.send('take');
    await once(child, 'message');
    const after = { alone: readMemory(pid), below: below() };
    for (const kind of ['resident', 'own'] as const)
      t.ok(after.alone[kind] - before.alone[kind] > 60, `${kind}: ${after.alone[kind] - before.alone[kind]}`);
    t.ok(after.below - before.below > 40, `with what it has started: ${after.below - before.below}`);
  },
);
