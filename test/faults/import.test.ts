import { readFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import t from 'tap';
import { startWorkers } from '../../workers/main.js';
import { openChildren, type TestChildren } from '../helpers/children.js';
import { clientFor, idsOf } from '../helpers/client.js';
import { startCommand } from '../helpers/command.js';
import { untilIndexed } from '../helpers/indexed.js';
import { until } from '../helpers/wait.js';

const ROWS = 7_000;
const BAD = 6_910;

/** A feed of children who differ, one of them without a date of birth. */
function feed(): string[] {
  const letters = (n: number) => [...String(n).padStart(4, '0')].map((digit) => 'bcdfghklmn'[Number(digit)]).join('a');
  const header = 'source_id,given_names,family_name,date_of_birth,postcode,parent_name';
  const rows = Array.from({ length: ROWS }, (_, at) => {
    const born = at === BAD ? '' : `201${at % 7}-0${1 + (at % 9)}-1${at % 10}`;
    return `r${at},Child ${letters(at)},${letters((at * 7) % 9_973)},${born},AB${1 + (at % 9)} ${at % 10}CD,Parent ${letters(at)}`;
  });
  return [header, ...rows];
}

async function count({ owner }: TestChildren, table: 'children' | 'child_names' | 'source_records') {
  const { n } = await owner
    .selectFrom(table)
    .select((eb) => eb.fn.countAll<number>().as('n'))
    .executeTakeFirstOrThrow();
  return n;
}

t.test(
  'an import killed half-way leaves whole batches, which get to the index, and is completed by another',
  async (t) => {
    const directory = await openChildren(t);
    const { owner, urls, worker } = directory;
    const lines = feed();
    const importing = startCommand(t, directory, ['import', '--source', 'schools', '--initial', '-']);
    importing.process.stdin.write(`${lines.slice(0, 4_000).join('\n')}\n`);
    await until(() => count(directory, 'children'), { seconds: 30 });

    // The next batches stop before the last but one of their tables, so that the import dies in the middle of one.
    const gate = new pg.Client({ connectionString: urls.databaseUrl });
    await gate.connect();
    t.teardown(() => gate.end());
    await gate.query('begin; lock table source_records in exclusive mode');
    importing.process.stdin.write(`${lines.slice(4_000, 6_500).join('\n')}\n`);
    await until(async () => {
      const { rows } = await gate.query(`
      select from pg_locks where relation = 'source_records'::regclass and not granted
        and database = (select oid from pg_database where datname = current_database())`);
      return rows.length > 0;
    });
    t.ok(importing.running(), 'it is in the middle of a batch');
    await importing.end('SIGKILL');
    await gate.query('rollback');
    await until(async () => {
      const { rows } = await gate.query(`
      select from pg_stat_activity where datname = current_database() and application_name = 'directory-import'`);
      return rows.length === 0;
    });
    const half = await count(directory, 'children');
    const onRecord = () => owner.selectFrom('feed_batches').select(['state', 'rows', 'created']).execute();
    t.strictSame(await onRecord(), [{ state: 'running', rows: half, created: half }]);
    // Rows of one transaction have one time of receipt.
    const { rows: batches } = await gate.query('select count(*) as size from source_records group by received_at');
    t.equal(new Set(batches.map(({ size }) => size)).size, 1, `${batches.length} whole batches`);
    t.ok(half > 0 && half < 6_500, `${half} children`);
    for (const table of ['child_names', 'source_records'] as const) {
      t.equal(await count(directory, table), half, table);
    }

    // The importer's claims run out after a minute: as though it had passed.
    await gate.query("update outbox set claimed_at = claimed_at - interval '1 minute'");
    const workers = await startWorkers(worker);
    t.teardown(() => workers.close());
    await until(async () => (await onRecord())[0]?.state === 'failed');
    await untilIndexed(directory, { seconds: 30, every: 250 });

    const report = path.join(t.testdir(), 'report.ndjson');
    const again = startCommand(t, directory, [
      'import',
      '--source',
      'schools',
      '--initial',
      '--report',
      report,
      '--json',
      '-',
    ]);
    again.process.stdin.end(`${lines.join('\n')}\n`);
    await until(() => !again.running(), { seconds: 60 });
    t.equal(again.process.exitCode, 0, again.output());
    t.match(
      JSON.parse(
        again
          .output()
          .split('\n')
          .find((line) => line.startsWith('{"batchId')) ?? '{}',
      ),
      {
        rows: ROWS,
        created: ROWS - half - 1,
        unchanged: half,
        rejected: 1,
      },
    );
    t.equal(await count(directory, 'children'), ROWS - 1, 'no child twice');
    await untilIndexed(directory, { seconds: 30, every: 250 });

    const told = readFileSync(report, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { line: number; source_id: string; outcome: string; childId: string | null });
    t.equal(told.length, ROWS);
    t.same(new Set(told.map(({ source_id }) => source_id)).size, ROWS, 'each row once');
    t.match(
      told.filter(({ outcome }) => outcome === 'rejected'),
      [{ source_id: `r${BAD}`, line: BAD + 2, childId: null }],
    );
    const known = await owner.selectFrom('source_records').select(['source_id', 'child_id']).execute();
    const childOf = new Map(known.map((record) => [record.source_id, record.child_id]));
    const wrong = told.filter(
      ({ outcome, source_id, childId }) => outcome !== 'rejected' && childOf.get(source_id) !== childId,
    );
    t.same(wrong, [], 'each with its child');

    const client = clientFor(directory, await directory.caller('practitioner'));
    for (const at of [0, half - 1, half + 1, ROWS - 1]) {
      const [, givenNames, familyName, dateOfBirth] = (lines[at + 1] as string).split(',');
      const answer = await client.search({ givenNames, familyName, dateOfBirth });
      t.equal(idsOf(answer)[0], childOf.get(`r${at}`));
    }
  },
);

t.test('an import whose report cannot be written to its end says so, and fails', async (t) => {
  const directory = await openChildren(t);
  const start = (report: string, file: string) =>
    startCommand(t, directory, ['import', '--source', 'schools', '--initial', '--report', report, file]);
  // Every write to it fails as on a full disk.
  const full = start('/dev/full', '-');
  full.process.stdin.end(`${feed().slice(0, 100).join('\n')}\n`);
  await until(() => !full.running(), { seconds: 30 });
  t.equal(full.process.exitCode, 1);
  t.match(full.output(), /The report could not be written to its end \(ENOSPC\)/);
  const batches = await directory.owner.selectFrom('feed_batches').select(['state', 'created']).execute();
  t.strictSame(batches, [{ state: 'failed', created: 99 }], 'what went in is on record');

  const file = path.join(t.testdir({ 'feed.csv': feed().slice(0, 3).join('\n') }), 'feed.csv');
  const same = start(file, file);
  await until(() => !same.running(), { seconds: 30 });
  t.equal(same.process.exitCode, 2, 'nor is a feed overwritten by its own report');
  t.equal(readFileSync(file, 'utf8'), feed().slice(0, 3).join('\n'));
});
