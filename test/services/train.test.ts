import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { projectRoot } from '../../src/config.js';
import { feedText } from '../../src/generator/feed-text.js';
import { drawChildren } from '../../src/generator/population.js';
import { collectQueries } from '../../src/generator/queries.js';
import { handModel } from '../../src/matching/index.js';
import { todayInEngland } from '../../src/services/child-age.js';
import type { Query } from '../../src/services/evaluate/queries.js';
import { importInitial, type ReportLine } from '../../src/services/import/import-feed.js';
import { train } from '../../src/services/train/train.js';
import { openDirectory } from '../helpers/directory.js';

t.test('a directory of generated children', async (t) => {
  const { config, urls, context, owner, caller, openContext } = await openDirectory(t, { indexed: true });
  const worker = await openContext({ role: 'directory_worker' });
  const made = { seed: 5, asOf: todayInEngland() };
  const collector = collectQueries({ ...made, count: 120 });
  const feed = [...feedText(drawChildren(made), 1500, 'csv', (child) => collector.see(child))];
  const queries: Query[] = collector.finish();
  const report: ReportLine[] = [];
  await importInitial(worker, Readable.from(feed.map((part) => Buffer.from(part))), {
    source: 'generated',
    format: 'csv',
    report: (lines: ReportLine[]) => void report.push(...lines),
  });
  await worker.elasticsearch.indices.refresh();
  const truth = new Map(
    report.flatMap(({ source_id, childId }) => (source_id && childId ? [[source_id, childId]] : [])),
  );
  const options = { version: 'tried', command: 'directory train', realSearches: false };

  t.test('trains a model that says what it rests on', async (t) => {
    const model = await train(context, queries, truth, options);
    t.equal(model.version, 'tried');
    t.match(model.training, { from: 'v1', realSearches: false, on: todayInEngland() });
    const { pairs = 0, strangers = 0, searches = 0, held = 0 } = model.training ?? {};
    t.ok(pairs > 100 && pairs <= 114, `${pairs} pairs`);
    t.ok(strangers > pairs * 45 && strangers <= pairs * 50, `${strangers} strangers`);
    t.ok(searches > 300 && held > searches * 0.9 && held < searches);
    const seen = Object.values(model.given).reduce((sum, { seen }) => sum + (seen?.m ?? 0), 0);
    t.ok(seen > 70 && seen <= pairs, `${seen} given names compared as typed`);
    t.not(model.date['same-day'].u, handModel.date['same-day'].u, 'strangers were counted');
    t.same(model.postcode.same.u, handModel.postcode.same.u, 'but not in which postcodes they live');
    t.same(model.prior, handModel.prior, 'queries made to order say nothing of how many children are held');
    t.ok(model.calibration.slope > 0.5 && model.calibration.slope < 1.5);
    const [event] = await owner.selectFrom('audit_events').selectAll().where('action', '=', 'train-model').execute();
    t.match(event, { actor: 'system', details: { queries: 120, version: 'tried' } });
    t.notMatch(JSON.stringify(model), new RegExp(queries.map((query) => query.source_id).join('|')));
  });

  t.test('learns from searches of people what they get wholly wrong, and nothing from shielded children', async (t) => {
    const held = queries.filter((query) => query.target_in_records_csv !== false && truth.has(query.source_id));
    const shielded = truth.get(held[0]!.source_id) as string;
    const { userId } = await caller('management-team');
    await owner
      .insertInto('shields')
      .values({
        id: shielded,
        child_id: shielded,
        authority: 'Northvale',
        reason: 'other',
        review_on: '2027-06-01',
        set_by: userId,
      })
      .execute();
    const { prior, date, training } = await train(context, held, truth, { ...options, realSearches: true });
    t.ok(prior.held > handModel.prior.held, 'every child was held');
    t.ok(prior.overlooked < handModel.prior.overlooked, 'hardly one was overlooked');
    t.ok(date.different.m < handModel.date.different.m, 'no date was wholly wrong');
    t.equal(training?.pairs, held.filter((query) => truth.get(query.source_id) !== shielded).length);
    await owner.deleteFrom('shields').where('child_id', '=', shielded).execute();
  });

  t.test('is evaluated by the command, through an API of its own', async (t) => {
    const folder = t.testdir();
    const files = { queries: path.join(folder, 'q.ndjson'), truth: path.join(folder, 'r.ndjson') };
    await writeFile(
      files.queries,
      queries
        .slice(0, 40)
        .map((query) => `${JSON.stringify(query)}\n`)
        .join(''),
    );
    await writeFile(files.truth, report.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const plot = path.join(folder, 'plot.svg');
    const run = async (args: string[]) => {
      const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/directory.ts', ...args], {
        cwd: projectRoot,
        env: {
          ...process.env,
          DATABASE_URL: urls.databaseUrl,
          REDIS_URL: urls.redisUrl,
          ELASTICSEARCH_URL: urls.elasticsearchUrl,
          DIRECTORY_INSTANCE: config.instance,
          AUTH_JWT_SECRET: config.secrets.jwt,
          NODE_OPTIONS: '',
        },
      });
      const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
      return { out, err, code };
    };
    const asked = ['evaluate', '--queries', files.queries, '--truth', files.truth];
    const { out, err, code } = await run([...asked, '--plot', plot, '--json']);
    t.equal(code, 0, err);
    const measures = JSON.parse(out);
    t.match(measures, { asked: 40, failed: 0 });
    t.ok(measures.recallAt1 > 0.9, `recall@1 ${measures.recallAt1}`);
    t.ok(measures.calibration.results.length > 0 && measures.calibration.first.length > 0);
    t.match(await readFile(plot, 'utf8'), /^<svg/);
    t.match(await run(asked), { code: 0, out: /score of first results/ }, 'and again, with the account that is there');
    const events = await owner.selectFrom('audit_events').select('action').where('actor', '=', 'system').execute();
    const count = (action: string) => events.filter((event) => event.action === action).length;
    t.equal(count('create-user'), 2, 'the account is made once, and audited like any other');
    t.equal(count('issue-token'), 3);

    t.match(await run([...asked, '--record', '# x']), { code: 2, err: /one line/ });
    t.match(await run([...asked, '--fields', 'height']), { code: 2, err: /does not know height/ });
    const trained = ['train', '--queries', files.queries, '--truth', files.truth];
    t.match(await run([...trained, '--out', path.join(folder, 'model.ts')]), { code: 2, err: /weights\.VERSION\.ts/ });
    const file = path.join(folder, 'weights.v9.ts');
    t.match(await run([...trained, '--out', file]), { code: 0, out: /model v9 from \d+ pairs/ });
    const module = await readFile(file, 'utf8');
    t.match(module, /export const weightsV9: Model = \{\n {2}version: 'v9',/);
    t.match(module, /command: 'directory train --queries q\.ndjson --truth r\.ndjson'/, 'without folders');
  });
});
