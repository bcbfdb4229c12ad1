import { once } from 'node:events';
import { createReadStream, createWriteStream, ReadStream, statSync } from 'node:fs';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { Command } from 'commander';
import { CommandError, UsageError } from '../errors.js';
import type { ImportCounts, ReportLine } from '../services/import/import-feed.js';
import type { FeedFormat } from '../services/import/read-feed.js';
import { createProgress } from './progress.js';

interface ImportFlags {
  source: string;
  initial?: boolean;
  report?: string;
  json?: boolean;
}

export function importCommand(): Command {
  return new Command('import')
    .description('load a feed file (CSV or NDJSON; - is standard input)')
    .requiredOption('--source <name>', 'the system that the feed comes from')
    .option('--initial', 'bulk-load without matching')
    .option('--report <file>', 'write one line of NDJSON for each row: source_id, outcome, childId, reason')
    .option('--json', 'print the counts as JSON')
    .argument('<file>')
    .action(runImport);
}

async function runImport(file: string, flags: ImportFlags): Promise<void> {
  if (!flags.initial) {
    throw new UsageError(
      'Only loading without matching is possible so far: add --initial (into an empty directory, or beside other sources)',
    );
  }
  const { readConfig } = await import('../config.js');
  const { createContext } = await import('../context.js');
  const { importInitial, mergeSegments } = await import('../services/import/import-feed.js');
  if (flags.report !== undefined && path.resolve(flags.report) === path.resolve(file)) {
    throw new UsageError('--report would overwrite the feed');
  }
  const { input, format, bytes } = await openFeed(file);
  const report = flags.report === undefined ? undefined : await openReport(flags.report);
  const context = await createContext(readConfig(), {
    role: 'directory_worker',
    application: 'directory-import',
    statementMs: 120_000,
  });
  const progress = createProgress('import', bytes);
  const started = performance.now();
  try {
    const counts = await importInitial(context, input, {
      source: flags.source,
      format,
      ...(report ? { report: (lines: ReportLine[]) => report.write(lines) } : {}),
      progress: ({ created, rejected }) =>
        progress.update(input instanceof ReadStream ? input.bytesRead : 0, `${created} children, ${rejected} rejected`),
    });
    await report?.end();
    await mergeSegments(context);
    progress.stop();
    print(counts, (performance.now() - started) / 1000, flags);
  } finally {
    progress.stop();
    input.destroy();
    await report?.end().catch(() => undefined);
    await context.close();
  }
}

function print(counts: ImportCounts, seconds: number, flags: ImportFlags): void {
  const perSecond = Math.round(counts.rows / seconds);
  const peakMb = Math.round(process.resourceUsage().maxRSS / 1024);
  if (flags.json) {
    console.log(JSON.stringify({ ...counts, seconds: Math.round(seconds * 100) / 100, perSecond, peakMb }));
    return;
  }
  console.log(
    `${counts.rows} rows: ${counts.created} created, ${counts.unchanged} unchanged, ${counts.rejected} rejected; ` +
      `${seconds.toFixed(1)} s, ${perSecond} a second, at most ${peakMb} MB`,
  );
  if (counts.rejected > 0 && !flags.report)
    console.error('Add --report FILE to see each rejected line and its reason.');
}

async function openFeed(file: string): Promise<{ input: Readable; format: FeedFormat; bytes?: number }> {
  if (file === '-') return { input: process.stdin, format: await sniff(process.stdin) };
  const bytes = feedSize(file);
  const input = createReadStream(file, { highWaterMark: 256 * 1024 });
  const extension = path.extname(file).toLowerCase();
  if (extension === '.csv') return { input, format: 'csv', bytes };
  if (['.ndjson', '.jsonl'].includes(extension)) return { input, format: 'ndjson', bytes };
  return { input, format: await sniff(input), bytes };
}

function feedSize(file: string): number {
  try {
    const stat = statSync(file);
    if (stat.isFile() || stat.isFIFO()) return stat.size;
  } catch {
    throw new CommandError(`There is no file ${file}, or it cannot be read`);
  }
  throw new CommandError(`${file} is not a file`);
}

/** NDJSON begins with a brace, a header of CSV does not. */
async function sniff(input: Readable): Promise<FeedFormat> {
  await Promise.race([once(input, 'readable'), once(input, 'end')]);
  const first = input.read() as Buffer | null;
  if (first) input.unshift(first);
  return first
    ?.toString('utf8')
    .replace(/^\uFEFF/, '')
    .trimStart()
    .startsWith('{')
    ? 'ndjson'
    : 'csv';
}

interface Report {
  /** @throws CommandError when the disk is full, or whatever else keeps it from being written */
  write(lines: ReportLine[]): Promise<void>;
  end(): Promise<void>;
}

async function openReport(file: string): Promise<Report> {
  const stream = createWriteStream(file);
  try {
    await once(stream, 'open');
  } catch {
    throw new CommandError(`The report cannot be written to ${file}`);
  }
  // Each write hears of its own failure; unheard, the event would end the process with the import on record as running.
  stream.on('error', () => undefined);
  const refuse = (error: NodeJS.ErrnoException) => {
    throw new CommandError(`The report could not be written to its end (${error.code}): the rows so far are loaded`);
  };
  return {
    async write(lines) {
      const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
      const written = new Promise<void>((resolve, reject) => {
        stream.write(text, (error) => (error ? reject(error) : resolve()));
      });
      await written.catch(refuse);
    },
    async end() {
      if (!stream.writableEnded) stream.end();
      await finished(stream).catch(refuse);
    },
  };
}
