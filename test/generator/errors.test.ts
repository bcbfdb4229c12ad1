import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import osa from 'talisman/metrics/damerau-levenshtein.js';
import t from 'tap';
import { projectRoot } from '../../src/config.js';
import { addressErrors, postcodeErrors, townErrors } from '../../src/generator/address-errors.js';
import { dateErrors } from '../../src/generator/date-errors.js';
import { type ErrorMaker, familyNameErrors, givenNameErrors } from '../../src/generator/errors.js';
import { drawChildren } from '../../src/generator/population.js';
import { collectQueries, type GeneratedQuery } from '../../src/generator/queries.js';
import { createRandom } from '../../src/generator/random.js';
import { queryFields, toRequest } from '../../src/services/evaluate/queries.js';
import type { FeedRow } from '../../src/services/import/feed-row.js';
import { readCriteria } from '../../src/services/search/criteria.js';

const AS_OF = '2026-03-01';
const population = drawChildren({ seed: 11, asOf: AS_OF });
const children = Array.from({ length: 40_000 }, () => population.next().value);

/** All that a maker does to a value over many draws. */
function outcomes(make: ErrorMaker, value: string): Set<string | undefined> {
  const random = createRandom(1);
  return new Set(Array.from({ length: 200 }, () => make(value, random)));
}

t.test('an error maker changes the value, or says that it cannot', async (t) => {
  const rows = children.slice(0, 3000).map(({ row }) => row);
  const fields: [Record<string, ErrorMaker>, (row: FeedRow) => string][] = [
    [givenNameErrors, (row) => row.given_names],
    [familyNameErrors, (row) => row.family_name],
    [dateErrors, (row) => row.date_of_birth],
    [addressErrors, (row) => row.address_line1],
    [townErrors, (row) => row.town],
    [postcodeErrors, (row) => row.postcode],
  ];
  const random = createRandom(2);
  for (const [makers, read] of fields) {
    for (const [kind, make] of Object.entries(makers)) {
      let made = 0;
      for (const value of rows.map(read).filter(Boolean)) {
        const changed = make(value, random);
        if (changed === undefined) continue;
        made++;
        if (changed === value || changed.trim() === '' || /\s\s|^\s|\s$|undefined/.test(changed))
          t.fail(`${kind}: ${value} became "${changed}"`);
      }
      t.ok(made > 10, `${kind}: made in ${made} of ${rows.length}`);
    }
  }
});

t.test('each kind of error in a name is what it is called', async (t) => {
  for (const [name, kind, expected] of [
    ['Łukasz', 'diacritics', ['Lukasz']],
    ['Ó Súilleabháin', 'diacritics', ['O Suilleabhain']],
    ["O'Brien", 'punctuation', ['OBrien', 'O Brien']],
    ['Smith-Jones', 'punctuation', ['SmithJones', 'Smith Jones']],
    ['Smith-Jones', 'barrel-swapped', ['Jones-Smith']],
    ['García López', 'barrel-swapped', ['López García']],
    ['Smith-Jones', 'barrel-half', ['Smith', 'Jones']],
    ['Khan', 'case', ['KHAN', 'khan']],
  ] as const) {
    t.strictSame([...outcomes(familyNameErrors[kind], name)].sort(), [...expected].sort(), `${name}: ${kind}`);
  }
  for (const [name, kind] of [
    ['Smith', 'diacritics'],
    ['Smith', 'punctuation'],
    ['Smith', 'barrel-half'],
    ['da Silva', 'barrel-half'],
    ['bin Khalid', 'barrel-swapped'],
    ['Li', 'two-typos'],
  ] as const) {
    t.strictSame([...outcomes(familyNameErrors[kind], name)], [undefined], `${name}: no ${kind}`);
  }
  t.strictSame([...outcomes(givenNameErrors['middle-missing'], 'Amy Louise Jane')], ['Amy']);
  t.strictSame([...outcomes(givenNameErrors['middle-missing'], 'Amy')], [undefined]);
  t.ok([...outcomes(givenNameErrors['middle-extra'], 'Amy')].every((name) => /^Amy \p{Lu}\p{Ll}+$/u.test(name ?? '')));
  t.ok(outcomes(givenNameErrors.nickname, 'Margaret Rose').has('Peggy Rose'));
  t.ok(outcomes(givenNameErrors.nickname, 'Bill').has('William'), 'the other way round too');
  t.ok(outcomes(givenNameErrors.transliteration, 'Mohammed').has('Muhammad'));
  t.ok(outcomes(givenNameErrors.phonetic, 'Siobhan').has('Shivaun'));
  t.ok(outcomes(familyNameErrors.phonetic, 'Phillips').size > 1);
});

