import { createReadStream } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { projectRoot } from '../src/config.js';
import type { SearchAnswer } from '../src/schemas/search.js';
import { queryFields, readQueries, toRequest } from '../src/services/evaluate/queries.js';
import { importInitial, type ReportLine } from '../src/services/import/import-feed.js';
import { openDirectory } from './helpers/directory.js';

const samples = path.join(projectRoot, 'src/samples');

t.test('every query of the sample feed finds its child first', async (t) => {
  const { app, caller, openContext } = await openDirectory(t, { indexed: true });
  const worker = await openContext({ role: 'directory_worker' });
  const children = new Map<string, string | null>();
  const counts = await importInitial(worker, createReadStream(path.join(samples, 'sample-feed.csv')), {
    source: 'sample',
    format: 'csv',
    report: (lines: ReportLine[]) => {
      for (const line of lines) children.set(line.source_id ?? '', line.childId);
    },
  });
  t.equal(counts.rejected, 0, 'no row is refused');
  t.equal(counts.indexed, counts.rows, 'every row is in the index');
  await worker.elasticsearch.indices.refresh();

  const { headers } = await caller('practitioner');
  for (const query of await readQueries(path.join(samples, 'sample-queries.ndjson'))) {
    const payload = toRequest(query, queryFields);
    const reply = await app.inject({ method: 'POST', url: '/v1/children/search', headers, payload });
    const { why } = query as unknown as { why: string };
    t.equal(
      reply.json<SearchAnswer>().results[0]?.childId,
      children.get(query.source_id),
      `${query.source_id}: ${why}`,
    );
  }
});
