import { Readable } from 'node:stream';
import t from 'tap';
import { type FeedRow, feedColumns, rowProblem } from '../../src/services/import/feed-row.js';
import { type FeedEntry, type FeedFormat, readFeed } from '../../src/services/import/read-feed.js';

async function read(input: string | Buffer, format: FeedFormat = 'csv'): Promise<FeedEntry[]> {
  const entries: FeedEntry[] = [];
  // Seven bytes at a time, so that characters and rows fall across the borders of chunks.
  const bytes = Buffer.from(input as string);
  const chunks = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, at) => bytes.subarray(at * 7, at * 7 + 7));
  for await (const entry of readFeed(Readable.from(chunks), format)) entries.push(entry);
  return entries;
}

const header = 'source_id,given_names,family_name,date_of_birth';

t.test('a feed of CSV', async (t) => {
  t.test('gives each row with its line and every column, the absent ones empty', async (t) => {
    const [first, second] = await read(
      `\uFEFF${header},town\n1, Zoë ,Ó Súilleabháin,2014-02-03,Leeds\r\n2,"Ann, Marie",Lee,2015-01-01,\n`,
    );
    t.match(first, {
      line: 2,
      row: { source_id: '1', given_names: 'Zoë', family_name: 'Ó Súilleabháin', town: 'Leeds', postcode: '' },
    });
    t.match(second, { line: 3, row: { given_names: 'Ann, Marie' } });
  });

  t.test('refuses a malformed row by its line and goes on with the next', async (t) => {
    const entries = await read(
      `${header}\n1,Ann,Lee\n2,Bob,Ray,2015-01-01\n3,Ca"t,May,2015-01-01,extra\n4,Dee,Fox,2015-01-01\n`,
    );
    t.match(entries, [
      { line: 2, problem: /3 columns where the header has 4/ },
      { line: 3, row: { source_id: '2' } },
      { line: 4, problem: String },
      { line: 5, row: { source_id: '4' } },
    ]);
  });

  const rowsOf = (entries: FeedEntry[]) => entries.flatMap((entry) => ('row' in entry ? entry.row.source_id : []));
  const problemsOf = (entries: FeedEntry[]) =>
    entries.flatMap((entry) => ('problem' in entry ? [[entry.line, entry.problem]] : []));

  t.test('a quotation mark that slipped in costs its own line and no other', async (t) => {
    const rows = [
      '1,"Ann,Lee,2015-01-01',
      '2,Bob,Ray,2015-01-01',
      '3,"Cat, Di",May,2015-01-01',
      '4,Dee",Fox,2015-01-01',
      '5,"Eve"t,Gow,2015-01-01',
      '6,Fay,"Hay,2015-01-01',
      '7,Gil,Ives,2015-01-01',
      '"8","Hal","","2015-01-01"',
      '"9","Ida","Joy","2015-01-01',
      '"10","","Kay","2015-01-01"',
      '11,Jan,"Lowe,2015-01-01',
      '12,Kim,Moy,2015-01-01',
    ];
    const entries = await read(`${header}\n${rows.join('\n')}\n`);
    t.same(rowsOf(entries), ['2', '3', '7', '8', '10', '12']);
    t.same(problemsOf(entries), [
      [2, 'a quotation mark is not closed'],
      [5, 'a quotation mark stands where none may'],
      [6, 'a quotation mark stands where none may'],
      [7, 'a quotation mark is not closed'],
      [10, 'a quotation mark is not closed'],
      [12, 'a quotation mark is not closed'],
    ]);
  });

  t.test('a slip far before the next quotation mark, or the last of all, costs no more', async (t) => {
    const plain = Array.from({ length: 3_000 }, (_, at) => `${at},Bob,Ray,2015-01-01`);
    const entries = await read(
      [header, 'a,"Ann,Lee,2015-01-01', ...plain, 'b,"Ann,Lee,2015-01-01', ...plain].join('\n'),
    );
    t.same(problemsOf(entries), [
      [2, 'a quotation mark is not closed'],
      [3_003, 'a quotation mark is not closed'],
    ]);
    t.equal(rowsOf(entries).length, 6_000);
  });

  t.test('a value of several lines is one row, and nothing in it passes for another', async (t) => {
    const entries = await read(
      `${header},address_line1,town\n1,Ann,Lee,2015-01-01,"4 Mill Row\n\n2,Eve,Fox,2015-01-01,,\n""Old Mill""","Leeds\r\n"\n3,Bob,Ray,2015-01-01,,\n`,
    );
    t.match(entries, [
      {
        line: 2,
        upTo: 6,
        row: { source_id: '1', address_line1: /^4 Mill Row\n\n2,Eve,.*"Old Mill"$/s, town: 'Leeds' },
      },
      { line: 7, upTo: 7, row: { source_id: '3' } },
    ]);
    t.equal(entries.length, 2);
  });

  t.test('lines end as in any system, and one that has no end is no reason to run out of memory', async (t) => {
    for (const end of ['\n', '\r\n', '\r']) {
      const entries = await read([header, '1,Ann,Lee,2015-01-01', '', '2,Bob,Ray,2015-01-01'].join(end));
      t.match(entries, [
        { line: 2, row: { date_of_birth: '2015-01-01' } },
        { line: 4, row: { source_id: '2' } },
      ]);
    }
    const long = 'x'.repeat(70_000);
    t.match(await read(`${header}\r\n1,${long},Lee,2015-01-01\r\n2,Bob,Ray,2015-01-01\r\n3,"A\n${long}`), [
      { line: 2, problem: /^longer than 65536/ },
      { line: 3, row: { source_id: '2' } },
      { line: 4, problem: 'a quotation mark is not closed' },
      { line: 5, problem: /^longer than 65536/ },
    ]);
  });

  t.test('is refused as a whole for unknown, doubled or missing columns, or another encoding', async (t) => {
    await t.rejects(read(`${header},religion,notes\n`), {
      name: 'UsageError',
      message: /Unknown columns: religion, notes/,
    });
    await t.rejects(read(`${header},given_names\n`), { message: /twice: given_names/ });
    await t.rejects(read('source_id,given_names\n'), { message: /Missing columns: family_name, date_of_birth/ });
    await t.rejects(read(Buffer.from(`\uFEFF${header}\n1,Ann,Lee,2015-01-01\n`, 'utf16le')), {
      message: /not UTF-8|Unknown columns/,
    });
    await t.rejects(read(''), { message: /empty/ });
  });
});

