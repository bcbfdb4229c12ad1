import { createReadStream } from 'node:fs';
import { mkdir, open, stat } from 'node:fs/promises';
import path from 'node:path';
import readline from 'node:readline';
import type { Seal } from '../../db/audit-chain.js';
import { isSignatureOf, type SignedHead, signHead } from './head-signature.js';

/** A head as it stands in the file: one JSON object a line. */
export interface ExportedHead extends SignedHead {
  signature?: string;
}

export function toExported({ seal, fromPosition, toPosition, sealedAt, head }: Seal, key: string): ExportedHead {
  const exported = { seal, fromPosition, toPosition, sealedAt, head: head.toString('hex') };
  return { ...exported, ...(key ? { signature: signHead(key, exported) } : {}) };
}

/** False where a public key is given and the line is not signed by its private one. */
export function isSigned(exported: ExportedHead, publicKey: string): boolean {
  return publicKey === '' || isSignatureOf(publicKey, exported, exported.signature ?? '');
}

/**
 * Line by line, in the order of the file. A line that was broken off when the machine stopped is passed over.
 * @param lastBytes only so much of its end
 */
export async function* readHeads(file: string, lastBytes = Number.POSITIVE_INFINITY): AsyncGenerator<ExportedHead> {
  const { size } = await stat(file);
  const input = createReadStream(file, { start: Math.max(0, size - lastBytes) });
  const lines = readline.createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  for await (const line of lines) {
    const head = parse(line);
    if (head) yield head;
  }
}

const LONGEST_LINE = 4_096;

/** The last whole line and the file's size; size 0 where there is no file. */
export async function readLastHead(file: string): Promise<{ last: ExportedHead | undefined; size: number }> {
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

/** Appends whole lines, on the disk when this resolves. @returns the file's size */
export async function appendHeads(file: string, heads: ExportedHead[]): Promise<number> {
  await mkdir(path.dirname(file), { recursive: true });
  const handle = await open(file, 'a+', 0o640);
  try {
    const { size } = await handle.stat();
    const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, Math.max(0, size - 1));
    const torn = size > 0 && buffer.toString() !== '\n';
    await handle.appendFile(`${torn ? '\n' : ''}${heads.map((head) => `${JSON.stringify(head)}\n`).join('')}`);
    await handle.sync();
    return (await handle.stat()).size;
  } finally {
    await handle.close();
  }
}

function parse(line: string): ExportedHead | undefined {
  try {
    const value = JSON.parse(line) as Partial<ExportedHead> | null;
    if (typeof value?.seal === 'number' && typeof value.head === 'string') return value as ExportedHead;
  } catch {
    // Half a line.
  }
  return undefined;
}
