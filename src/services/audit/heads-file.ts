import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import readline from 'node:readline';
import type { Seal } from '../../db/audit-chain.js';
import { readLastLine } from '../append-only-file.js';
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

/** The last whole line and the file's size; size 0 where there is no file. */
export async function readLastHead(file: string): Promise<{ last: ExportedHead | undefined; size: number }> {
  return readLastLine(file, parse);
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
