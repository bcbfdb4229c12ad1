import { readFile } from 'node:fs/promises';
import t from 'tap';
import { createRandom } from '../../src/generator/random.js';
import { fitCalibration, type JudgedSearch } from '../../src/matching/calibrate.js';
import {
  type Candidate,
  type Criteria,
  createScorer,
  defaultModel,
  prepareCriteria,
} from '../../src/matching/index.js';
import { weightsV2 } from '../../src/matching/model/weights.v2.js';
import { countLevels, type Reestimation, reestimate, reestimateMiddle } from '../../src/matching/train.js';
import { modelModule } from '../../src/services/train/model-file.js';

const score = createScorer(defaultModel, { children: 1000, given: () => 0.01, near: () => 0, family: () => 0.01 });

function pair(
  criteria: Criteria,
  recorded: { given: string; family: string; date?: string; postcode?: string; line?: string },
) {
  const candidate: Candidate = {
    names: [{ kind: 'current', givenNames: recorded.given, familyName: recorded.family }],
    dateOfBirth: recorded.date ?? '2012-03-14',
    gender: 'unknown',
    addresses: [{ line: recorded.line ?? '', town: '', postcode: recorded.postcode ?? '', current: true }],
    parents: [],
  };
  return score(prepareCriteria(criteria), candidate);
}

t.test('levels are counted by table, without what the explanation adds to them', async (t) => {
  const counts = countLevels([
    pair({ givenNames: 'Amy', familyName: 'Smith' }, { given: 'Amy Grace', family: 'Smith' }),
    pair({ givenNames: 'Amy', familyName: 'Smiht' }, { given: 'Amy', family: 'Smith' }),
    pair({ givenNames: 'Okonkwo', familyName: 'Chidi' }, { given: 'Chidi', family: 'Okonkwo' }),
    pair(
      { familyName: 'Smith', address: { line: '9 High St', postcode: 'LS1 4AB' } },
      { given: 'Amy', family: 'Smith', postcode: 'LS1 4AB', line: '9 High Street' },
    ),
    pair(
      { familyName: 'Smith', address: { line: '9 High St', postcode: 'YO1 7AA' } },
      { given: 'Amy', family: 'Smith', postcode: 'LS1 4AB', line: '9 High Street' },
    ),
    pair({ familyName: 'Smith', dateOfBirth: { kind: 'day', date: '2012-03-15' } }, { given: '', family: 'Smith' }),
    pair({ familyName: 'Smith', dateOfBirth: { kind: 'year', year: 2012 } }, { given: '', family: 'Smith' }),
  ]);
  t.same([...counts.given], [['exact', 2]], 'middle names and swapped readings aside');
  t.same(
    [...counts.middle],
    [
      ['omitted', 1],
      ['other', 1],
    ],
    'what became of middle names by itself',
  );
  t.same(
    [...counts.family],
    [
      ['exact', 5],
      ['slip', 1],
    ],
  );
  t.same([...counts.lineInPostcode], [['same', 1]]);
  t.same([...counts.line], [['same', 1]]);
  t.same([...counts.date], [['digit-wrong', 1]], 'a year alone is no alternative to a day');
});

const whole: Reestimation = { version: 'whole', complete: true, trust: 1 };
const smiths = (exact: number, slips: number) =>
  countLevels([
    ...Array.from({ length: exact }, () => pair({ familyName: 'Smith' }, { given: '', family: 'Smith' })),
    ...Array.from({ length: slips }, () => pair({ familyName: 'Smiht' }, { given: '', family: 'Smith' })),
  ]);
const sumOf = (table: Record<string, { m: number }>) => Object.values(table).reduce((total, { m }) => total + m, 0);

