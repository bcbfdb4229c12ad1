import { createReadStream, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'csv-parse/sync';
import { isValid } from 'postcode';
import t from 'tap';
import { projectRoot } from '../../src/config.js';
import { readQueries } from '../../src/services/evaluate/queries.js';
import { type FeedRow, rowProblem } from '../../src/services/import/feed-row.js';
import { readFeed } from '../../src/services/import/read-feed.js';

const samples = path.join(projectRoot, 'src/samples');

t.test('the sample feed is one that an import takes, for years to come', async (t) => {
  const rows: FeedRow[] = [];
  for await (const entry of readFeed(createReadStream(path.join(samples, 'sample-feed.csv')), 'csv')) {
    if ('row' in entry) rows.push(entry.row);
    else t.fail(`line ${entry.line}: ${entry.problem}`);
  }
  t.ok(rows.length >= 25 && rows.length <= 40, `${rows.length} children`);
  t.equal(new Set(rows.map(({ source_id }) => source_id)).size, rows.length);
  for (const row of rows) {
    t.equal(rowProblem(row, '2028-01-01'), undefined, row.source_id);
    for (const postcode of [row.postcode, row.address2_postcode]) if (postcode) t.ok(isValid(postcode), postcode);
  }
  const has = (what: string, of: (row: FeedRow) => boolean) => t.ok(rows.some(of), what);
  const twin = (row: FeedRow) =>
    rows.some(
      (other) =>
        other !== row && other.date_of_birth === row.date_of_birth && other.address_line1 === row.address_line1,
    );
  has('twins', twin);
  has('siblings', (row) =>
    rows.some((other) => other !== row && !twin(row) && other.address_line1 === row.address_line1),
  );
  has('an apostrophe', ({ family_name }) => family_name.includes("'"));
  has('a hyphen', ({ family_name }) => family_name.includes('-'));
  has('two family names', ({ family_name }) => /^\p{Lu}\p{L}+ \p{Lu}\p{L}+$/u.test(family_name));
  has('diacritics', ({ given_names }) => /[^\p{ASCII}]/u.test(given_names));
  has('one name only', ({ given_names }) => given_names === '');
  has('29 February', ({ date_of_birth }) => date_of_birth.endsWith('02-29'));
  has('two homes', ({ address2_line1 }) => address2_line1 !== '');
  has('parents overseas', ({ country, postcode }) => country !== '' && postcode === '');
  has('a former name', ({ former_family_name }) => former_family_name !== '');
  has('a name that the child goes by', ({ known_as }) => known_as !== '');
  has('thirty-five letters', ({ given_names }) => given_names.length === 35);
  has('two letters', ({ given_names }) => given_names.length === 2);
  has('a flat', ({ address_line1 }) => address_line1.startsWith('Flat'));
  const names = rows.map((row) => `${row.given_names} ${row.family_name}`);
  t.ok(new Set(names).size < names.length, 'two children of one name');
});

t.test('its queries ask about its children, and say why', async (t) => {
  const known = new Set(
    parse(readFileSync(path.join(samples, 'sample-feed.csv')), { columns: true }).map(
      (row) => (row as FeedRow).source_id,
    ),
  );
  const queries = await readQueries(path.join(samples, 'sample-queries.ndjson'));
  t.ok(queries.length >= 40 && queries.length <= 60, `${queries.length} queries`);
  t.equal(new Set(queries.map(({ query_id }) => query_id)).size, queries.length);
  for (const query of queries) {
    const { expect, why } = query as unknown as { expect: string; why: string };
    t.ok(known.has(query.source_id), query.query_id);
    t.equal(expect, query.source_id);
    t.match(why, /^[A-Z0-9].{4,}/);
  }
});
