import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** A line of a file, counted from 1; without text where it was longer than `longest`. */
export interface Line {
  number: number;
  text: string | undefined;
}

/**
 * The lines of a file in UTF-8, ended by LF, CR LF or CR, whatever its size and theirs: never more than a chunk and a
 * line is held. What is not UTF-8 becomes U+FFFD.
 */
export async function* readLines(input: Readable, longest: number): AsyncGenerator<Line> {
  const decoder = new StringDecoder('utf8');
  let number = 0;
  let rest = '';
  let overlong = false;
  const take = (text: string): Line => {
    const line = { number: ++number, text: overlong || text.length > longest ? undefined : text };
    overlong = false;
    return line;
  };
  for await (const chunk of input) {
    // A CR that ends the chunk may have its LF in the next.
    const lines = (rest + decoder.write(chunk as Buffer)).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() as string;
    for (const text of lines) yield take(number === 0 ? text.replace(/^\uFEFF/, '') : text);
    if (rest.length <= longest + 1) continue;
    overlong = true;
    rest = rest.endsWith('\r') ? '\r' : '';
  }
  const last = (rest + decoder.end()).replace(/\r$/, '');
  if (last !== '' || overlong) yield take(number === 0 ? last.replace(/^\uFEFF/, '') : last);
}
