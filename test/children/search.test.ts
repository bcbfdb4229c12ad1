import t from 'tap';
import { type ChildParts, openChildren } from '../helpers/children.js';

const day = '2014-03-07';

t.test('least criteria', async (t) => {
  const directory = await openChildren(t);
  const [known] = await directory.add([
    {
      givenNames: 'Tamsin',
      familyName: 'Orchard',
      dateOfBirth: day,
      gender: 'female',
      addresses: [{ kind: 'home', postcode: 'LS6 2AB' }],
      parents: [{ name: 'Rowena Orchard' }],
    },
  ]);
  await directory.index();
  const caller = await directory.caller('practitioner');
  const given = { givenNames: 'Tamsin' };
  const family = { familyName: 'Orchard' };
  const gender = { gender: 'female' };
  const postcode = { address: { postcode: 'LS6 2AB' } };
  const parent = { parentName: 'Rowena Orchard' };

  const enough: object[] = [
    { number: known!.number },
    { ...given, ...family },
    { ...family, dateOfBirth: day },
    { ...family, dateOfBirth: '2014' },
    { ...family, dateOfBirth: '2014-03' },
    { ...family, dateOfBirth: { from: '2012-01-01', to: '2014-12-31' } },
    { ...family, dateOfBirth: { from: '2012-02-29', to: '2015-02-28' } },
    { ...given, dateOfBirth: day, ...gender },
    { ...family, ...postcode },
    { ...given, dateOfBirth: day, ...postcode },
    { ...parent, ...postcode },
  ];
  for (const criteria of enough) {
    const { status, body } = await directory.search(caller, criteria);
    t.equal(status, 200, JSON.stringify(criteria));
    t.equal(body.results?.[0]?.childId, known!.childId, 'finds the child');
  }

  const refused: object[] = [
    {},
    { mode: 'exact', limit: 5 },
    given,
    family,
    gender,
    postcode,
    parent,
    { dateOfBirth: day },
    { ...given, dateOfBirth: day },
    { ...given, ...gender },
    { ...given, dateOfBirth: day, gender: 'unknown' },
    { ...given, dateOfBirth: '2014', ...gender },
    { ...given, dateOfBirth: '2014-03', ...postcode },
    { ...given, ...postcode },
    { ...family, ...gender },
    { ...family, address: { town: 'Leeds', line: '9 Mill Lane' } },
    { ...family, address: { postcode: 'nowhere' } },
    { ...family, ...parent },
    { ...family, dateOfBirth: { from: '2010-01-01', to: '2013-01-02' } },
    { ...parent, dateOfBirth: day, ...gender },
    { dateOfBirth: day, ...gender, ...postcode },
    { givenNames: ' 😀 ', familyName: '\u200b' },
    { givenNames: '123', ...family },
    { ...family, address: { postcode: '   ' } },
  ];
  for (const criteria of refused) {
    const { status, body, headers } = await directory.search(caller, criteria);
    t.match(
      { status, body },
      { status: 400, body: { code: 'insufficient-criteria', status: 400 } },
      JSON.stringify(criteria),
    );
    t.match(String(headers['content-type']), /^application\/problem\+json/);
    for (const words of [
      'number',
      'given names and family name',
      'family name and date of birth',
      'family name and postcode',
      'parent name and postcode',
    ])
      t.ok(body.detail?.includes(words), `names what would do: ${words}`);
  }
});