t.test('estimates are the counted shares, sums and the given model left as they are', async (t) => {
  const before = structuredClone(defaultModel);
  const { family, given, version } = reestimate(defaultModel, smiths(6000, 4000), 'm', whole);
  t.same(defaultModel, before, 'the given model is not touched');
  t.equal(version, 'whole');
  t.ok(Math.abs(family.slip.m / (family.slip.m + family.exact.m) - 0.4) < 0.01);
  t.same(family.slip.seen, { m: 4000 }, 'and what they rest on is said');
  t.same(family.close.seen, { m: 0 });
  t.ok(Math.abs(sumOf(family) - sumOf(before.family)) < 1e-9);
  t.equal(given.exact.m, before.given.exact.m, 'nothing counted, nothing changed');
  const u = reestimate(defaultModel, smiths(6000, 4000), 'u', whole);
  t.same(u.family, before.family, 'names have no u to estimate');
});

t.test('what was seen little is drawn to the given model', async (t) => {
  const shareOf = (exact: number, slips: number) => {
    const { slip, exact: right } = reestimate(defaultModel, smiths(exact, slips), 'm', whole).family;
    return slip.m / (slip.m + right.m);
  };
  const given = defaultModel.family.slip.m / (defaultModel.family.slip.m + defaultModel.family.exact.m);
  const [few, some, many] = [shareOf(6, 4), shareOf(60, 40), shareOf(6000, 4000)];
  t.ok(given < few && few < some && some < many, `${given} ${few} ${some} ${many}`);
  t.ok(few < given + 0.05 && many > 0.39);
});

t.test(
  'of mistakes made to order, those that nobody ordered keep their shares, and others go part of the way',
  async (t) => {
    const counts = smiths(6000, 4000);
    counts.family.set('different', 200);
    counts.family.set('typo', 5);
    const made = { version: 'made', complete: false, trust: 1 };
    const { family } = reestimate(defaultModel, counts, 'm', made);
    const before = defaultModel.family;
    for (const level of ['different', 'typo', 'phonetic'] as const) t.equal(family[level].m, before[level].m, level);
    t.ok(family.slip.m > before.slip.m);
    const half = reestimate(defaultModel, counts, 'm', { ...made, trust: 0.5 }).family;
    const bits = (table: typeof family) => Math.log2(table.slip.m / table.exact.m);
    t.ok(Math.abs(bits(half) - (bits(family) + bits(before)) / 2) < 1e-9, 'half the way in bits');
    t.not(reestimate(defaultModel, counts, 'm', whole).family.different.m, before.different.m);
  },
);

t.test('levels that are alternatives share what they had: of dates, and of the gender beside a name', async (t) => {
  const counts = countLevels([
    ...Array.from({ length: 900 }, () => gendered('Smith', 'female')),
    ...Array.from({ length: 100 }, () => gendered('Smith', 'male')),
  ]);
  counts.gender.set('same-as-name-implies', 990);
  counts.gender.set('different-despite-name', 10);
  counts.date.set('same-day', 500);
  const { gender, date } = reestimate(defaultModel, counts, 'm', whole);
  const ratioOf = (one: { m: number }, other: { m: number }) => one.m / other.m;
  t.ok(ratioOf(gender.same, gender.different) < 12, 'as seen without a name');
  t.ok(ratioOf(gender['same-as-name-implies'], gender['different-despite-name']) > 40);
  for (const level of ['same-placeholder', 'placeholder-in-same-year', 'same-year'] as const)
    t.equal(date[level].m, defaultModel.date[level].m, level);
});

t.test('omitted middle names count by how much oftener strangers lack them too', async (t) => {
  const asked = (recorded: string) =>
    pair({ givenNames: 'Amy', familyName: 'Smith' }, { given: recorded, family: 'Smith' });
  const mix = (omitted: number, other: number) =>
    countLevels([
      ...Array.from({ length: omitted }, () => asked('Amy Grace')),
      ...Array.from({ length: other }, () => asked('Amy')),
    ]);
  const { middle } = reestimateMiddle(defaultModel, mix(100, 1900), mix(1000, 1000), 1);
  t.ok(Math.abs(middle.omitted - 0.1) < 0.02, `${middle.omitted}`);
  t.equal(middle.same, defaultModel.middle.same);
  const kept = reestimateMiddle(defaultModel, mix(0, 0), mix(0, 0), 1).middle;
  t.ok(Math.abs(kept.omitted - defaultModel.middle.omitted) < 0.01, 'nothing counted, nothing changed');
});

