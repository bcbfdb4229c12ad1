import t from 'tap';
import { type Calibration, calibrate, type Judged } from '../../src/services/evaluate/calibration.js';
import { measure } from '../../src/services/evaluate/measures.js';
import { reliabilityPlot } from '../../src/services/evaluate/plot.js';
import type { Outcome } from '../../src/services/evaluate/recall.js';
import { type Circumstances, section, withSection } from '../../src/services/evaluate/record.js';
import { describe } from '../../src/services/evaluate/report.js';

const shown = (score: number, right: number, cases: number): Judged[][] =>
  Array.from({ length: cases }, (_, at) => [{ score, right: at < right }]);

function outcome(parts: Partial<Outcome> = {}): Outcome {
  return {
    kind: 'answered',
    hasTarget: true,
    retried: false,
    rank: 1,
    milliseconds: 5,
    results: [],
    slices: [],
    ...parts,
  };
}

t.test(
  'a tenth is calibrated where as many are right as its scores say, and too small ones are not judged',
  async (t) => {
    const cases: [string, Judged[][], boolean | null][] = [
      ['within five points', shown(0.44, 100, 250), true],
      ['just beyond', shown(0.44, 122, 250), true],
      ['over-confident', shown(0.44, 90, 250), false],
      ['under-confident', shown(0.44, 130, 250), false],
      ['few', shown(0.44, 150, 199), null],
      ['the last tenth, nine in ten', shown(0.99, 225, 250), true],
      ['the last tenth, less', shown(0.99, 224, 250), false],
      ['the last tenth, all', shown(0.91, 250, 250), true],
      ['the whole of 1', shown(1, 250, 250), true],
    ];
    for (const [what, answers, verdict] of cases) {
      const [tenth, ...others] = calibrate(answers).results;
      t.equal(tenth?.calibrated, verdict, what);
      t.same(others, []);
    }
  },
);

t.test('results are told by tenths of their score, first results apart', async (t) => {
  const { results, first } = calibrate([
    [
      { score: 0.9, right: true },
      { score: 0.05, right: false },
    ],
    [
      { score: 0.3, right: false },
      { score: 0.3, right: true },
    ],
    [],
  ]);
  t.match(results, [
    { from: 0, to: 0.1, cases: 1, meanScore: 0.05, shareRight: 0 },
    { from: 0.3, to: 0.4, cases: 2, meanScore: 0.3, shareRight: 0.5, interval: [0.0945, 0.9055] },
    { from: 0.9, to: 1, cases: 1, shareRight: 1 },
  ]);
  t.match(
    first.map(({ from, shareRight }) => [from, shareRight]),
    [
      [0.3, 0],
      [0.9, 1],
    ],
  );
});

const sliced = (name: string, found: number, of = 20): Outcome[] =>
  Array.from({ length: of }, (_, at) => {
    const { rank, ...lost } = outcome({ slices: [name] });
    return at < found ? { ...lost, rank: rank ?? 1 } : lost;
  });

t.test('slices go field by field, the worst error first, origins last with what lies between them', async (t) => {
  const { slices, origins } = measure([
    ...sliced('origin: welsh', 20),
    ...sliced('origin: somali', 15),
    ...sliced('postcode: same', 20),
    ...sliced('given_names: typo', 18),
    ...sliced('given_names: missing', 10),
    ...sliced('given_names: nickname', 16),
    ...sliced('given_names: same', 19),
    ...sliced('name_and_date: both', 12),
    ...sliced('too: small', 1, 9),
  ]);
  t.strictSame(Object.keys(slices), [
    'name_and_date: both',
    'given_names: same',
    'given_names: nickname',
    'given_names: typo',
    'given_names: missing',
    'postcode: same',
    'origin: somali',
    'origin: welsh',
  ]);
  t.strictSame(origins, {
    worst: 'somali',
    best: 'welsh',
    worstRecallAt10: 0.75,
    bestRecallAt10: 1,
    difference: 0.25,
  });
  t.notOk('origins' in measure(sliced('origin: welsh', 20)), 'of one origin there is nothing to compare');
});

t.test('the measures keep the keys of the contract', async (t) => {
  const measures = measure([outcome(), outcome({ kind: 'refused' }), outcome({ hasTarget: false })]);
  const keys = ['queries', 'noTarget', 'refused', 'recallAt1', 'recallAt10', 'mrr', 'p50', 'p95', 'p99', 'slices'];
  for (const key of keys) t.ok(key in measures, key);
  t.match(measures, { queries: 1, noTarget: 1, refused: 1, recallAt1: 1 });
});

const measured = measure([
  ...sliced('origin: welsh', 20),
  ...sliced('origin: somali', 15),
  ...shown(0.99, 240, 250).map((results) => outcome({ results })),
  ...shown(0.05, 2, 30).map((results) => outcome({ results })),
]);

t.test('a terminal and a document get the same verdicts', async (t) => {
  const under: Circumstances = {
    command: 'npm run directory -- evaluate --queries q.ndjson',
    model: 'v2',
    children: 104_000,
    on: '2026-11-25',
    commit: 'abc1234',
    machine: '2 cores',
  };
  const text = describe(measured);
  t.match(text, /0\.9 to 1\.0 +250 +mean 0\.990 +right 0\.960 \(0\.928 to 0\.978\) +yes/);
  t.match(text, /worst and best origin, recall@10: somali 0\.750, welsh 1\.000, difference 0\.250/);
  const body = section(measured, under);
  t.match(body, /^104,000 children, model v2; 2026-11-25, commit abc1234; 2 cores\.$/m);
  t.match(body, /\| 0\.9–1\.0 \| 250 \| 0\.990 \| 0\.960 \(0\.928–0\.978\) \| yes \|/);
  t.match(body, /\| 0\.0–0\.1 \| 30 \| .*too few/);
  t.match(body, /```sh\nnpm run directory -- evaluate --queries q\.ndjson\n```$/);
});

t.test('a recorded section takes the place of the one before it and touches no other', async (t) => {
  const before = '# Measurements\n\nHead.\n\n## One\n\nfirst\n\n### Below\n\nmore\n\n## Two\n\nsecond\n';
  const once = withSection(before, 'One', 'new\n');
  t.equal(once, '# Measurements\n\nHead.\n\n## One\n\nnew\n\n## Two\n\nsecond\n');
  t.equal(withSection(once, 'One', 'new\n'), once, 'a second time nothing changes');
  t.equal(withSection(once, 'Two', 'other'), '# Measurements\n\nHead.\n\n## One\n\nnew\n\n## Two\n\nother\n');
  t.equal(withSection(once, 'On', 'x'), `${once}\n## On\n\nx\n`, 'a heading that only begins alike is another');
});

t.test('the reliability plot is a picture of every tenth, whatever was measured', async (t) => {
  const svg = reliabilityPlot('A < B & C', 'all', measured.calibration);
  t.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox/);
  t.match(svg, /A &lt; B &amp; C/);
  t.notMatch(svg, /NaN|Infinity|undefined/);
  t.equal(svg.match(/<circle[^>]*r="4\.6"[^>]*stroke=/g)?.length, 4, 'two tenths of two series');
  const nothing: Calibration = { results: [], first: [] };
  t.notMatch(reliabilityPlot('', '', nothing), /NaN|Infinity|undefined/);
});
