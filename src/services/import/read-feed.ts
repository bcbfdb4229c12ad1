import readline from 'node:readline';
import { type Readable, Transform } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { type CsvError, parse } from 'csv-parse';
import { UsageError } from '../../errors.js';
import { type FeedColumn, type FeedRow, feedColumns, requiredColumns } from './feed-row.js';

/** A row, or why the line holds none. Lines count from 1, the header included. */
export type FeedEntry = { line: number; row: FeedRow } | { line: number; problem: string };

export type FeedFormat = 'csv' | 'ndjson';

const LONGEST_RECORD = 64 * 1024;

/**
 * Reads a feed row by row, whatever its size, in the order of the file.
 * @throws UsageError for what is wrong with the file as a whole: unknown or missing columns, not UTF-8 from the start
 */
export function readFeed(input: Readable, format: FeedFormat): AsyncIterable<FeedEntry> {
  return format === 'csv' ? readCsv(input) : readNdjson(input);
}

/** What the parser hands over at one record: the skipped ones before it, and itself. */
interface Parsed {
  before: FeedEntry[];
  line: number;
  values: string[];
}

async function* readCsv(input: Readable): AsyncGenerator<FeedEntry> {
  let header: FeedColumn[] | undefined;
  let skipped: FeedEntry[] = [];
  let lastLine = 0;
  const parser = parse({
    bom: true,
    relax_column_count: true,
    skip_empty_lines: true,
    record_delimiter: ['\r\n', '\n', '\r'],
    max_record_size: LONGEST_RECORD,
    skip_records_with_error: true,
    on_record: (values: string[], { lines }) => {
      const before = skipped;
      skipped = [];
      lastLine = lines;
      const parsed: Parsed = { before, line: lines, values };
      // The typings know no callback that returns something else than it was given; the parser does.
      return parsed as unknown as string[];
    },
    on_skip: (error) => {
      // A stray quotation mark runs rows together: every line that went with it is named.
      const from = lastLine + 1;
      lastLine = Math.max(from, lineOf(error));
      const upTo = lastLine > from ? ` (lines ${from} to ${lastLine})` : '';
      skipped.push({ line: from, problem: describe(error) + upTo });
      return undefined;
    },
  });
  input.on('error', (error) => parser.destroy(error));
  input.pipe(utf8()).pipe(parser);
  for await (const { before, line, values } of parser as unknown as AsyncIterable<Parsed>) {
    yield* before;
    if (!header) header = checkHeader(values);
    else if (values.length === header.length) yield { line, row: toRow(header, values) };
    else yield { line, problem: `has ${values.length} columns where the header has ${header.length}` };
  }
  yield* skipped;
  if (!header) throw new UsageError('The feed is empty: not even a header');
}

function lineOf(error: CsvError | undefined): number {
  const lines = (error as { lines?: number } | undefined)?.lines;
  return typeof lines === 'number' ? lines : 0;
}

/** The parser's own sentences quote the row; its codes do not. */
function describe(error: CsvError | undefined): string {
  switch (error?.code) {
    case 'CSV_QUOTE_NOT_CLOSED':
      return 'a quotation mark is never closed: nothing after it could be read';
    case 'CSV_MAX_RECORD_SIZE':
      return `longer than ${LONGEST_RECORD} bytes, or a quotation mark is not closed`;
    case 'CSV_INVALID_CLOSING_QUOTE':
    case 'INVALID_OPENING_QUOTE':
      return 'a quotation mark stands where none may';
    default:
      return 'not a row of CSV';
  }
}

function checkHeader(record: string[]): FeedColumn[] {
  const names = record.map((name) => name.trim().toLowerCase());
  if (names.some((name) => name.includes('\uFFFD') || name.includes('\0'))) {
    throw new UsageError('The feed is not UTF-8: save it as UTF-8 and try again');
  }
  const unknown = names.filter((name) => !isColumn(name));
  // A file without a header begins with a child, who must not end up on a screen or in a log.
  if (unknown.length === names.length) {
    throw new UsageError(`The first line names no columns of a feed. It has these: ${feedColumns.join(', ')}`);
  }
  if (unknown.length > 0) {
    throw new UsageError(`Unknown columns: ${unknown.join(', ')}\nA feed has these: ${feedColumns.join(', ')}`);
  }
  const doubled = names.filter((name, position) => names.indexOf(name) !== position);
  if (doubled.length > 0) throw new UsageError(`Columns that occur twice: ${doubled.join(', ')}`);
  const missing = requiredColumns.filter((name) => !names.includes(name));
  if (missing.length > 0) throw new UsageError(`Missing columns: ${missing.join(', ')}`);
  return names as FeedColumn[];
}

async function* readNdjson(input: Readable): AsyncGenerator<FeedEntry> {
  const lines = readline.createInterface({ input: input.pipe(utf8()), crlfDelay: Number.POSITIVE_INFINITY });
  let line = 0;
  let ended: unknown;
  input.on('error', (error) => {
    ended = error;
    lines.close();
  });
  for await (const text of lines) {
    line++;
    const trimmed = (line === 1 ? text.replace(/^\uFEFF/, '') : text).trim();
    if (trimmed !== '') yield { line, ...parseObject(trimmed) };
  }
  if (ended) throw ended;
}

function parseObject(text: string): { row: FeedRow } | { problem: string } {
  if (text.length > LONGEST_RECORD) return { problem: `longer than ${LONGEST_RECORD} characters` };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { problem: 'not JSON' };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { problem: 'not a JSON object' };
  const entries = Object.entries(value);
  const unknown = entries.map(([key]) => key).filter((key) => !isColumn(key));
  if (unknown.length === entries.length) return { problem: 'has no column of a feed' };
  if (unknown.length > 0) return { problem: `unknown columns: ${unknown.slice(0, 10).join(', ').slice(0, 200)}` };
  const wrong = entries.filter(([, field]) => field !== null && typeof field !== 'string').map(([key]) => key);
  if (wrong.length > 0) return { problem: `not text: ${wrong.join(', ')}` };
  return {
    row: toRow(
      entries.map(([key]) => key as FeedColumn),
      entries.map(([, field]) => (field as string | null) ?? ''),
    ),
  };
}

function toRow(columns: FeedColumn[], values: string[]): FeedRow {
  const row = Object.fromEntries(feedColumns.map((column) => [column, ''])) as FeedRow;
  for (const [position, column] of columns.entries())
    row[column] = (values[position] as string).trim().normalize('NFC');
  return row;
}

function isColumn(name: string): name is FeedColumn {
  return (feedColumns as readonly string[]).includes(name);
}

/** Decodes UTF-8 across chunk borders; what is not UTF-8 becomes U+FFFD, by which its row is refused later. */
function utf8(): Transform {
  const decoder = new StringDecoder('utf8');
  return new Transform({
    decodeStrings: true,
    readableObjectMode: false,
    transform(chunk: Buffer, _encoding, done) {
      done(null, decoder.write(chunk));
    },
    flush(done) {
      done(null, decoder.end());
    },
  });
}
