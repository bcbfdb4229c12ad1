import { createHash } from 'node:crypto';
import type { AuditRow, Seal } from '../../db/audit-chain.js';

/** The head before the first seal. */
export const GENESIS = Buffer.alloc(32);
/** A snapshot that saw nothing. */
export const EMPTY_SNAPSHOT = '1:1:';

/**
 * SHA-256 of a row. The row is written as one JSON array: the name of the form, then every column in the order of the
 * table, each as the text in which PostgreSQL shows it (`at` as UTC with microseconds, whatever the session's settings),
 * or null.
 */
export function hashRow(row: AuditRow): Buffer {
  return sha256(
    JSON.stringify([
      'audit-row-v1',
      row.id,
      row.at,
      row.actor,
      row.userId,
      row.role,
      row.organisationId,
      row.authority,
      row.onBehalfOf,
      row.action,
      row.reason,
      row.childIds,
      row.requestId,
      row.details,
      row.writtenIn,
    ]),
  );
}

/** Ties a row to all before it. @param before the link before, or the head of the seal before */
export function linkAfter(before: Buffer, rowHash: Buffer): Buffer {
  return createHash('sha256').update(before).update(rowHash).digest();
}

/** @param lastLink the link of the last row that is sealed */
export function headOf(seal: Omit<Seal, 'head'>, lastLink: Buffer): Buffer {
  return sha256(
    JSON.stringify([
      'audit-seal-v1',
      String(seal.seal),
      String(seal.fromPosition),
      String(seal.toPosition),
      seal.previousHead.toString('hex'),
      seal.snapshot,
      seal.sealedAt,
      lastLink.toString('hex'),
    ]),
  );
}

/** A snapshot of PostgreSQL: which transactions were over when it was taken. */
export interface Snapshot {
  xmin: bigint;
  xmax: bigint;
  running: Set<bigint>;
}

/** @param text as `pg_snapshot` shows it, `xmin:xmax:running,running` */
export function parseSnapshot(text: string): Snapshot {
  const [xmin = '', xmax = '', running = ''] = text.split(':');
  return {
    xmin: BigInt(xmin),
    xmax: BigInt(xmax),
    running: new Set(running === '' ? [] : running.split(',').map(BigInt)),
  };
}

/** Whether what a transaction wrote was there to be seen. */
export function wasSeen(snapshot: Snapshot, transaction: bigint): boolean {
  if (transaction < snapshot.xmin) return true;
  return transaction < snapshot.xmax && !snapshot.running.has(transaction);
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
