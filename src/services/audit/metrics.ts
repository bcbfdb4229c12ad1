import type { Context } from '../../context.js';
import { findUnsealedAge } from '../../db/audit-chain.js';
import { oneGauge } from '../../metrics.js';

/** Told by every process, workers and API, whichever is to seal: without a worker somebody must tell that nobody does. */
export function observeUnsealed({ metrics, auditorDb }: Pick<Context, 'metrics' | 'auditorDb'>): void {
  oneGauge(metrics, {
    name: 'audit_oldest_unsealed_seconds',
    help: 'How long the oldest row of the audit log without a seal has waited',
    async collect() {
      this.set(await findUnsealedAge(auditorDb).catch(() => Number.NaN));
    },
  });
}
