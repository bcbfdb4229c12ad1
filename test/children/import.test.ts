import { Readable } from 'node:stream';
import { sql } from 'kysely';
import t from 'tap';
import { failAbandonedBatches } from '../../src/db/feed-batches.js';
import { holdShieldsBack } from '../../src/db/shields.js';
import { type ImportCounts, importInitial, type ReportLine } from '../../src/services/import/import-feed.js';
import { bornYearsAgo, openChildren, type TestChildren } from '../helpers/children.js';
import { until } from '../helpers/wait.js';

const born = bornYearsAgo(6);
const header = 'source_id,given_names,family_name,date_of_birth,gender,town,postcode,authority';

type Imported = ImportCounts & { report: ReportLine[] };

/** Imports in chunks of a few bytes, so that characters and rows fall across their borders. */
async function load(
  { worker }: TestChildren,
  input: string | Buffer,
  format: 'csv' | 'ndjson' = 'csv',
  source = 'census',
): Promise<Imported> {
  const bytes = Buffer.from(input as string);
  const chunks = Array.from({ length: Math.ceil(bytes.length / 500) }, (_, at) =>
    bytes.subarray(at * 500, at * 500 + 500),
  );
  const report: ReportLine[] = [];
  const counts = await importInitial(worker, Readable.from(chunks), {
    source,
    format,
    report: (lines) => void report.push(...lines),
  });
  return { ...counts, report };
}

/** Everything that an import writes, without what differs from run to run. */
async function stored({ owner }: TestChildren) {
  const { rows } = await sql<Record<string, number>>`
    select (select count(*) from children) as children, (select count(*) from child_names) as names,
      (select count(*) from child_addresses) as addresses, (select count(*) from source_records) as records,
      (select count(*) from outbox) as outbox, (select count(*) from authorities) as authorities`.execute(owner);
  return rows[0];
}

function addsUp(t: Pick<typeof import('tap').default, 'equal' | 'strictSame'>, imported: Imported) {
  const { rows, created, unchanged, rejected, report } = imported;
  t.equal(rows, created + unchanged + rejected, 'every row is counted once');
  t.equal(report.length, rows, 'and reported once');
  t.equal(new Set(report.map(({ line }) => line)).size, rows, 'by a line of its own');
  for (const outcome of ['created', 'unchanged', 'rejected'] as const)
    t.equal(report.filter((line) => line.outcome === outcome).length, imported[outcome], outcome);
  for (const line of report) {
    t.equal(line.reason !== null, line.outcome === 'rejected', 'a reason goes with a rejection');
    t.equal(line.childId === null, line.outcome === 'rejected', 'a child with the rest');
  }
}

