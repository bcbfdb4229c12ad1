import type { Readable } from 'node:stream';
import { UsageError } from '../../errors.js';
import { readRecords, type Unreadable } from './csv.js';
import { type FeedColumn, type FeedRow, feedColumns, requiredColumns } from './feed-row.js';
import { readLines } from './read-lines.js';

/** A row, or why the line holds none. Lines count from 1, the header included; `upTo` is the last of a row of several. */
export type FeedEntry = { line: number; upTo?: number; row: FeedRow } | { line: number; problem: string };

export type FeedFormat = 'csv' | 'ndjson';

const LONGEST_ROW = 64 * 1024;
const TOO_LONG = `longer than ${LONGEST_ROW} characters`;

/**
 * Reads a feed row by row, whatever its size, in the order of the file.
 * @throws UsageError for what is wrong with the file as a whole: unknown or missing columns, not UTF-8 from the start
 */
export function readFeed(input: Readable, format: FeedFormat): AsyncIterable<FeedEntry> {
  return format === 'csv' ? readCsv(input) : readNdjson(input);
}

const unreadable: Record<Unreadable, string> = {
  'too-long': TOO_LONG,
  'not-closed': 'a quotation mark is not closed',
  stray: 'a quotation mark stands where none may',
};

async function* readCsv(input: Readable): AsyncGenerator<FeedEntry> {
  let header: FeedColumn[] | undefined;
  for await (const { line, upTo, values } of readRecords(readLines(input, LONGEST_ROW), LONGEST_ROW)) {
    if (!header) header = checkHeader(typeof values === 'string' ? [] : values);
    else if (typeof values === 'string') yield { line, problem: unreadable[values] };
    else if (values.length === header.length) yield { line, upTo, row: toRow(header, values) };
    else yield { line, problem: `has ${values.length} columns where the header has ${header.length}` };
  }
  if (!header) throw new UsageError('The feed is empty: not even a header');
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
  for await (const { number: line, text } of readLines(input, LONGEST_ROW)) {
    if (text === undefined) yield { line, problem: TOO_LONG };
    else if (text.trim() !== '') yield { line, ...parseObject(text) };
  }
}

function parseObject(text: string): { row: FeedRow } | { problem: string } {
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

const noValues = Object.fromEntries(feedColumns.map((column) => [column, ''])) as FeedRow;

function toRow(columns: FeedColumn[], values: string[]): FeedRow {
  const row = { ...noValues };
  for (const [position, column] of columns.entries())
    row[column] = (values[position] as string).trim().normalize('NFC');
  return row;
}

function isColumn(name: string): name is FeedColumn {
  return (feedColumns as readonly string[]).includes(name);
}
