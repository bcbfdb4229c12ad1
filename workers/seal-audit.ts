import { setTimeout } from 'node:timers/promises';
import { type Kysely, sql, type Transaction } from 'kysely';
import type { Registry } from 'prom-client';
import type { Context } from '../src/context.js';
import { recordSystemAudit } from '../src/db/audit.js';
import { findSealedLooks } from '../src/db/audit-chain.js';
import { createKysely, createPool } from '../src/db/connect.js';
import type { Database } from '../src/db/schema.js';
import { oneCounter } from '../src/metrics.js';
import { createBurstWatch } from '../src/services/audit/bursts.js';
import { exportHeads } from '../src/services/audit/export-heads.js';
import { observeUnsealed } from '../src/services/audit/metrics.js';
import { sealRows } from '../src/services/audit/seal-rows.js';
import { exportProtections } from '../src/services/keeping/journal.js';

/** Twice within the second in which a row is to be sealed. */
const EVERY_MS = 400;
const LOOKS_AT_ONCE = 5_000;

/** The database as the role that may seal. */
export function openSealerDatabase({ urls }: Context): Kysely<Database> {
  return createKysely(
    createPool(urls.databaseUrl, {
      role: 'directory_sealer',
      max: 1,
      statementMs: 30_000,
      answerMs: 35_000,
      application: 'directory-sealer',
    }),
  );
}

export interface Alerts {
  /**
   * Reads what was sealed since, whoever sealed it, and raises alerts. Within the transaction of a seal: the next one to
   * seal then finds the alert among its rows, and does not raise it again.
   */
  raise(trx: Transaction<Database>): Promise<void>;
  /** The transaction failed: everything of the last minutes is read anew. */
  forget(): void;
}

/** By kind; also of the alert that shields are not as their journal says. */
export const alertCounter = (metrics: Registry) =>
  oneCounter(metrics, { name: 'audit_alerts_total', help: 'Alerts raised in the audit log', labelNames: ['kind'] });

export function createAlerts({ config, metrics, log }: Context): Alerts {
  const { minutes } = config.audit.alerts;
  const raised = alertCounter(metrics);
  let watch = createBurstWatch(config.audit.alerts);
  let seen = 0;
  const forget = () => {
    watch = createBurstWatch(config.audit.alerts);
    seen = 0;
  };
  async function observe(trx: Transaction<Database>): Promise<void> {
    for (;;) {
      const looks = await findSealedLooks(trx, { after: seen, minutes, limit: LOOKS_AT_ONCE });
      for (const burst of watch.observe(looks)) {
        const { userId, action, count } = burst;
        await recordSystemAudit(trx, { action, details: { userId, count, minutes } });
        watch.raised(burst);
        raised.inc({ kind: action });
        log.warn({ action }, 'alert in the audit log');
      }
      seen = looks.at(-1)?.position ?? seen;
      if (looks.length < LOOKS_AT_ONCE) return;
    }
  }
  return {
    async raise(trx) {
      // Sealing goes on, whatever becomes of alerts.
      await sql`savepoint alerts`.execute(trx);
      try {
        await observe(trx);
      } catch (error) {
        forget();
        await sql`rollback to savepoint alerts`.execute(trx);
        log.error({ err: error }, 'looking for bursts failed');
      }
    },
    forget,
  };
}

export interface Sealer {
  close(): Promise<void>;
}

/** Seals, exports the heads and the journal of protections, and raises alerts until closed. What fails is logged once and tried again. */
export function startSealer(context: Context): Sealer {
  const { config, log, metrics } = context;
  const db = openSealerDatabase(context);
  const alerts = createAlerts(context);
  const sealedRows = oneCounter(metrics, {
    name: 'audit_sealed_rows_total',
    help: 'Audit rows sealed by this process',
  });
  observeUnsealed(context);
  const ending = new AbortController();
  const failing = new Set<string>();

  async function attempt<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      const done = await work();
      failing.delete(what);
      return done;
    } catch (error) {
      if (!failing.has(what)) log.error({ err: error }, `${what} failed`);
      failing.add(what);
      return undefined;
    }
  }

  async function pass(): Promise<void> {
    for (;;) {
      const done = await attempt('sealing the audit log', () =>
        sealRows(db, { afterwards: (trx) => alerts.raise(trx) }).catch((error: unknown) => {
          alerts.forget();
          throw error;
        }),
      );
      sealedRows.inc(done?.sealed ?? 0);
      if (!done?.more || ending.signal.aborted) break;
    }
    await attempt('exporting the heads of the audit log', () =>
      exportHeads(db, config.audit.headsFile, config.secrets.auditHeads),
    );
    await attempt('exporting the journal of protections', () => exportProtections(db, config.protectionJournalFile));
  }

  const running = (async () => {
    while (!ending.signal.aborted) {
      await pass();
      await setTimeout(EVERY_MS, undefined, { signal: ending.signal }).catch(() => undefined);
    }
  })();

  return {
    async close() {
      ending.abort();
      await running;
      await db.destroy();
    },
  };
}