t.test('a typo is one slip, two typos are two', async (t) => {
  for (const name of ['Harrington', 'Szczepański', 'Adeyemi', 'Ng', 'Li', 'Nguyen', 'Micaela Jane', 'al-Rashid']) {
    for (const changed of outcomes(givenNameErrors.typo, name))
      if (osa(changed!.toLowerCase(), name.toLowerCase()) !== 1) t.fail(`${name} became ${changed}`);
    for (const changed of outcomes(givenNameErrors['two-typos'], name)) {
      if (changed === undefined) continue;
      const distance = osa(changed.toLowerCase(), name.toLowerCase());
      if (distance !== 2) t.fail(`${name} became ${changed}`);
    }
  }
  t.ok(outcomes(givenNameErrors.typo, 'Harrington').size > 40);
});

t.test('each kind of error in a date is what it is called', async (t) => {
  t.strictSame([...outcomes(dateErrors['day-month-swapped'], '2013-10-04')], ['2013-04-10']);
  t.strictSame([...outcomes(dateErrors['day-month-swapped'], '2013-10-14')], [undefined], 'there is no month 14');
  t.strictSame([...outcomes(dateErrors['day-month-swapped'], '2013-10-10')], [undefined], 'nothing to swap');
  t.strictSame([...outcomes(dateErrors['year-off-by-one'], '2013-10-04')].sort(), ['2012-10-04', '2014-10-04']);
  t.strictSame([...outcomes(dateErrors['year-off-by-one'], '2016-02-29')], [undefined], 'no such day a year away');
  t.strictSame([...outcomes(dateErrors['year-month-only'], '2013-10-04')], ['2013-10']);
  t.strictSame([...outcomes(dateErrors['year-only'], '2013-10-04')], ['2013']);
  for (const date of ['2013-10-04', '2016-02-29', '2009-12-31', '2020-01-01']) {
    for (const changed of outcomes(dateErrors['digit-wrong'], date)) {
      const wrong = [...date].filter((digit, at) => digit !== changed![at]).length;
      if (wrong !== 1 || new Date(changed!).toISOString().slice(0, 10) !== changed) t.fail(`${date} became ${changed}`);
    }
    for (const changed of outcomes(dateErrors['digits-transposed'], date)) {
      if (changed === undefined) continue;
      if (osa(changed, date) !== 1 || [...changed].sort().join() !== [...date].sort().join())
        t.fail(`${date} became ${changed}`);
    }
  }
  t.ok(outcomes(dateErrors['digits-transposed'], '2010-11-02').has('2010-11-20'));
});

t.test('a wrong postcode still looks like one, and streets are abbreviated', async (t) => {
  for (const kind of ['character-wrong', 'characters-swapped'] as const)
    for (const changed of outcomes(postcodeErrors[kind], 'LS8 4NW'))
      if (!/^[A-Z]{2}\d \d[A-Z]{2}$/.test(changed!)) t.fail(`${kind}: ${changed}`);
  t.ok(outcomes(addressErrors.abbreviation, '9 Burrinjuck Crescent').has('9 Burrinjuck Cres'));
  t.strictSame([...outcomes(addressErrors.abbreviation, 'Rose Cottage')], [undefined]);
});

t.test('the queries say truly what is wrong with them', async (t) => {
  const { queries, rows } = ask(3000);
  t.equal(queries.length, 3000);
  t.equal(new Set(queries.map(({ query_id }) => query_id)).size, 3000);
  for (const query of queries.filter(({ target_in_records_csv }) => target_in_records_csv)) {
    const row = rows.get(query.source_id)!;
    for (const field of queryFields) {
      const label = query.errors[field];
      const [asked, held] = [query[field], row[field]];
      const right =
        label === 'same'
          ? asked === held
          : label === 'missing'
            ? asked === null && held !== ''
            : label === 'not-held'
              ? asked === null && held === ''
              : asked !== null && asked !== held;
      // The other home or parent may by chance be called the same.
      if (!right && !label.startsWith('second'))
        t.fail(`${query.query_id} ${field}: ${label}, but ${asked} of ${held}`);
    }
    if (query.errors.family_name === 'former') t.equal(query.family_name, row.former_family_name);
    const wrong = [
      row.given_names !== (query.given_names ?? '') || row.family_name !== (query.family_name ?? ''),
      row.date_of_birth !== query.date_of_birth,
    ];
    const together = ['same', 'date', 'name', 'both'][Number(wrong[0]) * 2 + Number(wrong[1])];
    if (query.errors.name_and_date !== together) t.fail(`${query.query_id}: ${query.errors.name_and_date}`);
    if (query.errors.given_names === 'known-as') t.equal(query.given_names, row.known_as);
    if (query.errors.given_names === 'swapped') {
      t.equal(query.given_names, row.family_name);
      t.equal(query.family_name, row.given_names);
    }
    if ((query.date_of_birth ?? '') > AS_OF) t.fail('a date of birth to come');
  }
});

