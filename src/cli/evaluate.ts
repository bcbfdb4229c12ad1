import { Command } from 'commander';
import { CommandError, UsageError } from '../errors.js';
import type { Measures } from '../services/evaluate/measures.js';
import { type QueryField, queryFields } from '../services/evaluate/queries.js';
import { createProgress } from './progress.js';

interface EvaluateFlags {
  queries: string;
  truth: string;
  fields: string;
  url?: string;
  clients: string;
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
    .option('--clients <n>', 'how many ask at the same time', '1')
    .option('--json', 'print the measures as JSON')
    .action(runEvaluate);
}

async function runEvaluate(flags: EvaluateFlags): Promise<void> {
  const fields = readFields(flags.fields);
  const clients = Number(flags.clients);
  if (!Number.isInteger(clients) || clients < 1 || clients > 64) throw new UsageError('--clients takes 1 to 64');
  const { readQueries, readTruth } = await import('../services/evaluate/queries.js');
  const { evaluate } = await import('../services/evaluate/evaluate.js');
  const { openEvaluationApi } = await import('../services/evaluate/api.js');
  const queries = await readQueries(flags.queries);
  if (queries.length === 0) throw new CommandError('There are no queries in the file');
  const truth = await readTruth(flags.truth, new Set(queries.map((query) => query.source_id)));
  const api = await openEvaluationApi(flags.url);
  const progress = createProgress('evaluate', queries.length);
  try {
    const measures = await evaluate(queries, truth, {
      url: api.url,
      token: api.token,
      fields,
      clients,
      progress: (done) => progress.update(done, `${done} of ${queries.length}`),
    });
    progress.stop();
    console.log(flags.json ? JSON.stringify(measures) : describe(measures));
  } finally {
    progress.stop();
    await api.close();
  }
}

function readFields(list: string): QueryField[] {
  const names = list.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !(queryFields as readonly string[]).includes(name));
  if (unknown.length > 0)
    throw new UsageError(`--fields does not know ${unknown.join(', ')}; it takes ${queryFields.join(', ')}`);
  return names as QueryField[];
}

function describe(measures: Measures): string {
  const recall = (at: number, [low, high]: [number, number]) =>
    `${at.toFixed(4)} (${low.toFixed(3)} to ${high.toFixed(3)})`;
  const lines = [
    `queries with a target, within the least criteria: ${measures.queries}`,
    `besides: no target ${measures.noTarget}, refused ${measures.refused}, invalid ${measures.invalid}, failed ${measures.failed}; too many matches ${measures.tooMany}`,
    `recall@1  ${recall(measures.recallAt1, measures.intervalAt1)}`,
    `recall@10 ${recall(measures.recallAt10, measures.intervalAt10)}`,
    `mrr       ${measures.mrr.toFixed(4)}`,
    `p50 ${measures.p50} ms, p95 ${measures.p95} ms, p99 ${measures.p99} ms`,
  ];
  for (const [name, slice] of Object.entries(measures.slices)) {
    lines.push(
      `  ${name.padEnd(36)} ${String(slice.queries).padStart(6)}  @1 ${slice.recallAt1.toFixed(3)}  @10 ${slice.recallAt10.toFixed(3)}`,
    );
  }
  return lines.join('\n');
}
