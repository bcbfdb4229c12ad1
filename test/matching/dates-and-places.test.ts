import t from 'tap';
import { compareDates, compareDays } from '../../src/matching/compare-dates.js';
import { compareGender } from '../../src/matching/compare-gender.js';
import { compareParents } from '../../src/matching/compare-parents.js';
import {
  compareLines,
  comparePostcodes,
  compareTowns,
  parseLine,
  parsePostcode,
  parseTown,
} from '../../src/matching/compare-places.js';
import { compareTokens } from '../../src/matching/compare-tokens.js';
import {
  addressKeys,
  type DateCriterion,
  dateKeys,
  dateVariants,
  isCalendarDate,
  normalisePostcode,
  parseName,
  postcodeSector,
  postcodeVariants,
} from '../../src/matching/index.js';

t.test('only days that the calendar has are dates', async (t) => {
  for (const date of ['2012-02-29', '2000-02-29', '2024-12-31']) t.ok(isCalendarDate(date), date);
  for (const date of [
    '2013-02-29',
    '1900-02-29',
    '2012-04-31',
    '2012-13-01',
    '2012-00-10',
    '12-1-1',
    '',
    '2012-01-01T00',
  ]) {
    t.notOk(isCalendarDate(date), date);
  }
});

t.test('date variants are days of the calendar, the typed one and its swap first', async (t) => {
  const variants = dateVariants('2012-03-04');
  t.same(variants.slice(0, 2), ['2012-03-04', '2012-04-03']);
  for (const true_ of [
    '2011-03-04',
    '2013-03-04',
    '2021-03-04',
    '2012-03-14',
    '2012-03-09',
    '2012-08-04',
    '2018-03-04',
  ]) {
    t.ok(variants.includes(true_), true_);
  }
  t.ok(variants.every(isCalendarDate));
  t.equal(new Set(variants).size, variants.length, 'none twice');
  t.notOk(dateVariants('2012-01-31').includes('2012-31-01'));
  t.ok(dateVariants('2012-02-29').every(isCalendarDate), 'a leap day');
  t.ok(variants.length < 80);
});

t.test('a date with one part wrong still shares a pair key', async (t) => {
  const keys = dateKeys('2012-03-04');
  for (const near of ['2013-03-04', '2012-07-04', '2012-03-24'])
    t.ok(
      dateKeys(near).some((key) => keys.includes(key)),
      near,
    );
  t.notOk(dateKeys('2013-07-04').some((key) => keys.includes(key)));
});

t.test('days compare at the level that the truth table says, either way round', async (t) => {
  const table: [string, string, string][] = [
    ['2012-03-04', '2012-03-04', 'same-day'],
    ['2012-01-01', '2012-01-01', 'same-placeholder'],
    ['2012-03-04', '2012-04-03', 'day-and-month-swapped'],
    ['2012-03-04', '2013-03-04', 'year-off-by-one'],
    ['2009-03-04', '2010-03-04', 'year-off-by-one'],
    ['2012-03-14', '2012-03-41', 'different'],
    ['2012-03-12', '2012-03-21', 'digits-transposed'],
    ['2012-03-04', '2021-03-04', 'digits-transposed'],
    ['2012-03-04', '2012-03-09', 'digit-wrong'],
    ['2012-03-04', '2012-08-04', 'digit-wrong'],
    ['2012-03-04', '2018-03-04', 'digit-wrong'],
    ['2012-01-01', '2012-08-23', 'placeholder-in-same-year'],
    ['2012-03-04', '2012-03-29', 'two-parts-same'],
    ['2012-03-04', '2012-11-04', 'two-parts-same'],
    ['2009-03-04', '2021-03-04', 'two-parts-same'],
    ['2012-03-04', '2014-08-23', 'different'],
  ];
  for (const [a, b, level] of table) {
    if (isCalendarDate(a) && isCalendarDate(b)) {
      t.equal(compareDays(a, b), level, `${a} ${b}`);
      t.equal(compareDays(b, a), level, `${b} ${a}`);
    }
  }
});

t.test('a date known in part agrees, just misses, or does not agree', async (t) => {
  const table: [DateCriterion, string][] = [
    [{ kind: 'year', year: 2012 }, 'same-year'],
    [{ kind: 'year', year: 2013 }, 'just-outside'],
    [{ kind: 'year', year: 2015 }, 'different'],
    [{ kind: 'year-month', year: 2012, month: 3 }, 'same-month'],
    [{ kind: 'year-month', year: 2012, month: 5 }, 'just-outside'],
    [{ kind: 'year-month', year: 2013, month: 3 }, 'just-outside'],
    [{ kind: 'year-month', year: 2014, month: 3 }, 'different'],
    [{ kind: 'range', from: '2012-01-01', to: '2012-03-04' }, 'in-range'],
    [{ kind: 'range', from: '2012-03-05', to: '2013-03-04' }, 'just-outside'],
    [{ kind: 'range', from: '2015-01-01', to: '2016-03-04' }, 'different'],
  ];
  for (const [stated, level] of table) t.equal(compareDates(stated, '2012-03-04'), level, JSON.stringify(stated));
});

t.test('postcodes are put into one form, misread characters put right', async (t) => {
  t.equal(normalisePostcode('sw1a 1aa'), 'SW1A1AA');
  t.equal(normalisePostcode(' Sw1A1aA '), 'SW1A1AA');
  t.equal(normalisePostcode('SWIA 1AA'), 'SW1A1AA', 'I for 1');
  t.equal(normalisePostcode('LE2 OAB'), 'LE20AB', 'O for 0');
  t.equal(normalisePostcode('nowhere'), undefined);
  t.equal(normalisePostcode(''), undefined);
  t.equal(postcodeSector('SW1A1AA'), 'SW1A1');
});

