import { mkdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Command } from 'commander';
import type { Config } from '../config.js';
import { CommandError, UsageError } from '../errors.js';
import type { Measures } from '../services/evaluate/measures.js';
import { type QueryField, queryFields } from '../services/evaluate/queries.js';
import { wholeNumber } from './arguments.js';
import { createProgress } from './progress.js';

interface EvaluateFlags {
  queries: string;
  truth: string;
  fields: string;
  url?: string;
  clients: number;
  plot?: string;
  record?: string;
  json?: boolean;
}

const defaultFields = 'given_names,family_name,date_of_birth';

export function evaluateCommand(): Command {
  return new Command('evaluate')
    .description('measure how often the right child is found, by asking queries through the HTTP API')
    .requiredOption('--queries <file>', 'queries, NDJSON')
    .requiredOption('--truth <file>', 'report of the import: which child each source_id became')
    .option('--fields <list>', 'what the searcher knows', defaultFields)
    .option('--url <url>', 'address of a running API (default: one is started for the occasion)')
    .option('--clients <n>', 'how many ask at the same time', wholeNumber(1, 64), 1)
    .option('--plot <file>', 'write a reliability plot, SVG')
    .option('--record <name>', 'write the figures into the section of docs/measurements.md with this heading')
    .option('--json', 'print the measures as JSON')
    .action(runEvaluate);
}

async function runEvaluate(flags: EvaluateFlags): Promise<void> {
  const fields = readFields(flags.fields);
  if (flags.record !== undefined && !/^\w[^\n#]*$/.test(flags.record))
    throw new UsageError('--record takes a heading: one line that begins with a letter or a digit, without #');
  const { readConfig } = await import('../config.js');
  const { readQueries, readTruth } = await import('../services/evaluate/queries.js');
  const { evaluate } = await import('../services/evaluate/evaluate.js');
  const { evaluationTokens } = await import('../services/evaluate/account.js');
  const { describe } = await import('../services/evaluate/report.js');
  const { withDatabase } = await import('./database.js');
  const queries = await readQueries(flags.queries);
  if (queries.length === 0) throw new CommandError('There are no queries in the file');
  const truth = await readTruth(flags.truth, new Set(queries.map((query) => query.source_id)));
  const config = readConfig();
  await withDatabase(config, async (db) => {
    const token = await evaluationTokens(db, config);
    const api = flags.url === undefined ? await startApi(config) : { url: flags.url, stop: async () => undefined };
    const progress = createProgress('evaluate', queries.length);
    try {
      const measures = await evaluate(queries, truth, {
        url: api.url,
        token,
        fields,
        clients: flags.clients,
        progress: (done) => progress.update(done, `${done} of ${queries.length}`),
      });
      progress.stop();
      if (flags.plot !== undefined) await plot(flags.plot, flags, measures);
      if (flags.record !== undefined) {
        const { circumstances, recordMeasures } = await import('../services/evaluate/record.js');
        const { readSize } = await import('../db/name-frequencies.js');
        const under = await circumstances(commandLine(flags), (await readSize(db)).children);
        await recordMeasures(flags.record, measures, under);
      }
      console.log(flags.json ? JSON.stringify(measures) : describe(measures));
    } finally {
      progress.stop();
      await api.stop();
    }
  });
}

/** In a process of its own, so that the times are the server's and not those of asking and counting. */
async function startApi(config: Config): Promise<{ url: string; stop(): Promise<void> }> {
  const { startDirectory } = await import('./processes.js');
  const folder = path.join(config.home, 'evaluate');
  mkdirSync(folder, { recursive: true });
  // Nobody else asks this one, so nobody is kept waiting.
  const env = { HOST: '127.0.0.1', RATE_LIMIT_SEARCHES_PER_MINUTE: '0', RATE_LIMIT_ORGANISATION_PER_MINUTE: '0' };
  const api = await startDirectory(['serve', '--port', '0'], env, path.join(folder, 'api.log'), /^listening on/);
  return { url: api.line.replace('listening on ', ''), stop: api.stop };
}

function readFields(list: string): QueryField[] {
  const names = list.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !(queryFields as readonly string[]).includes(name));
  if (unknown.length > 0)
    throw new UsageError(`--fields does not know ${unknown.join(', ')}; it takes ${queryFields.join(', ')}`);
  return names as QueryField[];
}

async function plot(file: string, flags: EvaluateFlags, measures: Measures): Promise<void> {
  const { reliabilityPlot } = await import('../services/evaluate/plot.js');
  const title = flags.record ?? 'Is a score a probability?';
  const known = flags.fields.replaceAll('_', ' ').replaceAll(',', ', ');
  const subtitle = `${measures.asked.toLocaleString('en-GB')} searches by ${known}`;
  try {
    await writeFile(file, reliabilityPlot(title, subtitle, measures.calibration));
  } catch {
    throw new CommandError(`${file} cannot be written: does its folder exist, and may you write there?`);
  }
}

/** What gave the figures, without folders, which are this machine's own. */
function commandLine(flags: EvaluateFlags): string {
  const options = [
    `--queries ${path.basename(flags.queries)}`,
    `--truth ${path.basename(flags.truth)}`,
    `--fields ${flags.fields}`,
    ...(flags.clients === 1 ? [] : [`--clients ${flags.clients}`]),
    `--record '${flags.record}'`,
  ];
  return `npm run directory -- evaluate ${options.join(' ')}`;
}
