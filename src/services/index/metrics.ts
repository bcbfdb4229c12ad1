import { type Counter, Gauge, type Registry } from 'prom-client';
import { oneCounter } from '../../metrics.js';
import { type IndexHealth, indexStatuses } from '../../schemas/index-health.js';
import type { HealthReader } from './health.js';

/** Every gauge of one scrape tells of the same reading. */
const FRESH_MS = 1_000;

/** Figures of the index for Prometheus, read at each scrape. What is not known, with a service away, is not told. */
export function observeIndex(metrics: Registry, health: HealthReader): void {
  let reading: Promise<IndexHealth> | undefined;
  let readAt = Number.NEGATIVE_INFINITY;
  const lately = () => {
    if (reading === undefined || performance.now() - readAt > FRESH_MS) {
      readAt = performance.now();
      reading = health.read();
    }
    return reading;
  };

  const gauge = (name: string, help: string, read: (health: IndexHealth) => number | null) => {
    new Gauge({
      name,
      help,
      registers: [metrics],
      async collect() {
        const value = read(await lately());
        // A gauge that was never set would be told as 0.
        if (value === null) this.set(Number.NaN);
        else this.set(value);
      },
    });
  };
  const labelled = <Label extends string>(
    name: string,
    help: string,
    label: Label,
    readAll: (health: IndexHealth) => Record<string, number | null>,
  ) => {
    new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [metrics],
      async collect() {
        this.reset();
        for (const [key, value] of Object.entries(readAll(await lately()))) {
          if (value !== null) this.set({ [label]: key } as Record<Label, string>, value);
        }
      },
    });
  };

  labelled('index_status', 'Status of the index: 1 for the one that holds', 'status', ({ status }) =>
    Object.fromEntries(indexStatuses.map((one) => [one, one === status ? 1 : 0])),
  );
  gauge('index_documents', 'Documents in the index that searches read', ({ documents }) => documents);
  gauge('index_records', 'Children in PostgreSQL who are to be in the index', ({ records }) => records);
  gauge('index_lag_seconds', 'Age of the oldest change that the index has not acknowledged', ({ lag }) => lag.seconds);
  gauge('index_outbox_pending', 'Children whose change the index has not acknowledged', ({ lag }) => lag.pending);
  gauge('index_dead_letters', 'Documents refused for good that nothing was done about', (one) => one.deadLetters);
  gauge(
    'index_acknowledged_per_second',
    'Documents acknowledged a second, over the last minute',
    (one) => one.throughput.perSecond1m,
  );
  labelled('index_queue_jobs', 'Jobs of the index queues', 'state', ({ queue }) => queue);
  labelled('index_drift_documents', 'What the last check of the index found', 'kind', ({ drift }) => ({
    missing: drift.missing,
    stale: drift.stale,
    extra: drift.extra,
    repaired: drift.repaired,
  }));
  gauge('index_drift_checked_timestamp_seconds', 'When the index was last checked', ({ drift }) =>
    drift.checkedAt ? drift.checkedAt.getTime() / 1_000 : null,
  );
  labelled('index_service_up', 'Whether a service that the index needs answers', 'service', (one) => ({
    postgresql: one.records === null ? 0 : 1,
    elasticsearch: one.elasticsearch.reachable ? 1 : 0,
    redis: one.redis.reachable ? 1 : 0,
  }));
  gauge('index_redis_evicts', 'Whether Redis may throw jobs away', ({ redis }) =>
    redis.evicts === null ? null : Number(redis.evicts),
  );
}

/** What became of the documents that a worker wrote. */
export function documentCounter(metrics: Registry): Counter<'outcome'> {
  return oneCounter(metrics, {
    name: 'index_documents_written_total',
    help: 'Documents sent to the index: acknowledged, refused for good, or to be tried again',
    labelNames: ['outcome'],
  });
}
