import t from 'tap';
import {
  type Candidate,
  type Criteria,
  createScorer,
  defaultModel,
  prepareCriteria,
} from '../../src/matching/index.js';
import { countLevels, reestimate } from '../../src/matching/train.js';

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

t.test('estimates move from the given model towards what was counted, sums and model left as they are', async (t) => {
  const counts = countLevels([
    ...Array.from({ length: 60 }, () => pair({ familyName: 'Smith' }, { given: '', family: 'Smith' })),
    ...Array.from({ length: 40 }, () => pair({ familyName: 'Smiht' }, { given: '', family: 'Smith' })),
  ]);
  const before = structuredClone(defaultModel);
  const little = reestimate(defaultModel, counts, 'm', 10_000, 'little');
  const much = reestimate(defaultModel, counts, 'm', 1, 'much');
  t.same(defaultModel, before, 'the given model is not touched');
  t.equal(much.version, 'much');
  t.ok(Math.abs(much.family.slip.m / (much.family.slip.m + much.family.exact.m) - 0.4) < 0.02);
  t.ok(little.family.slip.m > before.family.slip.m && little.family.slip.m < before.family.slip.m + 0.01);
  t.same(much.given, before.given, 'nothing counted, nothing changed');
  const sum = (model: typeof before) => Object.values(model.family).reduce((total, { m }) => total + m, 0);
  t.ok(Math.abs(sum(much) - sum(before)) < 1e-9);
  t.same(reestimate(defaultModel, counts, 'u', 1, 'v').family, before.family, 'names have no u to estimate');
});
