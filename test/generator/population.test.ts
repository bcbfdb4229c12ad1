import { parse } from 'csv-parse/sync';
import { isValid } from 'postcode';
import t from 'tap';
import type { Child } from '../../src/generator/child.js';
import { readData } from '../../src/generator/data.js';
import { feedText } from '../../src/generator/feed-text.js';
import { origins } from '../../src/generator/groups.js';
import { drawChildren } from '../../src/generator/population.js';
import { type FeedRow, feedColumns, rowProblem } from '../../src/services/import/feed-row.js';

const AS_OF = '2026-03-01';
const COUNT = 60_000;

const children = take(1, COUNT);
const families = byFamily(children);

t.test('a seed and a day stand for one population', async (t) => {
  const text = (seed: number, count: number, asOf = AS_OF) =>
    [...feedText(drawChildren({ seed, asOf }), count, 'csv', () => undefined)].join('');
  t.equal(text(7, 1200), text(7, 1200), 'byte for byte');
  t.ok(text(7, 1200).startsWith(text(7, 400)), 'the first children are the same however many are made');
  t.not(text(8, 400), text(7, 400), 'another seed gives others');
  const another = new Set(take(8, 2000).map(({ row }) => `${row.given_names} ${row.family_name} ${row.date_of_birth}`));
  const shared = take(7, 2000).filter(({ row }) =>
    another.has(`${row.given_names} ${row.family_name} ${row.date_of_birth}`),
  );
  t.ok(shared.length < 5, 'with hardly a child in common');
});

t.test('the feed has the columns of the contract, in both formats, and nothing is lost in writing', async (t) => {
  const rows = take(3, 3000).map(({ row }) => row);
  const csv = [...feedText(drawChildren({ seed: 3, asOf: AS_OF }), 3000, 'csv', () => undefined)].join('');
  t.strictSame(csv.slice(0, csv.indexOf('\n')).split(','), feedColumns);
  t.ok(
    rows.some(({ address_line1 }) => address_line1.includes(',')),
    'some values need quotation marks',
  );
  t.strictSame(parse(csv, { columns: true }), rows);
  const lines = [...feedText(drawChildren({ seed: 3, asOf: AS_OF }), 3000, 'ndjson', () => undefined)].join('');
  const empty = Object.fromEntries(feedColumns.map((column) => [column, '']));
  t.strictSame(
    lines
      .trimEnd()
      .split('\n')
      .map((line) => ({ ...empty, ...JSON.parse(line) })),
    rows,
  );
});

t.test('every row is one that an import takes', async (t) => {
  const problems = children.flatMap(({ row }) => rowProblem(row, AS_OF) ?? []);
  t.strictSame(problems, []);
  t.equal(new Set(children.map(({ row }) => row.source_id)).size, COUNT, 'no source_id twice');
  const postcodes = children.flatMap(({ row }) => [row.postcode, row.address2_postcode]).filter(Boolean);
  t.strictSame(
    postcodes.filter((postcode) => !isValid(postcode)),
    [],
  );
  for (const { row } of children.filter(({ row }) => row.parent_phone !== '')) {
    if (!/^07700 900\d{3}$/.test(row.parent_phone)) t.fail('a telephone number that may be somebody’s');
  }
  t.notOk(
    children.some(({ row }) => row.parent_email !== '' && !/@example\.(org|net)$/.test(row.parent_email)),
    'mail goes nowhere',
  );
});

t.test('everybody is a child on the day, of every age', async (t) => {
  const ages = new Map<number, number>();
  for (const { row } of children) {
    const years = Number(AS_OF.slice(0, 4)) - Number(row.date_of_birth.slice(0, 4));
    const age = row.date_of_birth.slice(5) > AS_OF.slice(5) ? years - 1 : years;
    ages.set(age, (ages.get(age) ?? 0) + 1);
  }
  t.strictSame(
    [...ages.keys()].sort((a, b) => a - b),
    Array.from({ length: 18 }, (_, age) => age),
  );
  for (const [age, count] of ages) t.ok(Math.abs(count / COUNT - 1 / 18) < 0.006, `age ${age}: ${count}`);
  const leapDays = children.filter(({ row }) => row.date_of_birth.endsWith('-02-29')).length;
  t.ok(leapDays > 10 && leapDays < 80, `${leapDays} born on 29 February`);
});

