import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { projectRoot } from '../../src/config.js';
import { feedColumns } from '../../src/services/import/feed-row.js';

async function generate(...args: string[]) {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/directory.ts', 'generate', ...args], {
    cwd: projectRoot,
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  const [out, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { out, errors, code: code as number };
}

t.test('generate writes a feed and queries, and sums up', async (t) => {
  const folder = t.testdir({});
  const feed = path.join(folder, 'feed.ndjson');
  const queries = path.join(folder, 'queries.ndjson');
  const size = ['--children', '700', '--seed', '5', '--as-of', '2026-03-01'];
  const { out, code } = await generate(...size, '--out', feed, '--queries', queries, '--query-count', '64', '--json');
  t.equal(code, 0);
  t.match(JSON.parse(out), {
    children: 700,
    families: Number,
    queries: 64,
    seed: 5,
    asOf: '2026-03-01',
    seconds: Number,
  });
  const lines = (file: string) =>
    readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
  const rows = lines(feed);
  t.equal(rows.length, 700);
  for (const key of new Set(rows.flatMap((row) => Object.keys(row)))) t.ok(feedColumns.includes(key as never), key);
  t.equal(lines(queries).length, 64);
  const known = new Set(rows.map(({ source_id }) => source_id));
  for (const query of lines(queries)) t.equal(known.has(query.source_id), query.target_in_records_csv);

  const piped = await generate(...size, '--out', '-');
  t.equal(piped.code, 0);
  t.equal(piped.out.trimEnd().split('\n').length, 701, 'the feed alone is on standard output');
  t.match(piped.errors, /700 children of \d+ families, seed 5, as of 2026-03-01/);
});

t.test('a wrong use says what is wrong, with exit code 2, and a failure 1', async (t) => {
  for (const [args, code, message] of [
    [['--children', '10'], 2, /--out/],
    [['--children', 'ten', '--out', 'x.csv'], 2, /whole number from 1/],
    [['--children', '10', '--out', 'x.txt'], 2, /\.csv, \.ndjson or \.jsonl/],
    [['--children', '10', '--out', 'x.csv', '--as-of', '2026-02-30'], 2, /YYYY-MM-DD/],
    [['--children', '10', '--out', '-', '--queries', '-'], 2, /same place/],
    [['--children', '10', '--out', path.join(t.testdirName, 'no/such/folder/x.csv')], 1, /cannot be written/],
  ] as const) {
    const { errors, code: actual } = await generate(...args);
    t.equal(actual, code, args.join(' '));
    t.match(errors, message);
  }
});
