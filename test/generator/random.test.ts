import t from 'tap';
import { createRandom } from '../../src/generator/random.js';
import { createRotation, createSampler } from '../../src/generator/sampler.js';

t.test('a stream of random numbers depends on its path alone, and is even', async (t) => {
  const first = (...path: number[]) => Array.from({ length: 5 }, createRandom(...path));
  t.strictSame(first(1, 2), first(1, 2));
  const streams = [first(1, 2), first(2, 1), first(1, 3), first(0, 2), first(1), first(1, 2, 0), first(2 ** 32 + 1, 2)];
  t.equal(new Set(streams.map(String)).size, streams.length, 'paths that are alike give streams that are not');
  const buckets = new Array<number>(10).fill(0);
  // The first number of each of many neighbouring streams, since that is how they are used.
  for (let place = 0; place < 50_000; place++) buckets[Math.floor(createRandom(9, place)() * 10)]!++;
  for (const count of buckets) t.ok(Math.abs(count - 5000) < 300, `${count} of 50,000 in a tenth`);
});

t.test('a sampler draws as often as the weights say', async (t) => {
  const sample = createSampler([
    ['common', 70],
    ['less', 29.9],
    ['rare', 0.1],
  ] as [string, number][]);
  const random = createRandom(4);
  const counts: Record<string, number> = {};
  for (let draw = 0; draw < 100_000; draw++) {
    const value = sample(random);
    counts[value] = (counts[value] ?? 0) + 1;
  }
  t.ok(Math.abs(counts.common! - 70_000) < 700, `common: ${counts.common}`);
  t.ok(Math.abs(counts.rare! - 100) < 40, `rare: ${counts.rare}`);
  t.throws(() => createSampler([]), RangeError);
  t.throws(() => createSampler([['never', 0]]), RangeError);
});

t.test('a rotation gives each value its due, spread out', async (t) => {
  const next = createRotation([
    ['often', 5],
    ['sometimes', 2],
    ['once', 1],
  ] as [string, number][]);
  const given = Array.from({ length: 800 }, next);
  const count = (value: string, upTo = given.length) => given.slice(0, upTo).filter((other) => other === value).length;
  t.strictSame([count('often'), count('sometimes'), count('once')], [500, 200, 100]);
  for (let turns = 1; turns <= 800; turns++) {
    for (const [value, share] of [
      ['often', 5 / 8],
      ['sometimes', 2 / 8],
      ['once', 1 / 8],
    ] as const) {
      if (Math.abs(count(value, turns) - share * turns) > 1) t.fail(`${value} after ${turns}`);
    }
  }
});