t.test('a request that is not as the contract says is refused by the field', async (t) => {
  const directory = await openChildren(t);
  await directory.index();
  const caller = await directory.caller('practitioner');
  const both = { givenNames: 'Ann', familyName: 'Lee' };
  const table: [object, string][] = [
    [{ ...both, school: 'x' }, '/school'],
    [{ ...both, address: { street: 'x' } }, '/address/street'],
    [{ ...both, dateOfBirth: '2013-02-29' }, '/dateOfBirth'],
    [{ ...both, dateOfBirth: '2013-13' }, '/dateOfBirth'],
    [{ ...both, dateOfBirth: '04/10/2013' }, '/dateOfBirth'],
    [{ ...both, dateOfBirth: { from: '2014-01-01', to: '2013-01-01' } }, '/dateOfBirth'],
    [{ ...both, dateOfBirth: { from: '0001-01-01', to: '9999-12-31' } }, '/dateOfBirth'],
    [{ ...both, dateOfBirth: { from: '2014-01-01' } }, '/dateOfBirth'],
    [{ ...both, givenNames: 'x'.repeat(36) }, '/givenNames'],
    [{ ...both, familyName: '' }, '/familyName'],
    [{ ...both, gender: 'f' }, '/gender'],
    [{ ...both, limit: 0 }, '/limit'],
    [{ ...both, limit: 51 }, '/limit'],
    [{ ...both, limit: '10' }, '/limit'],
    [{ ...both, mode: 'sloppy' }, '/mode'],
    [{ number: '4010232138' }, '/number'],
    [{ number: '123' }, '/number'],
    [{ number: 4010232138 }, '/number'],
    [{ ...both, givenNames: ['Ann'] }, '/givenNames'],
    [{ ...both, familyName: 'Le*' }, '/familyName'],
    [{ ...both, parentName: 'An*', mode: 'exact' }, '/parentName'],
    [{ ...both, familyName: 'L*', mode: 'exact' }, '/familyName'],
    [{ ...both, familyName: 'L*ee', mode: 'exact' }, '/familyName'],
    [{ ...both, familyName: 'Lee**', mode: 'exact' }, '/familyName'],
    [{ ...both, familyName: '*', mode: 'exact' }, '/familyName'],
    [{ ...both, familyName: '12*', mode: 'exact' }, '/familyName'],
  ];
  for (const [criteria, path] of table) {
    const { status, body } = await directory.search(caller, criteria);
    t.match(
      { status, body },
      { status: 400, body: { code: 'invalid-request', title: String, type: String, requestId: String } },
      JSON.stringify(criteria),
    );
    t.ok(
      body.errors?.some((error: { path: string; message: string }) => error.path === path && error.message),
      `names ${path}`,
    );
    t.notMatch(JSON.stringify(body), /04\/10\/2013|x{36}|4010232138/, 'and repeats no value');
  }
});