function gendered(familyName: string, gender: 'female' | 'male') {
  const candidate: Candidate = {
    names: [{ kind: 'current', givenNames: '', familyName }],
    dateOfBirth: '2012-03-14',
    gender: 'female',
    addresses: [],
    parents: [],
  };
  return score(prepareCriteria({ familyName, gender }), candidate);
}

/** Searches whose right answers fall as the odds say, once they are raised to `slope` and multiplied. */
function searches(count: number, slope: number, intercept: number): JudgedSearch[] {
  const random = createRandom(7);
  return Array.from({ length: count }, () => {
    const odds = Array.from({ length: 1 + Math.floor(random() * 4) }, () => Math.exp(random() * 12 - 6));
    const weights = odds.map((value) => Math.exp(intercept) * value ** slope);
    let at = random() * weights.reduce((sum, weight) => sum + weight, 1);
    const target = weights.findIndex((weight) => {
      at -= weight;
      return at < 0;
    });
    return { odds, target: target < 0 ? undefined : target };
  });
}

t.test(
  'calibration finds how far odds were too bold or too timid, and leaves them alone where little was seen',
  async (t) => {
    for (const [slope, intercept] of [
      [0.7, -0.5],
      [1, 0],
      [1.3, 0.8],
    ] as const) {
      const found = fitCalibration(searches(20_000, slope, intercept));
      t.ok(Math.abs(found.slope - slope) < 0.04, `slope ${found.slope} for ${slope}`);
      t.ok(Math.abs(found.intercept - intercept) < 0.08, `intercept ${found.intercept} for ${intercept}`);
    }
    const little = fitCalibration(searches(5, 0.7, -0.5));
    t.ok(Math.abs(little.slope - 1) < 0.1 && Math.abs(little.intercept) < 0.5);
    t.same(fitCalibration([]), { slope: 1, intercept: 0 });
    const sure = fitCalibration(Array.from({ length: 1000 }, () => ({ odds: [1e9], target: 0 })));
    t.ok(Number.isFinite(sure.slope) && Number.isFinite(sure.intercept), 'even where every answer was right');
  },
);

t.test('calibration changes scores and no order', async (t) => {
  const shy = { ...defaultModel, calibration: { slope: 0.5, intercept: -1 } };
  const frequencies = { children: 1_000_000, given: () => 0.001, family: () => 0.001, near: () => 0 };
  const asked = prepareCriteria({
    givenNames: 'Amy',
    familyName: 'Smith',
    dateOfBirth: { kind: 'day', date: '2012-03-14' },
  });
  const candidates = ['Amy', 'Aimee', 'Emma', 'Grace'].flatMap((given) =>
    ['2012-03-14', '2012-04-13', '2010-01-01'].map((date): Candidate => {
      const names: Candidate['names'] = [{ kind: 'current', givenNames: given, familyName: 'Smith' }];
      return { names, dateOfBirth: date, gender: 'unknown', addresses: [], parents: [] };
    }),
  );
  const odds = [defaultModel, shy].map((model) => {
    const scorer = createScorer(model, frequencies);
    return candidates.map((candidate) => scorer(asked, candidate).odds);
  });
  const orderOf = (values: number[] = []) => [...values.keys()].sort((a, b) => values[b]! - values[a]! || a - b);
  t.same(orderOf(odds[1]), orderOf(odds[0]));
  t.ok(odds[1]![0]! < odds[0]![0]!);
});

t.test('the model in use is as the command wrote it', async (t) => {
  const file = new URL('../../src/matching/model/weights.v2.ts', import.meta.url);
  t.equal(await readFile(file, 'utf8'), modelModule(weightsV2));
});