t.test('names are as unevenly spread as in life', async (t) => {
  const shares = tally([...families.values()].map(([eldest]) => eldest!.row.family_name));
  const [top, topShare] = shares[0]!;
  t.match(top, /^(Smith|Jones)$/);
  t.ok(topShare > 0.006 && topShare < 0.012, `${top} ${topShare}`);
  t.ok(shares[99]![1] < 0.0025, 'the hundredth is a quarter as common at most');
  const hundred = shares.slice(0, 100).reduce((sum, [, share]) => sum + share, 0);
  t.ok(hundred > 0.15 && hundred < 0.3, `the first hundred have ${hundred}`);
  t.ok(shares.length > 11_000, `${shares.length} different family names`);
  t.ok(shares.filter(([, share]) => share * families.size < 1.5).length > shares.length / 3, 'many occur only once');
  const [muhammad] = tally(
    children.filter(({ row }) => row.gender === 'male').map(({ row }) => row.given_names.split(' ')[0]!),
  );
  t.match(muhammad![0], /^Mu?o?hamm/, 'the commonest first name of boys');
  const alike = tally(children.map(({ row }) => `${row.given_names.split(' ')[0]} ${row.family_name}`));
  const others = alike.reduce((sum, [, share]) => sum + share * (share * COUNT - 1), 0) / COUNT;
  const nationwide = others * 11_000_000;
  t.ok(nationwide > 15 && nationwide < 80, `a child shares first and family name with ${nationwide} of 11 million`);
});

