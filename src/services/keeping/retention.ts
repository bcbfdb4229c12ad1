import type { Context } from '../../context.js';
import { recordSystemAudit } from '../../db/audit.js';
import { countOldAuditRows, cutAuditLog } from '../../db/audit-chain.js';
import { forgetSpent } from '../../db/forget-spent.js';
import {
  type ArchiveCause,
  type Archived,
  archiveSome,
  countDueForArchive,
  countDueForDestruction,
  countIntoRun,
  destroySome,
  endRun,
  getRun,
  type RetentionRun,
  startRun,
} from '../../db/retention.js';
import { archiveDays, destroyDays } from './days.js';

/** Children in one transaction: whoever changes one of them meanwhile waits for it, so it has to be short. */
const ARCHIVED_AT_ONCE = 500;
const DESTROYED_AT_ONCE = 200;
/** Seals, of at most 2,000 rows each. */
const CUT_AT_ONCE = 50;

export interface RetentionOptions {
  /** The day in England that it goes by, YYYY-MM-DD. The audit log goes by the clock of the database alone. */
  today: string;
  /** Counts what would be done, and does nothing. */
  dryRun?: boolean;
  /** Stops after the batch at hand; whoever runs it next goes on. */
  signal?: AbortSignal;
}

/**
 * Archives who has come of age or died, destroys who was archived six years ago, and removes the oldest months of the audit
 * log, and what signing in and verifying leave behind. In batches, each a transaction with its audit row, its place in the outbox and its counts: what is broken off is gone on
 * with by the next run, and two at once do not do anything twice.
 */
export async function runRetention(
  context: Pick<Context, 'db' | 'log'>,
  { today, dryRun = false, signal }: RetentionOptions,
): Promise<RetentionRun> {
  const { db } = context;
  const runId = await startRun(db, { on: today, dryRun });
  try {
    if (dryRun) await foresee(context, runId, today);
    else {
      await archiveDue(context, runId, today, signal);
      await destroyDue(context, runId, today, signal);
      await cutOldAudit(context, runId, signal);
      await forgetSpent(db);
    }
    await endRun(db, runId, signal?.aborted ? 'failed' : 'done');
  } catch (error) {
    await endRun(db, runId, 'failed').catch(() => undefined);
    throw error;
  }
  const run = await getRun(db, runId);
  const { archivedAt18, archivedAt25, archivedAfterDeath, destroyed, auditRows } = run;
  context.log.info(
    { on: today, dryRun, archivedAt18, archivedAt25, archivedAfterDeath, destroyed, auditRows },
    'retention',
  );
  return run;
}

async function foresee({ db }: Pick<Context, 'db'>, runId: string, today: string): Promise<void> {
  const due = await countDueForArchive(db, archiveDays(today));
  await countIntoRun(db, runId, {
    ...countsOf((cause) => due.get(cause) ?? 0),
    destroyed: await countDueForDestruction(db, destroyDays(today)),
    auditRows: await countOldAuditRows(db),
  });
}

async function archiveDue({ db }: Pick<Context, 'db'>, runId: string, today: string, signal?: AbortSignal) {
  const days = archiveDays(today);
  await inBatches(signal, () =>
    db.transaction().execute(async (trx) => {
      const archived = await archiveSome(trx, days, { today, limit: ARCHIVED_AT_ONCE });
      if (archived.length === 0) return 0;
      const counts = countsOf((cause) => archived.filter((one: Archived) => one.cause === cause).length);
      const childIds = archived.map(({ childId }) => childId);
      await recordSystemAudit(trx, { action: 'archive-children', childIds, details: { ...counts } });
      await countIntoRun(trx, runId, counts);
      return archived.length;
    }),
  );
}

async function destroyDue({ db }: Pick<Context, 'db'>, runId: string, today: string, signal?: AbortSignal) {
  await inBatches(signal, () =>
    db.transaction().execute(async (trx) => {
      const destroyed = await destroySome(trx, destroyDays(today), DESTROYED_AT_ONCE);
      if (destroyed.length === 0) return 0;
      const childIds = destroyed.map(({ childId }) => childId);
      // The one value that the log keeps of a child, since with the child goes what its id stood for.
      const numbers = destroyed.map(({ number }) => number);
      await recordSystemAudit(trx, { action: 'destroy-children', childIds, details: { numbers } });
      await countIntoRun(trx, runId, { destroyed: destroyed.length });
      return destroyed.length;
    }),
  );
}

async function cutOldAudit({ db }: Pick<Context, 'db'>, runId: string, signal?: AbortSignal) {
  await inBatches(signal, () =>
    db.transaction().execute(async (trx) => {
      const auditRows = await cutAuditLog(trx, CUT_AT_ONCE);
      if (auditRows === 0) return 0;
      await recordSystemAudit(trx, { action: 'cut-audit-log', details: { events: auditRows } });
      await countIntoRun(trx, runId, { auditRows });
      return auditRows;
    }),
  );
}

async function inBatches(signal: AbortSignal | undefined, batch: () => Promise<number>): Promise<void> {
  while (!signal?.aborted && (await batch()) > 0);
}

function countsOf(count: (cause: ArchiveCause) => number) {
  return { archivedAt18: count('at-18'), archivedAt25: count('at-25'), archivedAfterDeath: count('after-death') };
}