t.test('a bad row is rejected for its reason and the rest goes in', async (t) => {
  const directory = await openChildren(t);
  const long = (words: number) => Array(words).fill('n'.repeat(35)).join(' ');
  const rows: [row: string, reason: RegExp | null][] = [
    [`1,Zoë,Ó Súilleabháin,${born},female,Leeds,LS6 2AB,Northvale`, null],
    [`2,Bob,Ray,${born},,,,`, null],
    [`3,Bob,Ray`, /^has 3 columns where the header has 8$/],
    [`4,Bob,Ray,${born},male,Leeds,LS6 2AB,Northvale,more`, /^has 9 columns/],
    [`,Bob,Ray,${born},,,,`, /^source_id: missing/],
    [`6,,,${born},,,,`, /both missing/],
    [`7,Bob,Ray,2015-02-30,,,,`, /^date_of_birth: not a date/],
    [`8,Bob,Ray,03/04/2015,,,,`, /^date_of_birth: not a date/],
    [`9,Bob,Ray,${bornYearsAgo(18)},,,,`, /^date_of_birth: makes the person 18/],
    [`10,Bob,Ray,2999-01-01,,,,`, /^date_of_birth: lies in the future/],
    [`11,Bob,Ray,${born},boy,,,`, /^gender/],
    [`12,${'x'.repeat(36)},Ray,${born},,,,`, /^given_names: more than 35/],
    [`13,Bob,${long(3)},${born},,,,`, null],
    [`14,${long(5)},Ray,${born},,,,`, null],
    [`15,Bob,Ray,${born},,${'x'.repeat(101)},,`, /^town: longer/],
    [`16,Bob,Ray,${born},,,LS6 2AB LS6,`, /^postcode: longer/],
    [`17,Bob,Ray,${born},,,,<b>`, /^authority/],
    [`18,Bo\u0000b,Ray,${born},,,,`, /^given_names: holds a control character/],
    [`2,Bob,Ray,${born},,,,`, /^source_id: occurs before/],
    [`1,Eve,Fox,${born},,,,`, /^source_id: occurs before/],
    [`19,"Ann, ""Nan""",Lee,${born},,"St Mary\nBourne",,`, /^town: holds a control character/],
    [`20,"Ann, ""Nan""",Lee,${born},,"St Mary, Bourne",,`, null],
    [`21,Ann\\t,Le\\N,${born},,,,`, null],
  ];
  const latin1 = Buffer.from(`22,J\xfcrgen,M\xfcller,${born},,,,\n`, 'latin1');
  const last = `23,Suharto,,${born},,,,`;
  const imported = await load(
    directory,
    Buffer.concat([
      Buffer.from(`\uFEFF${header}\r\n${rows.map(([row]) => row).join('\r\n')}\r\n`),
      latin1,
      Buffer.from(last),
    ]),
  );

  addsUp(t, imported);
  t.equal(imported.rows, rows.length + 2);
  const inOrder = [...imported.report].sort((a, b) => a.line - b.line);
  for (const [at, [row, reason]] of rows.entries()) {
    const { outcome, reason: told } = inOrder[at]!;
    t.equal(outcome, reason ? 'rejected' : 'created', row);
    if (reason) t.match(told, reason, row);
  }
  t.match(inOrder[rows.length], { outcome: 'rejected', reason: 'given_names: not valid UTF-8' });
  t.match(inOrder.at(-1), { outcome: 'created', source_id: '23' });
  t.notMatch(
    JSON.stringify(imported.report.map(({ reason }) => reason)),
    /Bob|Ray|Ann|Leeds/,
    'reasons name columns, not values',
  );

  t.match(await stored(directory), { children: imported.created, records: imported.created, outbox: 0 });
  t.equal(imported.indexed, imported.created, 'each is in the index');
  const batches = await directory.owner.selectFrom('feed_batches').selectAll().execute();
  t.match(batches, [
    {
      id: imported.batchId,
      source: 'census',
      state: 'done',
      initial: true,
      rows: imported.rows,
      created: imported.created,
      rejected: imported.rejected,
      unchanged: 0,
      ended_at: Date,
    },
  ]);
  const rejects = await directory.owner.selectFrom('feed_rejects').select(['line', 'reason']).orderBy('line').execute();
  t.strictSame(
    rejects,
    inOrder.filter(({ outcome }) => outcome === 'rejected').map(({ line, reason }) => ({ line, reason })),
  );

  await directory.index();
  const manager = await directory.caller('management-team');
  const found = await directory.search(manager, { givenNames: 'Zoe', familyName: "O'Sullivan", dateOfBirth: born });
  t.match(found.body.results[0], { givenNames: 'Zoë', familyName: 'Ó Súilleabháin', childId: inOrder[0]!.childId });
  t.match((await directory.call(manager, 'GET', `/v1/children/${inOrder[20 + 1]!.childId}`)).body, {
    names: [{ givenNames: 'Ann, "Nan"', familyName: 'Lee' }],
    addresses: [{ town: 'St Mary, Bourne' }],
    authority: 'central',
  });
  t.match(
    (await directory.call(manager, 'GET', `/v1/children/${inOrder[22]!.childId}`)).body,
    { names: [{ givenNames: 'Ann\\t', familyName: 'Le\\N' }] },
    'what COPY would take for its own stays as it is',
  );

  t.test('and the file may come again', async (t) => {
    const before = await stored(directory);
    const again = await load(directory, `${header}\n${rows[0]![0]}\n${rows[1]![0]}\n`);
    addsUp(t, again);
    t.match(again, { rows: 2, created: 0, unchanged: 2, rejected: 0, indexed: 0 });
    t.strictSame(
      again.report.map(({ childId }) => childId),
      [inOrder[0]!.childId, inOrder[1]!.childId],
      'each is the child it was',
    );
    t.strictSame(await stored(directory), before, 'nothing changed');

    const changed = await load(
      directory,
      `${header}\n1,Zoë,O'Sullivan,${born},female,Leeds,LS6 2AB,Northvale\n2,Bob,Ray,${born},,,,\n`,
    );
    addsUp(t, changed);
    t.match(changed, {
      created: 0,
      unchanged: 1,
      rejected: 1,
      report: [
        { source_id: '1', outcome: 'rejected', reason: /^source_id: known with other values/ },
        { outcome: 'unchanged' },
      ],
    });
    t.strictSame(await stored(directory), before, 'nor by a changed row');

    const elsewhere = await load(directory, `${header}\n1,Eve,Fox,${born},,,,\n`, 'csv', 'births');
    t.match(elsewhere, { created: 1 }, 'a source_id is unique within its source only');
  });
});