t.test('every origin has its share, and names that tell it', async (t) => {
  const { groups } = readData();
  for (const origin of origins) {
    const stated = groups.filter((group) => group.origin === origin).reduce((sum, { share }) => sum + share, 0) / 100;
    const found = [...families.values()].filter(([child]) => child!.origin === origin).length / families.size;
    t.ok(Math.abs(found - stated) < 0.004 + stated * 0.08, `${origin}: ${found} of ${stated}`);
    const names = new Set(children.filter((child) => child.origin === origin).map(({ row }) => row.family_name));
    t.ok(names.size >= 40, `${origin}: ${names.size} family names`);
  }
  const total = groups.reduce((sum, { share }) => sum + share, 0);
  t.ok(Math.abs(total - 100) < 0.01, `shares add up: ${total}`);
  const has = (what: string, pattern: RegExp) =>
    t.ok(
      children.some(({ row }) => pattern.test(`${row.given_names} | ${row.family_name}`)),
      what,
    );
  has("O'", / \| O'[A-Z]/);
  has('Mc', / \| Mc[A-Z]/);
  has('double-barrelled with a hyphen', / \| \p{L}+-\p{L}+$/u);
  has('double-barrelled with a space', / \| [A-Z][a-z]+ [A-Z][a-z]+$/);
  has('al-', / \| al-/i);
  has('bin', / bin .* \| /);
  has('van', / \| van /);
  has('de, da', / \| (da|de) /);
  has('Kaur', /Kaur/);
  has('a feminine ending', / \| \p{L}+ska$/u);
  for (const letter of ['ł', 'é', 'ş', 'ș', 'ã', 'ü', 'š']) has(letter, new RegExp(letter, 'i'));
});

t.test('families hold together', async (t) => {
  const sizes = [...families.values()].map(({ length }) => length);
  const share = (size: number) => sizes.filter((length) => length === size).length / sizes.length;
  t.ok(share(1) > 0.36 && share(1) < 0.48, `one child: ${share(1)}`);
  t.ok(share(2) > 0.36 && share(2) < 0.48, `two children: ${share(2)}`);
  let apart = 0;
  for (const siblings of families.values()) {
    const shared = [
      'address_line1',
      'address_line2',
      'town',
      'address2_line1',
      'parent_name',
      'parent2_name',
      'parent_phone',
    ] as const;
    for (const column of shared)
      if (new Set(siblings.map(({ row }) => row[column])).size > 1) t.fail(`${column} differs`);
    const firstNames = siblings.map(({ row }) => row.given_names || row.family_name);
    if (new Set(firstNames).size < siblings.length) t.fail('two of a family with the same given names');
    const dates = siblings.map(({ row }) => row.date_of_birth);
    for (const [earlier, later] of siblings.slice(1).map((child, at) => [siblings[at]!, child] as const)) {
      const days = (Date.parse(later.row.date_of_birth) - Date.parse(earlier.row.date_of_birth)) / 86_400_000;
      if (days !== 0 && days < 300) t.fail(`siblings ${days} days apart`);
      if (days === 0 && !(later.twin && earlier.twin)) t.fail('a birthday shared by others than twins');
    }
    if (siblings.some(({ twin }) => twin) && new Set(dates).size === dates.length) t.fail('a twin without the other');
    if (new Set(siblings.map(({ row }) => row.family_name)).size > 1) apart++;
  }
  t.ok(apart / families.size > 0.02, 'some siblings have different family names');
  const twins = children.filter(({ twin }) => twin).length / 2;
  const maternities = COUNT - twins;
  t.ok(twins / maternities > 1 / 85 && twins / maternities < 1 / 50, `one birth in ${maternities / twins} is of twins`);
});

t.test(
  'records have what real ones have: second homes, overseas parents, former names, one name only, gaps',
  async (t) => {
    const share = (of: (row: FeedRow) => boolean) => children.filter(({ row }) => of(row)).length / COUNT;
    const within = (what: string, value: number, from: number, to: number) =>
      t.ok(value > from && value < to, `${what}: ${value}`);
    within(
      'two homes',
      share(({ address2_postcode }) => address2_postcode !== ''),
      0.05,
      0.1,
    );
    within(
      'former family name',
      share((row) => row.former_family_name !== ''),
      0.02,
      0.06,
    );
    within(
      'known as',
      share((row) => row.known_as !== ''),
      0.01,
      0.05,
    );
    within(
      'overseas',
      share((row) => row.country !== ''),
      0.0005,
      0.004,
    );
    within(
      'mononym',
      share((row) => row.given_names === ''),
      0,
      0.0005,
    );
    within(
      'no parent',
      share((row) => row.parent_name === ''),
      0.005,
      0.03,
    );
    within(
      'gender not known',
      share((row) => row.gender === 'unknown'),
      0.001,
      0.006,
    );
    for (const { row } of children) {
      if (row.former_family_name !== '' && row.former_family_name === row.family_name)
        t.fail('a former name that is the present one');
      if (row.country !== '' && (row.postcode !== '' || row.service_kind !== 'educational-setting'))
        t.fail('a child overseas has no English postcode, and a school');
    }
    const households = new Set(children.map(({ row }) => `${row.postcode} ${row.address_line1} ${row.address_line2}`))
      .size;
    const postcodes = new Set(children.map(({ row }) => row.postcode)).size;
    within('families a postcode', households / postcodes, 3, 8);
  },
);

/** Children of each family; without the last, which may be cut off. */
function byFamily(all: Child[]): Map<number, Child[]> {
  const found = new Map<number, Child[]>();
  for (const child of all) {
    const siblings = found.get(child.family);
    if (siblings) siblings.push(child);
    else found.set(child.family, [child]);
  }
  found.delete(all.at(-1)!.family);
  return found;
}

function take(seed: number, count: number): Child[] {
  const population = drawChildren({ seed, asOf: AS_OF });
  return Array.from({ length: count }, () => population.next().value);
}

/** Values with their shares, commonest first. */
function tally(values: string[]): [value: string, share: number][] {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts]
    .map(([value, count]): [string, number] => [value, count / values.length])
    .sort((a, b) => b[1] - a[1]);
}
