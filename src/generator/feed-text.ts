import { type FeedRow, feedColumns } from '../services/import/feed-row.js';
import type { Child } from './child.js';

export type FeedFormat = 'csv' | 'ndjson';

const ROWS_AT_A_TIME = 500;

/**
 * The text of a feed with the first `count` children, piece by piece as it is asked for.
 * @param see called with each child as its row is made
 */
export function* feedText(
  children: Iterator<Child>,
  count: number,
  format: FeedFormat,
  see: (child: Child) => void,
): Generator<string> {
  const encode = format === 'csv' ? encodeCsv : encodeNdjson;
  if (format === 'csv') yield `${feedColumns.join(',')}\n`;
  for (let made = 0; made < count; ) {
    let text = '';
    for (const end = Math.min(count, made + ROWS_AT_A_TIME); made < end; made++) {
      const child = children.next().value as Child;
      see(child);
      text += encode(child.row);
    }
    yield text;
  }
}

/** By RFC 4180. Not with csv-stringify, which would take as long as making the children does. */
function encodeCsv(row: FeedRow): string {
  return `${feedColumns.map((column) => quote(row[column])).join(',')}\n`;
}

function quote(value: string): string {
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

/** Keys without a value are left out. */
function encodeNdjson(row: FeedRow): string {
  return `${JSON.stringify(Object.fromEntries(Object.entries(row).filter(([, value]) => value !== '')))}\n`;
}