t.test('NDJSON is held to the same rules', async (t) => {
  const directory = await openChildren(t);
  const row = (sourceId: unknown, more: object = {}) =>
    JSON.stringify({ source_id: sourceId, given_names: 'Ann', family_name: 'Lee', date_of_birth: born, ...more });
  const lines = [
    row('1'),
    '{"source_id":"2",',
    '[]',
    row(3),
    row('4', { religion: 'x' }),
    row('5', { town: 'Lee\u0000ds' }),
    row('6', { family_name: 'x'.repeat(36) }),
    row('7', { address2_line1: 'Rose Cottage', address2_town: 'Whitby', parent2_name: 'Una Lee', country: 'France' }),
    row('8', { given_names: null }),
    row('1'),
  ];
  const imported = await load(directory, lines.join('\n'), 'ndjson');
  addsUp(t, imported);
  const inOrder = [...imported.report].sort((a, b) => a.line - b.line);
  t.match(
    inOrder.map(({ outcome, reason }) => [outcome, reason]),
    [
      ['created', null],
      ['rejected', 'not JSON'],
      ['rejected', 'not a JSON object'],
      ['rejected', 'not text: source_id'],
      ['rejected', 'unknown columns: religion'],
      ['rejected', /^town: holds a control character/],
      ['rejected', /^family_name/],
      ['created', null],
      ['created', null],
      ['rejected', /occurs before/],
    ],
  );
  const manager = await directory.caller('management-team');
  t.match((await directory.call(manager, 'GET', `/v1/children/${inOrder[7]!.childId}`)).body, {
    addresses: [
      { kind: 'overseas', country: 'France', postcode: null },
      { kind: 'second-home', line1: 'Rose Cottage', town: 'Whitby' },
    ],
    parents: [{ name: 'Una Lee' }],
  });
});

t.test('a file that is no feed changes nothing', async (t) => {
  const directory = await openChildren(t);
  const before = await stored(directory);
  const good = `1,Ann,Lee,${born},,,,`;
  const refused: [what: string, input: string | Buffer, message: RegExp][] = [
    ['unknown columns', `${header},religion,notes\n${good},x,y\n`, /Unknown columns: religion, notes/],
    ['missing columns', 'source_id,given_names\n1,Ann\n', /Missing columns: family_name, date_of_birth/],
    ['a column twice', `${header},town\n${good},x\n`, /twice: town/],
    ['UTF-16', Buffer.from(`\uFEFF${header}\n${good}\n`, 'utf16le'), /not UTF-8|Unknown columns/],
    ['no header', `${good}\n`, /^(?!.*(ann|lee))The first line names no columns/is],
    ['an empty file', '', /empty/],
  ];
  for (const [what, input, message] of refused) {
    await t.rejects(load(directory, input), { name: 'UsageError', message }, what);
    t.strictSame(await stored(directory), before, 'and nothing is written');
  }
  await t.rejects(
    load(directory, `${header}\n${good}\n`, 'csv', 'Census!'),
    { name: 'UsageError' },
    'nor one from a source without a name',
  );
  const states = await directory.owner.selectFrom('feed_batches').select('state').distinct().execute();
  t.strictSame(states, [{ state: 'failed' }], 'what failed is on record as failed');
  t.match(await load(directory, `${header}\n`), { rows: 0, report: [] }, 'a header alone is an empty feed');
});

t.test('a run that broke off is carried on by the next, and shields stop both', async (t) => {
  const directory = await openChildren(t);
  const row = (id: number) => `${id},Ann${id},Lee,${born},,,,Northvale\n`;
  const whole = Array.from({ length: 4_200 }, (_, at) => row(at + 1)).join('');
  const broken = Readable.from(
    (async function* () {
      yield Buffer.from(`${header}\n${whole}`);
      // Until a part is in, so that there is something to carry on from.
      while (Number((await stored(directory))?.children) === 0) await new Promise((resolve) => setImmediate(resolve));
      throw new Error('the line went dead');
    })(),
  );
  await t.rejects(importInitial(directory.worker, broken, { source: 'census', format: 'csv' }), {
    message: 'the line went dead',
  });
  const part = Number((await stored(directory))?.children);
  t.ok(part > 0, `${part} of 4,200 were in`);

  const rest = await load(directory, `${header}\n${whole}`);
  addsUp(t, rest);
  t.match(rest, { rows: 4_200, unchanged: part, created: 4_200 - part, rejected: 0 });
  t.match(await stored(directory), { children: 4_200, records: 4_200 });
  await directory.index();
  const { count } = await directory.worker.elasticsearch.count({ index: `${directory.config.instance}-children` });
  t.equal(count, 4_200, 'and all of them are in the index');

  const manager = await directory.caller('management-team');
  const shielded = rest.report[0]!.childId;
  await directory.call(manager, 'PUT', `/v1/children/${shielded}/shield`, { reason: 'refuge' }, { 'if-match': '"1"' });
  await t.rejects(load(directory, `${header}\n${row(5_000)}`), { name: 'CommandError', message: /shielded/ });
  t.match(await stored(directory), { children: 4_200 }, 'loading without matching could make a second, open record');
});