t.test('fuzzy search forgives what people get wrong', async (t) => {
  const directory = await openChildren(t);
  const home = (line1: string, town: string, postcode: string) => [{ kind: 'home' as const, line1, town, postcode }];
  const children: Record<string, ChildParts> = {
    micaela: {
      givenNames: 'Micaela',
      familyName: 'Harrington',
      dateOfBirth: '2013-10-04',
      gender: 'female',
      addresses: home('9 Burrinjuck Crescent', 'Ripon', 'HG4 1QT'),
    },
    // A twin and a brother at the same address, who agree on everything but the first name or the day.
    twin: {
      givenNames: 'Joanna',
      familyName: 'Harrington',
      dateOfBirth: '2013-10-04',
      gender: 'female',
      addresses: home('9 Burrinjuck Crescent', 'Ripon', 'HG4 1QT'),
    },
    brother: {
      givenNames: 'Michael',
      familyName: 'Harrington',
      dateOfBirth: '2011-05-21',
      gender: 'male',
      addresses: home('9 Burrinjuck Crescent', 'Ripon', 'HG4 1QT'),
    },
    william: { givenNames: 'William Peter', familyName: 'Thorne', dateOfBirth: '2012-06-15', gender: 'male' },
    peggy: { givenNames: 'Peggy', familyName: 'Ashdown', dateOfBirth: '2015-01-30', gender: 'female' },
    mohammed: { givenNames: 'Mohammed', familyName: 'Chaudhry', dateOfBirth: '2014-08-09', gender: 'male' },
    siobhan: { givenNames: 'Siobhán', familyName: "O'Brien", dateOfBirth: '2013-12-02', gender: 'female' },
    doubled: { givenNames: 'Isla Grace', familyName: 'Carter-Vaughan', dateOfBirth: '2016-04-18', gender: 'female' },
    lukasz: { givenNames: 'Łukasz', familyName: 'Wójcik', dateOfBirth: '2014-11-23', gender: 'male' },
    dmitri: { givenNames: 'Дмитрий', familyName: 'Шевченко', dateOfBirth: '2013-07-16', gender: 'male' },
    mueller: { givenNames: 'Jürgen', familyName: 'Straßer', dateOfBirth: '2012-09-27', gender: 'male' },
    renamed: {
      givenNames: 'Freya',
      familyName: 'Lockwood',
      dateOfBirth: '2015-03-11',
      gender: 'female',
      otherNames: [
        { kind: 'former', givenNames: 'Freya', familyName: 'Dunmore' },
        { kind: 'birth', givenNames: 'Ottilie', familyName: 'Dunmore' },
        { kind: 'known-as', givenNames: 'Wren', familyName: 'Lockwood' },
      ],
    },
    moved: {
      givenNames: 'Kofi',
      familyName: 'Mensah',
      dateOfBirth: '2014-02-26',
      gender: 'male',
      addresses: [
        { kind: 'former', line1: '14 Saint Margaret Street', town: 'Bedford', postcode: 'MK40 3TP' },
        { kind: 'home', line1: 'Flat 2, 77 Garnet Road', town: 'Luton', postcode: 'LU2 7QX' },
        { kind: 'second-home', line1: 'Rose Cottage', town: 'Whitby', postcode: 'YO21 3JP' },
      ],
      parents: [{ name: 'Abena Mensah' }, { name: 'Grace Owusu' }],
    },
    mononym: { familyName: 'Suharto', dateOfBirth: '2013-05-05', gender: 'male' },
    nguyen: { givenNames: 'Thi Mai', familyName: 'Nguyen', dateOfBirth: '2012-12-12', gender: 'female' },
    overseas: {
      givenNames: 'Amelie',
      familyName: 'Fontaine',
      dateOfBirth: '2013-03-30',
      gender: 'female',
      addresses: [{ kind: 'overseas', line1: '3 rue des Lilas', town: 'Lille', country: 'France' }],
    },
    leap: { givenNames: 'Rosalind', familyName: 'Pryce', dateOfBirth: '2016-02-29', gender: 'female' },
    mcdonald: { givenNames: 'Callum', familyName: 'MacDonald', dateOfBirth: '2013-08-21', gender: 'male' },
    vanderberg: { givenNames: 'Lotte', familyName: 'van der Berg', dateOfBirth: '2014-05-13', gender: 'female' },
  };
  const names = Object.keys(children);
  const made = await directory.add(Object.values(children));
  await directory.index();
  const caller = await directory.caller('practitioner');
  const nameOf = (childId: string) => names[made.findIndex((child) => child.childId === childId)];

  const table: [what: string, expected: string, criteria: object, agreement?: object][] = [
    [
      'as recorded',
      'micaela',
      { givenNames: 'Micaela', familyName: 'Harrington', dateOfBirth: '2013-10-04' },
      { givenNames: 'exact', familyName: 'exact', dateOfBirth: 'exact' },
    ],
    [
      'a typo in both names',
      'micaela',
      { givenNames: 'Micalea', familyName: 'Harington', dateOfBirth: '2013-10-04' },
      { givenNames: 'typo', familyName: 'typo' },
    ],
    ['two typos in one name', 'micaela', { givenNames: 'Micaela', familyName: 'Haringtom', dateOfBirth: '2013-10-04' }],
    ['a wrong letter in both names, no date', 'micaela', { givenNames: 'Micaella', familyName: 'Harringdon' }],
    ['a first letter wrong', 'micaela', { givenNames: 'Nicaela', familyName: 'Barrington', dateOfBirth: '2013-10-04' }],
    [
      'wrong letters and day and month swapped',
      'micaela',
      { givenNames: 'Micaella', familyName: 'Harringtun', dateOfBirth: '2013-04-10' },
      { dateOfBirth: 'swapped' },
    ],
    ['as it sounds', 'siobhan', { givenNames: 'Shivaun', familyName: 'O Brian', dateOfBirth: '2013-12-02' }],
    ['as it sounds', 'mohammed', { givenNames: 'Muhammad', familyName: 'Chowdhury', dateOfBirth: '2014-08-09' }],
    [
      'a nickname for a registered name',
      'william',
      { givenNames: 'Bill', familyName: 'Thorne', dateOfBirth: '2012-06-15' },
      { givenNames: 'nickname' },
    ],
    [
      'a nickname with a typo in the family name',
      'william',
      { givenNames: 'Billy', familyName: 'Thorn', dateOfBirth: '2012-06-15' },
    ],
    [
      'a registered name for a nickname',
      'peggy',
      { givenNames: 'Margaret', familyName: 'Ashdown', dateOfBirth: '2015-01-30' },
      { givenNames: 'nickname' },
    ],
    ['Mo', 'mohammed', { givenNames: 'Mo', familyName: 'Chaudhry', dateOfBirth: '2014-08-09' }],
    [
      'given and family name swapped',
      'micaela',
      { givenNames: 'Harrington', familyName: 'Micaela', dateOfBirth: '2013-10-04' },
      { givenNames: 'swapped', familyName: 'swapped' },
    ],
    ['swapped, with a typo, no date', 'peggy', { givenNames: 'Ashdonw', familyName: 'Peggy' }],
    ['a middle name left out', 'william', { givenNames: 'William', familyName: 'Thorne', dateOfBirth: '2012-06-15' }],
    [
      'a middle name too many',
      'micaela',
      { givenNames: 'Micaela Rose', familyName: 'Harrington', dateOfBirth: '2013-10-04' },
    ],
    [
      'the middle name for the first',
      'william',
      { givenNames: 'Peter', familyName: 'Thorne', dateOfBirth: '2012-06-15' },
    ],
    ['middle initial', 'william', { givenNames: 'William P', familyName: 'Thorne', dateOfBirth: '2012-06-15' }],
    [
      'a double-barrelled name the other way round',
      'doubled',
      { givenNames: 'Isla', familyName: 'Vaughan-Carter', dateOfBirth: '2016-04-18' },
    ],
    ['its first half', 'doubled', { givenNames: 'Isla', familyName: 'Carter', dateOfBirth: '2016-04-18' }],
    ['its second half', 'doubled', { givenNames: 'Isla', familyName: 'Vaughan', dateOfBirth: '2016-04-18' }],
    ['without its hyphen', 'doubled', { givenNames: 'Isla', familyName: 'Carter Vaughan', dateOfBirth: '2016-04-18' }],
    ['no apostrophe, no accent', 'siobhan', { givenNames: 'SIOBHAN', familyName: 'OBRIEN', dateOfBirth: '2013-12-02' }],
    ['another apostrophe', 'siobhan', { givenNames: 'siobhán', familyName: 'O’Brien', dateOfBirth: '2013-12-02' }],
    ['no diacritics', 'lukasz', { givenNames: 'Lukasz', familyName: 'Wojcik', dateOfBirth: '2014-11-23' }],
    [
      'another spelling of the sharp s',
      'mueller',
      { givenNames: 'Jurgen', familyName: 'Strasser', dateOfBirth: '2012-09-27' },
    ],
    ['transliterated', 'dmitri', { givenNames: 'Dmitriy', familyName: 'Shevchenko', dateOfBirth: '2013-07-16' }],
    [
      'a former name',
      'renamed',
      { givenNames: 'Freya', familyName: 'Dunmore', dateOfBirth: '2015-03-11' },
      { familyName: 'former' },
    ],
    ['a birth name, no date', 'renamed', { givenNames: 'Ottilie', familyName: 'Dunmore' }, { givenNames: 'former' }],
    [
      'a former name with a typo',
      'renamed',
      { givenNames: 'Freya', familyName: 'Dunmoore', dateOfBirth: '2015-03-11' },
    ],
    ['the name they go by', 'renamed', { givenNames: 'Wren', familyName: 'Lockwood', dateOfBirth: '2015-03-11' }],
    ['day and month swapped', 'william', { givenNames: 'William', familyName: 'Thorne', dateOfBirth: '2012-06-15' }],
    [
      'day and month swapped',
      'renamed',
      { givenNames: 'Freya', familyName: 'Lockwood', dateOfBirth: '2015-11-03' },
      { dateOfBirth: 'swapped' },
    ],
    [
      'a digit wrong',
      'lukasz',
      { givenNames: 'Lukasz', familyName: 'Wojcik', dateOfBirth: '2014-11-28' },
      { dateOfBirth: 'typo' },
    ],
    [
      'digits transposed',
      'mueller',
      { givenNames: 'Jurgen', familyName: 'Strasser', dateOfBirth: '2021-09-27' },
      { dateOfBirth: 'typo' },
    ],
    [
      'year off by one',
      'peggy',
      { givenNames: 'Peggy', familyName: 'Ashdown', dateOfBirth: '2014-01-30' },
      { dateOfBirth: 'typo' },
    ],
    ['year off by one', 'leap', { givenNames: 'Rosalind', familyName: 'Pryce', dateOfBirth: '2015-02-28' }],
    ['only the year', 'leap', { familyName: 'Pryce', dateOfBirth: '2016' }, { dateOfBirth: 'exact' }],
    ['only the month', 'leap', { familyName: 'Price', dateOfBirth: '2016-02' }],
    ['a range', 'leap', { familyName: 'Pryse', dateOfBirth: { from: '2014-06-01', to: '2017-05-31' } }],
    [
      'the month and both names misspelt',
      'micaela',
      { givenNames: 'Mikaela', familyName: 'Harrinton', dateOfBirth: '2013-10' },
    ],
    [
      'a former address',
      'moved',
      { familyName: 'Mensah', address: { line: '14 St Margaret St', postcode: 'MK40 3TP' } },
      { postcode: 'former' },
    ],
    [
      'a second address',
      'moved',
      { familyName: 'Mensah', address: { line: 'Rose Cottage', town: 'Whitby', postcode: 'YO21 3JP' } },
    ],
    [
      'a postcode with a character wrong',
      'moved',
      { givenNames: 'Kofi', familyName: 'Mensa', address: { postcode: 'LU2 7OX' } },
    ],
    [
      'a postcode that is none, two characters swapped',
      'moved',
      { familyName: 'Mensah', address: { postcode: 'LU2 Q7X' } },
    ],
    [
      'a postcode without its space',
      'moved',
      { givenNames: 'Kofi', dateOfBirth: '2014-02-26', address: { postcode: 'lu27qx' } },
      { postcode: 'exact' },
    ],
    [
      'a street abbreviated',
      'micaela',
      {
        givenNames: 'Micaela',
        familyName: 'Harrington',
        address: { line: '9 Burrinjuck Cres', town: 'Ripon', postcode: 'HG4 1QT' },
      },
      { address: 'exact' },
    ],
    [
      'a parent and the postcode',
      'moved',
      { parentName: 'Grace Owusu', address: { postcode: 'LU2 7QX' } },
      { parentName: 'exact' },
    ],
    ['a parent misspelt and the postcode', 'moved', { parentName: 'Grace Owuso', address: { postcode: 'LU2 7QX' } }],
    ['a mononym in the other field', 'mononym', { givenNames: 'Suharto', dateOfBirth: '2013-05-05', gender: 'male' }],
    ['family name first', 'nguyen', { givenNames: 'Nguyen', familyName: 'Mai', dateOfBirth: '2012-12-12' }],
    [
      'no postcode where the country has none',
      'overseas',
      { givenNames: 'Amélie', familyName: 'Fontaine', address: { town: 'Lille' } },
    ],
    ['Mc for Mac', 'mcdonald', { givenNames: 'Calum', familyName: 'McDonald', dateOfBirth: '2013-08-21' }],
    ['particles together', 'vanderberg', { givenNames: 'Lotte', familyName: 'Vanderberg', dateOfBirth: '2014-05-13' }],
    ['particles left out', 'vanderberg', { givenNames: 'Lotte', familyName: 'Berg', dateOfBirth: '2014-05-13' }],
    [
      'the brother, not the sister of nearly the same name',
      'brother',
      { givenNames: 'Micheal', familyName: 'Harrington', dateOfBirth: '2011-05-21' },
    ],
    ['the twin', 'twin', { givenNames: 'Jo', familyName: 'Harrington', dateOfBirth: '2013-10-04' }],
  ];
  for (const [what, expected, criteria, agreement] of table) {
    const { status, body } = await directory.search(caller, criteria);
    t.equal(status, 200, `${what}: ${expected}`);
    t.equal(body.results && nameOf(body.results[0]?.childId), expected, `${what}: ${JSON.stringify(criteria)}`);
    if (agreement) t.match(body.results?.[0]?.agreement, agreement, what);
    const scores = (body.results ?? []).map((result: { score: number }) => result.score);
    t.strictSame(
      scores,
      [...scores].sort((a, b) => b - a),
      'best first',
    );
  }

  t.test('and answers with what is current, whatever matched', async (t) => {
    const former = await directory.search(caller, {
      givenNames: 'Ottilie',
      familyName: 'Dunmore',
      dateOfBirth: '2015-03-11',
    });
    t.match(former.body.results[0], { givenNames: 'Freya', familyName: 'Lockwood' });
    t.notMatch(JSON.stringify(former.body), /Ottilie|Dunmore/);
    const address = await directory.search(caller, { familyName: 'Mensah', address: { postcode: 'MK40 3TP' } });
    t.strictSame(address.body.results[0].address, {
      line: 'Flat 2, 77 Garnet Road',
      town: 'Luton',
      postcode: 'LU2 7QX',
    });
    const abroad = await directory.search(caller, { givenNames: 'Amelie', familyName: 'Fontaine' });
    t.strictSame(abroad.body.results[0].address, { line: '3 rue des Lilas', town: 'Lille' });
  });

  t.test('in the shape of the contract', async (t) => {
    const { body } = await directory.search(caller, {
      givenNames: 'Micaela',
      familyName: 'Harrington',
      dateOfBirth: '2013-10-04',
    });
    t.match(body, { searchId: /^[0-9a-f-]{36}$/, outcome: 'match', degraded: false });
    t.strictSame(Object.keys(body).sort(), ['degraded', 'outcome', 'results', 'searchId', 'took']);
    for (const key of ['totalMs', 'candidatesMs', 'decideMs']) t.type(body.took[key], 'number', key);
    const [first] = body.results;
    t.strictSame(Object.keys(first).sort(), [
      'address',
      'agreement',
      'band',
      'childId',
      'dateOfBirth',
      'familyName',
      'gender',
      'givenNames',
      'number',
      'score',
      'shielded',
    ]);
    t.match(first, {
      childId: made[0]!.childId,
      number: made[0]!.number,
      givenNames: 'Micaela',
      familyName: 'Harrington',
      dateOfBirth: '2013-10-04',
      gender: 'female',
      address: { line: '9 Burrinjuck Crescent', town: 'Ripon', postcode: 'HG4 1QT' },
      shielded: false,
      band: 'match',
    });
    t.strictSame(
      first.agreement,
      { givenNames: 'exact', familyName: 'exact', dateOfBirth: 'exact' },
      'of the stated fields',
    );
    for (const { score, band, agreement } of body.results) {
      t.equal(band, score >= 0.95 ? 'match' : score >= 0.85 ? 'possible' : 'weak');
      t.ok(score >= 0.05 && score <= 1);
      for (const word of Object.values(agreement))
        t.ok(
          ['exact', 'nickname', 'phonetic', 'typo', 'swapped', 'former', 'partial', 'missing', 'disagrees'].includes(
            word as string,
          ),
        );
    }
    const hidden = await directory.search(caller, { familyName: 'Harrington', address: { postcode: 'HG4 1QT' } });
    t.notOk('took' in hidden.body, 'no times where a hidden criterion was stated');
    t.equal(hidden.body.results.length, 3);
    t.equal(hidden.body.outcome, 'candidates', 'three who live there: none stands alone');
    const limited = await directory.search(caller, {
      familyName: 'Harrington',
      address: { postcode: 'HG4 1QT' },
      limit: 2,
    });
    t.strictSame(
      limited.body.results.map((result: { childId: string }) => result.childId),
      hidden.body.results.slice(0, 2).map((result: { childId: string }) => result.childId),
    );
    const nobody = await directory.search(caller, {
      givenNames: 'Zebedee',
      familyName: 'Quillfeather',
      dateOfBirth: '2010-01-01',
    });
    t.match(nobody.body, { outcome: 'none', results: [] });
  });

  t.test('by number', async (t) => {
    const { number, childId } = made[0]!;
    t.match((await directory.search(caller, { number })).body, {
      outcome: 'match',
      results: [{ childId, score: 1, band: 'match' }],
    });
    t.match((await directory.search(caller, { number, mode: 'exact' })).body, {
      outcome: 'match',
      results: [{ childId }],
    });
    const unknown = made.some((child) => child.number === '9434765919') ? '4010232137' : '9434765919';
    t.match((await directory.search(caller, { number: unknown })).body, { outcome: 'none', results: [] });
    const doubtful = await directory.search(caller, { number, familyName: 'Quillfeather' });
    t.match(doubtful.body, { outcome: 'candidates', results: [{ childId, agreement: { familyName: 'disagrees' } }] });
    const wrong = `${number.slice(0, 9)}${(Number(number[9]) + 1) % 10}`;
    t.match(await directory.search(caller, { number: wrong }), {
      status: 400,
      body: { code: 'invalid-request', errors: [{ path: '/number' }] },
    });
  });

  t.test('exact mode takes recorded values only, after normalisation', async (t) => {
    const exact = async (criteria: object) => {
      const { status, body } = await directory.search(caller, { mode: 'exact', ...criteria });
      t.equal(status, 200, JSON.stringify(criteria));
      return body.results?.map((result: { childId: string }) => nameOf(result.childId));
    };
    t.strictSame(await exact({ givenNames: 'MICAELA', familyName: 'harrington' }), ['micaela']);
    t.strictSame(await exact({ givenNames: 'Micaella', familyName: 'Harrington' }), []);
    t.strictSame(await exact({ givenNames: 'Siobhan', familyName: 'OBrien' }), ['siobhan']);
    t.strictSame(await exact({ givenNames: 'Isla Grace', familyName: 'Carter Vaughan' }), ['doubled']);
    t.strictSame(await exact({ givenNames: 'Freya', familyName: 'Dunmore' }), ['renamed'], 'other recorded values too');
    t.strictSame(await exact({ givenNames: 'Bill', familyName: 'Thorne' }), []);
    t.strictSame(await exact({ familyName: 'Harrington', dateOfBirth: '2013-04-10' }), []);
    t.strictSame((await exact({ familyName: 'Harrington', dateOfBirth: '2013' })).sort(), ['micaela', 'twin']);
    t.strictSame(await exact({ familyName: 'Harrington', dateOfBirth: { from: '2011-01-01', to: '2013-01-01' } }), [
      'brother',
    ]);
    t.strictSame(await exact({ familyName: 'suharto', dateOfBirth: '2013' }), ['mononym']);
    t.strictSame(await exact({ familyName: 'Harrington', dateOfBirth: '2013', gender: 'male' }), []);
    t.strictSame(await exact({ givenNames: 'Kofi', familyName: 'Mensah', address: { postcode: 'lu27qx' } }), ['moved']);
    t.strictSame(await exact({ givenNames: 'Kofi', familyName: 'Mensah', address: { line: '77 Other Road' } }), []);
    t.strictSame(await exact({ parentName: 'grace owusu', address: { postcode: 'LU2 7QX' } }), ['moved']);
    t.strictSame((await exact({ familyName: 'Harr*', dateOfBirth: '2013' })).sort(), ['micaela', 'twin']);
    t.strictSame(await exact({ givenNames: 'Mi*', familyName: 'Harrington', dateOfBirth: '2013' }), ['micaela']);
    t.strictSame(await exact({ givenNames: 'Jo*', familyName: 'Harr* ' }), ['twin']);
    t.strictSame(await exact({ givenNames: 'Mo*', familyName: 'Harr*' }), []);
    t.strictSame(await exact({ givenNames: 'Lotte', familyName: 'van de*' }), ['vanderberg']);
    t.strictSame(await exact({ givenNames: 'Siob*', familyName: "O'B*" }), ['siobhan']);
  });
});