t.test('a line of NDJSON ends where JSON says that it does', async (t) => {
  const [first, second] = await read(
    '{"source_id":"1","given_names":"Ann\u2028","town":"Lee\u2029ds"}\n{"source_id":"2"}',
    'ndjson',
  );
  t.match(first, { line: 1, row: { source_id: '1', town: 'Lee\u2029ds' } });
  t.match(second, { line: 2, row: { source_id: '2' } });
});

t.test('a feed of NDJSON', async (t) => {
  const entries = await read(
    [
      '{"source_id":"1","given_names":"Łukasz","family_name":"Nowak","date_of_birth":"2014-02-03","town":null}',
      '',
      '{"source_id":"2",',
      '[1]',
      '{"source_id":"3","given_names":"Ann","family_name":"Lee","date_of_birth":"2014-02-03","diagnosis":"x"}',
      '{"source_id":4,"given_names":"Ann","family_name":"Lee","date_of_birth":"2014-02-03"}',
    ].join('\n'),
    'ndjson',
  );
  t.match(entries, [
    { line: 1, row: { given_names: 'Łukasz', town: '' } },
    { line: 3, problem: 'not JSON' },
    { line: 4, problem: 'not a JSON object' },
    { line: 5, problem: 'unknown columns: diagnosis' },
    { line: 6, problem: 'not text: source_id' },
  ]);
});

t.test('a row is refused for a reason that names the column and not the value', async (t) => {
  const today = '2026-11-24';
  const good: FeedRow = {
    ...(Object.fromEntries(feedColumns.map((column) => [column, ''])) as FeedRow),
    source_id: '1',
    given_names: 'Ann',
    family_name: 'Lee',
    date_of_birth: '2012-02-29',
  };
  t.equal(rowProblem(good, today), undefined);
  t.equal(rowProblem({ ...good, family_name: '' }, today), undefined, 'one name is enough');
  t.equal(rowProblem({ ...good, given_names: 'x'.repeat(35) }, today), undefined);
  const table: [Partial<FeedRow>, RegExp][] = [
    [{ source_id: '' }, /^source_id: missing/],
    [{ given_names: '', family_name: '' }, /both missing/],
    [{ given_names: 'x'.repeat(36) }, /^given_names: more than 35 characters/],
    [{ family_name: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx '.repeat(4).trim() }, /^family_name: longer than 110/],
    [{ given_names: '123' }, /^given_names: holds no letter/],
    [{ given_names: 'A\ud800nn' }, /^given_names: holds a control character/],
    [{ date_of_birth: '' }, /^date_of_birth: missing/],
    [{ date_of_birth: '2013-02-29' }, /not a date of the calendar/],
    [{ date_of_birth: '03/02/2013' }, /not a date of the calendar/],
    [{ date_of_birth: '2026-11-25' }, /in the future/],
    [{ date_of_birth: '2008-11-24' }, /18 or older/],
    [{ gender: 'yes' }, /^gender:/],
    [{ family_name: 'Mu\uFFFDller' }, /^family_name: not valid UTF-8/],
    [{ town: 'a\u0000b' }, /^town: holds a control character/],
    [{ postcode: 'SW1A 1AA SW1A' }, /^postcode: longer than 10/],
    [{ service_kind: 'prison' }, /^service_kind: none of/],
    [{ authority: '<script>' }, /^authority/],
  ];
  for (const [change, problem] of table)
    t.match(rowProblem({ ...good, ...change }, today), problem, Object.keys(change).join());
  t.equal(rowProblem({ ...good, date_of_birth: '2008-11-25' }, today), undefined, 'eighteen tomorrow is a child today');
});
