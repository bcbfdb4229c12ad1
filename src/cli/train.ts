import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Command } from 'commander';
import { CommandError, UsageError } from '../errors.js';
import type { Model } from '../matching/index.js';
import { createProgress } from './progress.js';

interface TrainFlags {
  queries: string;
  truth: string;
  out?: string;
  realSearches?: boolean;
  json?: boolean;
}

const STATEMENT_MS = 120_000;

export function trainCommand(): Command {
  return new Command('train')
    .description('estimate the weights of the score from queries whose child is known, on a directory that holds them')
    .requiredOption('--queries <file>', 'queries, NDJSON')
    .requiredOption('--truth <file>', 'report of the import: which child each source_id became')
    .option('--out <file>', 'module to write the model to: weights.v2.ts, for one; the name gives the version')
    .option('--real-searches', 'the queries are searches of people: also learn how often a value is wholly wrong')
    .option('--json', 'print the model as JSON')
    .action(runTrain);
}

async function runTrain(flags: TrainFlags): Promise<void> {
  const version = versionOf(flags.out);
  const { readConfig } = await import('../config.js');
  const { createContext } = await import('../context.js');
  const { readQueries, readTruth } = await import('../services/evaluate/queries.js');
  const { modelModule } = await import('../services/train/model-file.js');
  const { train } = await import('../services/train/train.js');
  const queries = await readQueries(flags.queries);
  if (queries.length === 0) throw new CommandError('There are no queries in the file');
  const truth = await readTruth(flags.truth, new Set(queries.map((query) => query.source_id)));
  if (truth.size === 0) throw new CommandError('The report knows none of the children that are asked for');
  const context = await createContext(readConfig(), { application: 'directory-train', statementMs: STATEMENT_MS });
  const progress = createProgress('train');
  try {
    const model = await train(context, queries, truth, {
      version,
      command: commandLine(flags),
      realSearches: flags.realSearches ?? false,
      progress: (note) => progress.update(0, note),
    });
    progress.stop();
    if (flags.out !== undefined) await write(flags.out, modelModule(model));
    console.log(flags.json ? JSON.stringify(model) : describe(model, flags.out));
  } finally {
    progress.stop();
    await context.close();
  }
}

/** weights.v2.ts is v2. */
function versionOf(file: string | undefined): string {
  if (file === undefined) return 'trained';
  const version = /^weights\.(\w+)\.ts$/.exec(path.basename(file))?.[1];
  if (version === undefined)
    throw new UsageError('--out takes a file called weights.VERSION.ts: weights.v2.ts, for one');
  return version;
}

/** Without folders, which are this machine's own. */
function commandLine(flags: TrainFlags): string {
  const files = `--queries ${path.basename(flags.queries)} --truth ${path.basename(flags.truth)}`;
  return `directory train ${files}${flags.realSearches ? ' --real-searches' : ''}`;
}

async function write(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch {
    throw new CommandError(`${file} cannot be written: does its folder exist, and may you write there?`);
  }
}

function describe({ version, calibration, training }: Model, file: string | undefined): string {
  const counts = training
    ? `from ${training.pairs} pairs of query and child, ${training.strangers} pairs of strangers, ` +
      `${training.searches} searches (child held in ${training.held}, overlooked in ${training.overlooked})`
    : '';
  return [
    `model ${version} ${counts}`,
    `calibration: odds to the power of ${calibration.slope.toFixed(3)}, times e to the power of ${calibration.intercept.toFixed(3)}`,
    file === undefined ? 'Add --out FILE to keep it.' : `written to ${file}`,
  ].join('\n');
}
