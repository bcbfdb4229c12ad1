import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { drawChart } from '../../bench/chart.js';
import { type Report, recallOf, speedOf } from '../../bench/report.js';
import type { Asked, Run } from '../../bench/time-systems.js';
import { projectRoot } from '../../src/config.js';

t.test('the bench asks all four systems the same, and writes down what they did', async (t) => {
  const folder = t.testdir({});
  const args = ['--children', '2000', '--queries', '60', '--clients', '1,2', '--out', folder];
  const run = (program: string, args: string[]) =>
    promisify(execFile)(program, args, { cwd: projectRoot, env: { ...process.env, NODE_OPTIONS: '' } });
  // Compiled, and what it starts as well: as in production.
  await run('npm', ['run', 'build']);
  const { stdout } = await run(process.execPath, ['dist/bench/bench.js', ...args]);
  const report: Report = JSON.parse(readFileSync(path.join(folder, 'bench-2000.json'), 'utf8'));
  const systems = ['ours', 'trgm', 'naive', 'floor'];
  t.strictSame(
    report.speed.map(({ clients, system, queries, errors }) => ({ clients, system, queries, errors })),
    [1, 2].flatMap((clients) => systems.map((system) => ({ clients, system, queries: 60, errors: 0 }))),
  );
  for (const { system, clients, p50, p95, perSecond, oursToThis } of report.speed) {
    t.ok(p50 > 0 && p95 >= p50 && perSecond > 0, `${system} with ${clients}`);
    t.equal(oursToThis !== undefined, system !== 'ours');
  }
  t.strictSame(
    report.recall.map(({ system }) => system),
    systems,
  );
  for (const { system, queries, recallAt1, recallAt10 } of report.recall) {
    t.ok(queries > 90, `most queries have a target: ${queries}`);
    t.ok(recallAt10 > 0.85 && recallAt10 >= recallAt1, `${system} finds most children: ${recallAt10}`);
  }
  t.ok((report.load.measured?.peakMb ?? 0) > 50);
  t.match(report.steps, [
    { clients: 1, steps: { totalMs: { p50: Number, p95: Number } } },
    { clients: 2, steps: { auditMs: { p50: Number, p95: Number } } },
  ]);
  for (const size of [
    report.sizes.ours?.elasticsearch,
    report.sizes.trgm?.postgresIndices,
    report.sizes.naive?.elasticsearch,
  ])
    t.ok((size ?? 0) > 10_000);
  t.notMatch(report.command, folder, 'no folder of this machine');

  const page = readFileSync(path.join(folder, 'bench-2000.md'), 'utf8');
  t.match(page, '(bench-2000.svg)');
  t.ok(page.includes(stdout.trim()), 'the page has the tables of the terminal');
  const chart = readFileSync(path.join(folder, 'bench-2000.svg'), 'utf8');
  t.equal(chart.match(/<polyline /g)?.length, 4, 'a line a system');
});

const query = (childId: string | undefined): Asked['query'] => ({
  source: { query_id: 'q', source_id: 's' },
  givenNames: '',
  familyName: '',
  date: undefined,
  childId,
});
const answer = (rank: number | undefined, milliseconds: number | undefined, asked = query('c')): Asked => ({
  query: asked,
  rank,
  milliseconds,
  tooMany: false,
  took: undefined,
});

t.test('an error counts as not found and lends no time; a query without a child counts for speed alone', async (t) => {
  const asked = [
    answer(1, 10),
    answer(4, 20),
    answer(30, 30),
    answer(undefined, undefined),
    answer(undefined, 40, query(undefined)),
  ];
  const runs: Run[] = [
    { system: 'ours', clients: 1, asked: [answer(1, 80)], seconds: 1 },
    { system: 'floor', clients: 1, asked, seconds: 2 },
  ];
  t.match(recallOf(runs, 'floor'), { queries: 4, recallAt1: 0.25, recallAt10: 0.5, recallAll: 0.75 });
  t.match(speedOf(runs)[1], { queries: 5, errors: 1, p50: 20, p95: 40, perSecond: 2, oursToThis: 2 });
});

t.test('labels of lines that end together do not lie on one another', async (t) => {
  const speed = (system: string, p95: number) =>
    ({ system, clients: 1, queries: 1, errors: 0, p50: p95, p95, p99: p95, perSecond: 1 }) as const;
  const chart = drawChart([speed('ours', 10), speed('trgm', 10), speed('naive', 10.1)], 'Title & more', 'below');
  const places = [...chart.matchAll(/y="([\d.]+)" font-weight="600"/g)].map((found) => Number(found[1]));
  t.equal(places.length, 3);
  const gaps = places.slice(1).map((place, at) => place - places[at]!);
  t.ok(Math.min(...gaps) >= 15, String(gaps));
  t.match(chart, 'Title &amp; more');
});
