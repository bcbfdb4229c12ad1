import { existsSync } from 'node:fs';
import type { Caller } from '../../caller.js';
import type { Context } from '../../context.js';
import { recordAccountAudit } from '../../db/audit.js';
import { headsPublicKey } from './head-signature.js';
import { readHeads } from './heads-file.js';
import { type Verification, verifyChain } from './verify.js';

/** What one request may cost: the command line checks the whole chain. */
const LATEST_ROWS = 100_000;
const WITHIN_MS = 10_000;
/** Of a line in the file of heads, at most. */
const HEAD_BYTES = 400;

/** Checks the end of the chain. Whoever asks while that is going on gets the same answer. */
export function createLateVerification(context: Context) {
  let running: Promise<Verification> | undefined;

  async function verify(): Promise<Verification> {
    const { headsFile } = context.config.audit;
    return verifyChain(context.auditorDb, {
      latest: LATEST_ROWS,
      withinMs: WITHIN_MS,
      publicKey: headsPublicKey(context.config),
      heads: existsSync(headsFile) ? readHeads(headsFile, LATEST_ROWS * HEAD_BYTES) : undefined,
    });
  }

  return async function verifyLately(caller: Caller, requestId: string): Promise<Verification> {
    running ??= verify().finally(() => {
      running = undefined;
    });
    const verification = await running;
    const { ok, checked } = verification;
    await recordAccountAudit(context.db, caller, requestId, { action: 'verify-audit', details: { ok, checked } });
    return verification;
  };
}