t.test('the queries are a fair mixture, the same for every origin', async (t) => {
  const { queries } = ask(3200);
  const share = (of: (query: GeneratedQuery) => boolean) => queries.filter(of).length / queries.length;
  const nameRight = ({ errors }: GeneratedQuery) => errors.given_names === 'same' && errors.family_name === 'same';
  const dateRight = ({ errors }: GeneratedQuery) => errors.date_of_birth === 'same';
  const near = (what: string, found: number, wanted: number) =>
    t.ok(Math.abs(found - wanted) < 0.04, `${what}: ${found}`);
  near(
    'right in name and date',
    share((query) => nameRight(query) && dateRight(query)),
    0.34,
  );
  near(
    'wrong in name and date',
    share((query) => !nameRight(query) && !dateRight(query)),
    0.16,
  );
  near(
    'without a target',
    share((query) => !query.target_in_records_csv),
    0.05,
  );
  const kinds = new Set(
    queries.flatMap(({ errors }) => Object.entries(errors).map(([field, kind]) => `${field} ${kind}`)),
  );
  for (const kind of Object.keys(givenNameErrors)) t.ok(kinds.has(`given_names ${kind}`), `given names: ${kind}`);
  for (const kind of Object.keys(familyNameErrors)) t.ok(kinds.has(`family_name ${kind}`), `family name: ${kind}`);
  for (const kind of Object.keys(dateErrors)) t.ok(kinds.has(`date_of_birth ${kind}`), `date of birth: ${kind}`);
  for (const kind of [
    'given_names known-as',
    'family_name former',
    'postcode second-address',
    'parent_name second-parent',
  ])
    t.ok(kinds.has(kind), kind);
  const byOrigin = new Map<string, GeneratedQuery[]>();
  for (const query of queries) byOrigin.set(query.name_origin, [...(byOrigin.get(query.name_origin) ?? []), query]);
  t.equal(byOrigin.size, 16);
  for (const [origin, asked] of byOrigin) {
    t.ok(Math.abs(asked.length - 200) <= 2, `${origin}: ${asked.length} queries`);
    const right = asked.filter((query) => nameRight(query) && dateRight(query)).length;
    t.ok(Math.abs(right - 0.34 * 200) < 8, `${origin}: ${right} of them right`);
  }
});

t.test('a searcher is hardly ever refused for knowing too little', async (t) => {
  const { queries } = ask(2000);
  const refused = queries.filter((query) => {
    try {
      readCriteria(toRequest(query, ['given_names', 'family_name', 'date_of_birth', 'gender']));
      return false;
    } catch {
      return true;
    }
  });
  t.ok(refused.length < 20, `${refused.length} of 2000`);
});

t.test('few children are asked about more than once, and a feed without some origins is no trouble', async (t) => {
  const { queries } = ask(500, 30);
  t.equal(queries.length, 500);
  t.ok(
    queries
      .filter(({ target_in_records_csv }) => !target_in_records_csv)
      .every(({ source_id }) => source_id.startsWith('absent-')),
  );
});

t.test('what makes the errors knows nothing of what tolerates them', async (t) => {
  const folder = path.join(projectRoot, 'src/generator');
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.ts')))
    t.notMatch(readFileSync(path.join(folder, file), 'utf8'), /from '\.\.\/matching/, file);
});

function ask(count: number, of = children.length): { queries: GeneratedQuery[]; rows: Map<string, FeedRow> } {
  const collector = collectQueries({ seed: 11, asOf: AS_OF, count });
  const seen = children.slice(0, of);
  for (const child of seen) collector.see(child);
  return { queries: collector.finish(), rows: new Map(seen.map(({ row }) => [row.source_id, row])) };
}
