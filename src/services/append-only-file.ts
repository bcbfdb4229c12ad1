import { mkdir, open } from 'node:fs/promises';
import path from 'node:path';

const LONGEST_LINE = 4_096;

/** The last whole line that `parse` takes, and the file's size; size 0 where there is no file. */
export async function readLastLine<T>(
  file: string,
  parse: (line: string) => T | undefined,
): Promise<{ last: T | undefined; size: number }> {
  const handle = await open(file, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  if (!handle) return { last: undefined, size: 0 };
  try {
    const { size } = await handle.stat();
    const start = Math.max(0, size - LONGEST_LINE);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - start), 0, size - start, start);
    const lines = buffer.toString('utf8', 0, bytesRead).split('\n').map(parse);
    return { last: lines.filter((line) => line !== undefined).at(-1), size };
  } finally {
    await handle.close();
  }
}

/**
 * Appends one line of JSON for each object, on the disk when this resolves. A line that was broken off when the machine
 * stopped stays as it is, and is ended. @returns the file's size
 */
export async function appendLines(file: string, objects: object[]): Promise<number> {
  await mkdir(path.dirname(file), { recursive: true });
  const handle = await open(file, 'a+', 0o640);
  try {
    const { size } = await handle.stat();
    const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, Math.max(0, size - 1));
    const torn = size > 0 && buffer.toString() !== '\n';
    await handle.appendFile(`${torn ? '\n' : ''}${objects.map((one) => `${JSON.stringify(one)}\n`).join('')}`);
    await handle.sync();
    return (await handle.stat()).size;
  } finally {
    await handle.close();
  }
}
