import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import path from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Command } from 'commander';
import { CommandError, UsageError } from '../errors.js';
import type { FeedFormat } from '../generator/feed-text.js';
import { todayInEngland } from '../services/child-age.js';
import { calendarDay, wholeNumber } from './arguments.js';
import { createProgress } from './progress.js';

interface GenerateFlags {
  children: number;
  seed: number;
  out: string;
  queries?: string;
  queryCount: number;
  asOf?: string;
  json?: boolean;
}

const MOST_CHILDREN = 100_000_000;
/** The children asked about are kept in memory until the feed is written. */
const MOST_QUERIES = 100_000;
const LARGEST_SEED = 2 ** 32 - 1;

export function generateCommand(): Command {
  return new Command('generate')
    .description('make a feed of synthetic children, and queries on it with known errors')
    .requiredOption('--children <n>', 'how many', wholeNumber(1, MOST_CHILDREN))
    .option('--seed <s>', 'a whole number; the same one gives the same children', wholeNumber(0, LARGEST_SEED), 1)
    .requiredOption('--out <file>', 'feed to write: .csv, .ndjson or .jsonl; - is standard output, as CSV')
    .option('--queries <file>', 'write queries on these children, NDJSON')
    .option('--query-count <n>', 'how many queries', wholeNumber(1, MOST_QUERIES), 2000)
    .option('--as-of <date>', 'day on which all are under 18, YYYY-MM-DD (default: today)', calendarDay)
    .option('--json', 'print the summary as JSON')
    .action(runGenerate);
}

async function runGenerate(flags: GenerateFlags): Promise<void> {
  const format = formatOf(flags.out);
  if (flags.queries === flags.out) throw new UsageError('--queries and --out cannot go to the same place');
  const { seed, children: count, queryCount } = flags;
  const asOf = flags.asOf ?? todayInEngland();
  const { drawChildren } = await import('../generator/population.js');
  const { collectQueries } = await import('../generator/queries.js');
  const { feedText } = await import('../generator/feed-text.js');
  const out = await openOutput(flags.out);
  const queriesOut = flags.queries === undefined ? undefined : await openOutput(flags.queries);
  const collector = queriesOut && collectQueries({ seed, asOf, count: queryCount });
  const progress = createProgress('generate', count);
  const started = performance.now();
  let families = 0;
  let done = 0;
  try {
    const text = feedText(drawChildren({ seed, asOf }), count, format, (child) => {
      collector?.see(child);
      families = child.family;
      if (++done % 10_000 === 0) progress.update(done, `${done} children`);
    });
    await write(text, out, flags.out);
    if (queriesOut && collector) await write(toLines(collector.finish()), queriesOut, flags.queries!);
  } finally {
    progress.stop();
  }
  const seconds = (performance.now() - started) / 1000;
  report(flags, {
    children: count,
    families,
    queries: collector ? queryCount : 0,
    seed,
    asOf,
    seconds: Math.round(seconds * 100) / 100,
    perSecond: Math.round(count / seconds),
    peakMb: Math.round(process.resourceUsage().maxRSS / 1024),
  });
}

function formatOf(file: string): FeedFormat {
  if (file === '-') return 'csv';
  const extension = path.extname(file).toLowerCase();
  if (extension === '.csv') return 'csv';
  if (['.ndjson', '.jsonl'].includes(extension)) return 'ndjson';
  throw new UsageError('--out takes a name that ends in .csv, .ndjson or .jsonl, or - for standard output');
}

async function openOutput(file: string): Promise<Writable> {
  if (file === '-') return process.stdout;
  const stream = createWriteStream(file);
  try {
    await once(stream, 'open');
  } catch {
    throw new CommandError(`${file} cannot be written: does its folder exist, and may you write there?`);
  }
  return stream;
}

async function write(text: Iterable<string>, out: Writable, file: string): Promise<void> {
  try {
    await pipeline(Readable.from(text), out, { end: out !== process.stdout });
  } catch (error) {
    const { syscall, code } = error as NodeJS.ErrnoException;
    if (code === 'EPIPE') throw new CommandError('Whoever was reading the output has stopped');
    if (syscall) throw new CommandError(`${file} could not be written to its end (${code}): it is incomplete`);
    throw error;
  }
}

function* toLines(values: Iterable<unknown>): Generator<string> {
  for (const value of values) yield `${JSON.stringify(value)}\n`;
}

interface Summary {
  children: number;
  families: number;
  queries: number;
  seed: number;
  asOf: string;
  seconds: number;
  perSecond: number;
  peakMb: number;
}

/** On standard output, unless the feed is there. */
function report(flags: GenerateFlags, summary: Summary): void {
  const { children, families, queries, seed, asOf, seconds, perSecond, peakMb } = summary;
  const text = flags.json
    ? JSON.stringify(summary)
    : `${children} children of ${families} families${queries > 0 ? `, ${queries} queries` : ''}, seed ${seed}, as of ${asOf}; ` +
      `${seconds.toFixed(1)} s, ${perSecond} a second, at most ${peakMb} MB`;
  if (flags.out === '-') console.error(text);
  else console.log(text);
}