t.test('two imports of one file at once make each child once', async (t) => {
  const directory = await openChildren(t);
  const rows = Array.from({ length: 2_500 }, (_, at) => `${at},Ann,Lee,${born},,,,Northvale\n`).join('');
  const both = await Promise.all([load(directory, `${header}\n${rows}`), load(directory, `${header}\n${rows}`)]);
  for (const imported of both) addsUp(t, imported);
  t.equal(both[0].created + both[1].created, 2_500);
  t.equal(both[0].rejected + both[1].rejected, 0);
  t.match(await stored(directory), { children: 2_500, records: 2_500, outbox: 0 });
});

t.test('what an import has done is on record while it runs and after it was killed', async (t) => {
  const directory = await openChildren(t);
  const { owner, worker } = directory;
  const killed = '01a20bd8-ba53-72ee-9c8f-003e7834be28';
  const batches = () =>
    owner.selectFrom('feed_batches').select(['id', 'state', 'rows', 'created', 'rejected', 'ended_at']).execute();
  const rows = Array.from(
    { length: 1_300 },
    (_, at) => `${at},Ann,${at === 7 ? '' : 'Lee'},${at === 8 ? '' : born},,,,\n`,
  );
  const input = Readable.from(
    (async function* () {
      yield Buffer.from(`${header}\n${rows.slice(0, 1_000).join('')}`);
      while (((await batches())[0]?.rows ?? 0) < 1_000) await new Promise((resolve) => setImmediate(resolve));
      t.match(await batches(), [{ state: 'running', rows: 1_000, created: 999, rejected: 1, ended_at: null }]);
      await owner
        .insertInto('feed_batches')
        .values({ id: killed, source: 'census', state: 'running', initial: true, ended_at: null })
        .execute();
      t.equal(await failAbandonedBatches(worker.db), 1, 'one that nobody runs has failed');
      t.match(await batches(), [{ state: 'running' }, { id: killed, state: 'failed', ended_at: Date }]);
      yield Buffer.from(rows.slice(1_000).join(''));
    })(),
  );
  const { batchId } = await importInitial(worker, input, { source: 'census', format: 'csv' });
  const [own] = (await batches()).filter(({ id }) => id === batchId);
  t.match(own, { state: 'done', rows: 1_300, created: 1_299, rejected: 1, ended_at: Date });
});

t.test('a shield that is set while an import runs stops it', async (t) => {
  const directory = await openChildren(t);
  const manager = await directory.caller('management-team');
  const row = (id: number) => `${id},Ann${id},Lee,${born},,,,Northvale\n`;
  const some = (from: number) => Array.from({ length: 1_000 }, (_, at) => row(from + at)).join('');
  const input = Readable.from(
    (async function* () {
      yield Buffer.from(`${header}\n${some(0)}`);
      while ((await stored(directory))?.children !== 1_000) await new Promise((resolve) => setImmediate(resolve));
      const { id } = await directory.owner.selectFrom('children').select('id').limit(1).executeTakeFirstOrThrow();
      const reason = { reason: 'refuge' };
      const shielded = await directory.call(manager, 'PUT', `/v1/children/${id}/shield`, reason, { 'if-match': '"1"' });
      t.equal(shielded.status, 200);
      yield Buffer.from(some(1_000));
    })(),
  );
  await t.rejects(importInitial(directory.worker, input, { source: 'census', format: 'csv' }), {
    name: 'CommandError',
    message: /shielded/,
  });
  t.match(await stored(directory), { children: 1_000 }, 'what was there before stays');
  const batches = await directory.owner.selectFrom('feed_batches').select(['state', 'rows', 'created']).execute();
  t.strictSame(batches, [{ state: 'failed', rows: 1_000, created: 1_000 }]);
});

t.test('a shield waits for a batch that is being written, of which nobody knows a row', async (t) => {
  const directory = await openChildren(t);
  const manager = await directory.caller('management-team');
  const [bird] = await directory.add([{ givenNames: 'Wren', familyName: 'Finch', dateOfBirth: born }]);
  const client = await directory.worker.pool.connect();
  await client.query('begin');
  t.equal(await holdShieldsBack(client), true);
  let done = false;
  const path = `/v1/children/${bird!.childId}/shield`;
  const shielding = directory.call(manager, 'PUT', path, { reason: 'refuge' }, { 'if-match': '"1"' }).finally(() => {
    done = true;
  });
  await until(async () => {
    const { rows } = await sql`select from pg_locks where locktype = 'advisory' and not granted
      and database = (select oid from pg_database where datname = current_database())`.execute(directory.owner);
    return rows.length > 0;
  });
  t.notOk(done);
  await client.query('commit');
  client.release();
  t.match(await shielding, { status: 200 });
});