t.test('an exact full match is never buried', async (t) => {
  const directory = await openChildren(t);
  // Many who are nearly the child asked for: her twins by name, her namesakes by day, her former-name doubles.
  const near: ChildParts[] = Array.from({ length: 45 }, (_, at) => ({
    givenNames: ['Sofia', 'Sophie', 'Sophia', 'Sofie', 'Sophy'][at % 5] as string,
    familyName: ['Smyth', 'Smith', 'Smithe'][at % 3] as string,
    dateOfBirth: `2014-0${(at % 9) + 1}-0${(at % 7) + 1}`,
    otherNames: [{ kind: 'former', givenNames: 'Sophia', familyName: 'Smithson' }],
  }));
  const [asked] = await directory.add([
    { givenNames: 'Sophia', familyName: 'Smithson', dateOfBirth: '2014-03-03' },
    ...near,
  ]);
  await directory.index();
  const caller = await directory.caller('practitioner');
  for (const mode of ['fuzzy', 'exact']) {
    for (const limit of [1, 50]) {
      const { body } = await directory.search(caller, {
        givenNames: 'sophia',
        familyName: 'SMITHSON',
        dateOfBirth: '2014-03-03',
        mode,
        limit,
      });
      t.equal(body.results?.[0]?.childId, asked!.childId, `${mode}, ${limit}`);
    }
  }
});

