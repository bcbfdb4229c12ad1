import { setTimeout } from 'node:timers/promises';
import type { Registry } from 'prom-client';
import type { Context } from '../src/context.js';
import { recordSystemAudit } from '../src/db/audit.js';
import { oneGauge } from '../src/metrics.js';
import { type Difference, differenceKinds, verifyProtections } from '../src/services/keeping/verify-protections.js';
import { alertCounter } from './seal-audit.js';

const ALERT = 'alert-shields-differ';
/** What waited while no worker ran is written to the journal first, or each start would say that it was not. */
const FIRST_AFTER_MS = 60_000;
/** Beyond these an operator asks the command. */
const MOST_NAMED = 50;

export interface VerifyingProtections {
  close(): Promise<void>;
}

/** Compares shields with this process's own journal until closed: now and then, and not at all where the setting says so. */
export function startVerifyingProtections(context: Context): VerifyingProtections {
  const { protectionCheckMinutes: minutes } = context.config;
  const ending = new AbortController();
  const check = createProtectionCheck(context);
  const pause = (ms: number) => setTimeout(ms, undefined, { signal: ending.signal }).catch(() => undefined);
  const running = (async () => {
    if (minutes === 0) return;
    await pause(FIRST_AFTER_MS);
    while (!ending.signal.aborted) {
      await check();
      await pause(minutes * 60_000);
    }
  })();
  return {
    async close() {
      ending.abort();
      await running;
    },
  };
}

/**
 * One check each time it is called. A difference that was not there the time before is an alert in the audit log, under
 * the child, with its id in the process's own log.
 */
export function createProtectionCheck({ config, db, log, metrics }: Context): () => Promise<void> {
  const figures = createFigures(metrics);
  let told = new Set<string>();
  const nameOf = ({ kind, childId }: Difference) => `${kind} ${childId}`;
  return async () => {
    try {
      const { differences } = await verifyProtections(db, config.protectionJournalFile);
      const counts = Object.fromEntries(
        differenceKinds.map((kind) => [kind, differences.filter((one) => one.kind === kind).length]),
      );
      for (const [kind, count] of Object.entries(counts)) figures.differences.set({ kind }, count);
      figures.checkedAt.setToCurrentTime();
      const news = differences.filter((one) => !told.has(nameOf(one)));
      if (news.length > 0) {
        const childIds = [...new Set(news.flatMap(({ childId }) => childId ?? []))].slice(0, MOST_NAMED);
        await recordSystemAudit(db, { action: ALERT, childIds, details: counts });
        figures.alerts.inc({ kind: ALERT });
        log.error({ action: ALERT, counts, childIds }, 'shields are not as the journal says: directory shields verify');
      }
      told = new Set(differences.map(nameOf));
    } catch (error) {
      log.error({ err: error }, 'shields could not be compared with their journal');
    }
  };
}

function createFigures(metrics: Registry) {
  return {
    differences: oneGauge(metrics, {
      name: 'protection_differences',
      help: 'Shields and destroyed numbers that are not as the journal says, at the last check',
      labelNames: ['kind'],
    }),
    checkedAt: oneGauge(metrics, {
      name: 'protection_checked_timestamp_seconds',
      help: 'When shields were last compared with their journal',
    }),
    alerts: alertCounter(metrics),
  };
}