t.test('postcode variants hold what may have been meant, the typed one first', async (t) => {
  const variants = postcodeVariants('LS1 4AB');
  t.equal(variants[0], 'LS14AB');
  for (const near of ['LS41AB', 'LS15AB', 'LE14AB', 'LS14BA']) t.ok(variants.includes(near), near);
  t.ok(
    variants.every((variant) => normalisePostcode(variant) === variant),
    'all of them possible postcodes',
  );
  t.ok(postcodeVariants('DYR 8RP').includes('DY48RP'), 'from one that is none');
  t.ok(postcodeVariants('LS14A').includes('LS14AB'), 'from one with a letter missing');
  t.same(postcodeVariants('x'), []);
  t.ok(postcodeVariants('SW1A 1AA').length < 250);
});

t.test('postcodes, streets and towns compare at the level that the truth tables say', async (t) => {
  const postcodes: [string, string, string][] = [
    ['LS1 4AB', 'ls14ab', 'same'],
    ['LS1 4AB', 'LS1 4BA', 'one-character'],
    ['LS1 4AB', 'LS7 4AB', 'one-character'],
    ['DYR 8RP', 'DY4 8RP', 'one-character'],
    ['LS1 4AB', 'LS1 4QZ', 'same-sector'],
    ['LS1 4AB', 'LS1 7QZ', 'same-district'],
    ['LS1 4AB', 'BN3 7QZ', 'different'],
  ];
  for (const [a, b, level] of postcodes)
    t.equal(comparePostcodes(parsePostcode(a)!, parsePostcode(b)!), level, `${a} ${b}`);
  const lines: [string, string, string][] = [
    ['9 High Street', '9 HIGH ST.', 'same'],
    ['9 High Street', '9, High Street', 'same'],
    ['Flat 3, 12 Mill Lane', '12 Mill Ln', 'same-but-flat'],
    ['Flat 3, 12 Mill Lane', '3/12 Mill Lane', 'same'],
    ['12a Mill Lane', '12 A Mill Lane', 'same'],
    ['9 High Street', '9 Hihg Street', 'alike'],
    ['9 Catherine Road', '9 Kathryn Road', 'alike'],
    ['9 High Street', '19 High Street', 'alike'],
    ['9 High Street', '44 High Street', 'same-street'],
    ['9 High Street', '9 Station Road', 'same-number'],
    ['Rose Cottage, Mill Lane', 'Rose Cottage, Mill Ln', 'same'],
    ['Rose Cottage, Mill Lane', 'Mill Lane', 'alike'],
    ['9 High Street', 'Rose Cottage', 'different'],
    ['9 High Street', '44 Station Road', 'different'],
  ];
  for (const [a, b, level] of lines) {
    t.equal(compareLines(parseLine(a)!, parseLine(b)!), level, `${a} / ${b}`);
    t.equal(compareLines(parseLine(b)!, parseLine(a)!), level, `${b} / ${a}`);
  }
  const towns: [string, string, string][] = [
    ['Leeds', 'LEEDS', 'same'],
    ['Newcastle upon Tyne', 'Newcastle-upon-Tyne', 'same'],
    ['Leicester', 'Liecester', 'alike'],
    ['Cheetham Hill', 'Cheetham Hill, Manchester', 'alike'],
    ['Leeds', 'Luton', 'different'],
  ];
  for (const [a, b, level] of towns) t.equal(compareTowns(parseTown(a)!, parseTown(b)!), level, `${a} / ${b}`);
});

t.test('two ways to write an address share a key', async (t) => {
  const share = (a: string, b: string) => addressKeys(a).some((key) => addressKeys(b).includes(key));
  t.ok(share('9 High Street', '9 high st'));
  t.ok(share('9 Catherine Road', '9 Kathryn Rd'));
  t.ok(share('Rose Cottage, Mill Lane', 'Rose Cottage'));
  t.notOk(share('9 High Street', '11 High Street'));
  t.ok(addressKeys('9 High Street', 'ls1 4ab').includes('p:9:LS14AB'));
  t.same(addressKeys(''), []);
});

t.test('a parent is known by given and family name, and the child’s own family name says little', async (t) => {
  const childs = (token: string) => token === 'smith';
  const table: [string, string, string][] = [
    ['Jane Smith', 'Jane Smith', 'same-and-childs-family'],
    ['Jane Doe', 'Jane Doe', 'same'],
    ['Jayne Smyth', 'Jane Smith', 'alike-and-childs-family'],
    ['Jane Dow', 'Jane Doe', 'alike'],
    ['Jane', 'Jane Doe', 'given-only'],
    ['Jane Jones', 'Jane Smith', 'given-only'],
    ['Peter Smith', 'Jane Smith', 'family-only-childs'],
    ['Peter Doe', 'Jane Doe', 'family-only'],
    ['Peter Jones', 'Jane Smith', 'different'],
  ];
  for (const [stated, recorded, level] of table) {
    t.equal(
      compareParents(parseName(stated), parseName(recorded), childs, compareTokens),
      level,
      `${stated} / ${recorded}`,
    );
  }
});

t.test('an unknown gender says nothing', async (t) => {
  t.equal(compareGender('unknown', 'male', false), undefined);
  t.equal(compareGender('male', 'unknown', true), undefined);
  t.equal(compareGender('male', 'male', true), 'same-as-name-implies');
  t.equal(compareGender('male', 'male', false), 'same');
  t.equal(compareGender('male', 'female', true), 'different-despite-name');
  t.equal(compareGender('other', 'female', false), 'different');
});
