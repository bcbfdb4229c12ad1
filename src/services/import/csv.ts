import type { Line } from './read-lines.js';

/** Why lines are no record. */
export type Unreadable = 'too-long' | 'not-closed' | 'stray';

export interface CsvRecord {
  /** Its first and its last line. */
  line: number;
  upTo: number;
  values: string[] | Unreadable;
}

/**
 * The records of a CSV file (RFC 4180). A value in quotation marks may run over several lines; a mark that only slipped in
 * must cost no more than its own line. Which it was shows at the next mark in the file: a value ends there properly, and
 * with it a record of as many values as the first has, or the mark was a slip and the lines after it are read one by one.
 * (Reading lines one by one in any case would let somebody's address of several lines pass for a row of its own.)
 */
export async function* readRecords(lines: AsyncIterable<Line>, longest: number): AsyncGenerator<CsvRecord> {
  const reader = createReader(longest);
  for await (const line of lines) for (const record of reader.read(line)) yield record;
  yield* reader.end();
}

function createReader(longest: number) {
  let columns = 0;
  /** Lines of a record whose value in quotation marks has not ended, and their text. */
  let open: Line[] = [];
  let text = '';

  function* read(line: Line): Generator<CsvRecord> {
    const { number } = line;
    if (line.text === undefined) {
      yield* slip();
      yield { line: number, upTo: number, values: 'too-long' };
      return;
    }
    if (open.length === 0 && line.text === '') return;
    text = open.length === 0 ? line.text : `${text}\n${line.text}`;
    open.push(line);
    const undecided = open.length > 1 && !line.text.includes('"');
    const values = undecided ? 'not-closed' : splitValues(text);
    if (values === 'not-closed' && text.length <= longest) return;
    if (open.length > 1 && (typeof values === 'string' || values.length !== columns)) {
      yield* slip();
      return;
    }
    const [first] = open as [Line];
    open = [];
    columns ||= values.length;
    yield { line: first.number, upTo: number, values };
  }

  /** The mark that opened was none that opens: its line is no record, the others may be. */
  function* slip(): Generator<CsvRecord> {
    const [first, ...rest] = open;
    open = [];
    if (first) yield { line: first.number, upTo: first.number, values: 'not-closed' };
    for (const line of rest) yield* read(line);
  }

  return {
    read,
    *end(): Generator<CsvRecord> {
      while (open.length > 0) yield* slip();
    },
  };
}

/** The values of one record; or why its quotation marks make none. */
export function splitValues(text: string): string[] | 'not-closed' | 'stray' {
  if (!text.includes('"')) return text.split(',');
  const values: string[] = [];
  for (let at = 0; at <= text.length; ) {
    if (text[at] === '"') {
      let end = text.indexOf('"', at + 1);
      while (end >= 0 && text[end + 1] === '"') end = text.indexOf('"', end + 2);
      if (end < 0) return 'not-closed';
      if (end + 1 < text.length && text[end + 1] !== ',') return 'stray';
      values.push(text.slice(at + 1, end).replaceAll('""', '"'));
      at = end + 2;
    } else {
      const comma = text.indexOf(',', at);
      const value = text.slice(at, comma < 0 ? text.length : comma);
      if (value.includes('"')) return 'stray';
      values.push(value);
      at += value.length + 1;
    }
  }
  return values;
}