t.test('too many matches', async (t) => {
  const directory = await openChildren(t);
  const namesakes = (count: number, gender: 'male' | 'female' = 'male'): ChildParts[] =>
    Array.from({ length: count }, (_, at) => ({
      givenNames: 'John',
      familyName: 'Smith',
      gender,
      dateOfBirth: `20${10 + (at % 6)}-${String((at % 12) + 1).padStart(2, '0')}-${String((at % 28) + 1).padStart(2, '0')}`,
    }));
  const made = await directory.add([
    ...namesakes(60),
    { givenNames: 'John', familyName: 'Smith', dateOfBirth: '2009-11-30' },
    ...Array.from({ length: 50 }, () => ({ givenNames: 'Ada', familyName: 'Brown', dateOfBirth: '2012-02-02' })),
  ]);
  await directory.index();
  const caller = await directory.caller('practitioner');

  t.test('give no list, however few were asked for', async (t) => {
    for (const mode of ['fuzzy', 'exact']) {
      for (const limit of [1, 10, 50]) {
        const answer = await directory.search(caller, { givenNames: 'John', familyName: 'Smith', mode, limit });
        t.match(answer, { status: 422, body: { code: 'too-many-matches', status: 422 } }, `${mode}, ${limit}`);
        t.notOk('results' in answer.body);
        t.notMatch(JSON.stringify({ ...answer.body, requestId: '' }), /John|\b6[01]\b|childId/, 'and no count');
      }
    }
    const wildcards = { givenNames: 'Jo*', familyName: 'Smi*', mode: 'exact', limit: 1 };
    t.match(await directory.search(caller, wildcards), { status: 422, body: { code: 'too-many-matches' } });
    const audited = await directory.owner
      .selectFrom('audit_events')
      .select(['details', 'child_ids'])
      .where('action', '=', 'search')
      .execute();
    t.equal(audited.length, 7, 'each is audited');
    t.match(audited[0], { details: { outcome: 'too-many-matches' }, child_ids: [] });
  });

  t.test('but one who stands alone is shown', async (t) => {
    const { status, body } = await directory.search(caller, {
      givenNames: 'John',
      familyName: 'Smith',
      dateOfBirth: '2009-11-30',
      limit: 3,
    });
    t.equal(status, 200);
    t.equal(body.results[0].childId, made[60]!.childId);
    t.ok(body.results.length <= 3);
    t.equal(body.outcome, 'match');
  });

  t.test('nor is an exact search answered where there are more than can be compared', async (t) => {
    await directory.add(
      Array.from({ length: 230 }, (_, at) => ({
        givenNames: 'Kim',
        familyName: 'Vale',
        dateOfBirth: '2012-02-02',
        addresses: [{ kind: 'home' as const, town: at === 229 ? 'Ripon' : 'Leeds' }],
      })),
    );
    await directory.index();
    const criteria = { givenNames: 'Kim', familyName: 'Vale', address: { town: 'Ripon' }, mode: 'exact' };
    for (const { search } of [directory, await directory.withoutIndex(t)])
      t.match(await search(caller, criteria), { status: 422, body: { code: 'too-many-matches' } });
  });

  t.test('fifty are not too many', async (t) => {
    const { status, body } = await directory.search(caller, { givenNames: 'Ada', familyName: 'Brown', limit: 50 });
    t.equal(status, 200);
    t.equal(body.outcome, 'candidates');
    t.equal(body.results.length, 50);
    t.equal(
      (await directory.search(caller, { givenNames: 'Ada', familyName: 'Brown' })).body.results.length,
      10,
      'ten by default',
    );
  });
});
