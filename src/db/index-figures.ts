import { type Kysely, sql } from 'kysely';
import type { Database } from './schema.js';

/** Rows counted one by one; of a longer backlog PostgreSQL's own statistics say how long it is. */
const COUNTED = 50_000;

export interface IndexFigures {
  /** Children who are not archived. */
  records: number;
  pending: number;
  oldestPendingAt: Date | null;
  /** As PostgreSQL's clock has it. */
  lagSeconds: number;
  deadLetters: number;
  /** Documents acknowledged in the last full minute and quarter of an hour. */
  acknowledged1m: number;
  acknowledged15m: number;
  /** In the last ten to twenty seconds: some of it may not show in the index yet. */
  acknowledgedLately: number;
}

/** One statement that touches no large table as a whole. */
export async function readIndexFigures(db: Kysely<Database>): Promise<IndexFigures> {
  const { rows } = await sql<IndexFigures>`
    with oldest as (
      select least(
        (select changed_at from outbox where claimed_at is null and urgent order by changed_at limit 1),
        (select changed_at from outbox where claimed_at is null and not urgent order by changed_at limit 1),
        (select min(changed_at) from outbox where claimed_at is not null)) as at
    ), counted as (
      select count(*) as rows from (select from outbox limit ${COUNTED}::int) first_rows
    ), slots as (
      select slot, acknowledged from index_throughput where slot >= now() - interval '15 min 10 s'
    )
    select (select coalesce(sum(change), 0)::bigint from record_count) as records,
      case when counted.rows < ${COUNTED}::int then counted.rows
        else greatest(counted.rows, pg_stat_get_live_tuples('outbox'::regclass)) end as pending,
      oldest.at as "oldestPendingAt",
      coalesce(extract(epoch from clock_timestamp() - oldest.at), 0)::float8 as "lagSeconds",
      (select count(*) from dead_letters where retried_at is null) as "deadLetters",
      (select coalesce(sum(acknowledged), 0)::bigint from slots
        where slot >= ${slotOf(sql`now() - interval '1 min'`)} and slot < ${slotOf(sql`now()`)}) as "acknowledged1m",
      (select coalesce(sum(acknowledged), 0)::bigint from slots
        where slot >= ${slotOf(sql`now() - interval '15 min'`)} and slot < ${slotOf(sql`now()`)}) as "acknowledged15m",
      (select coalesce(sum(acknowledged), 0)::bigint from slots
        where slot >= ${slotOf(sql`now() - interval '10 s'`)}) as "acknowledgedLately"
    from oldest, counted`.execute(db);
  return rows[0] as IndexFigures;
}

function slotOf(time: ReturnType<typeof sql>) {
  return sql`date_bin('10 s', ${time}, timestamptz 'epoch')`;
}

/** Last in its transaction: another of the same connection's lane waits until that ends. */
export async function noteThroughput(db: Kysely<Database>, acknowledged: number): Promise<void> {
  await sql`
    insert into index_throughput as t (slot, lane, acknowledged)
    values (${slotOf(sql`clock_timestamp()`)}, pg_backend_pid() % 16, ${acknowledged})
    on conflict (slot, lane) do update set acknowledged = t.acknowledged + excluded.acknowledged`.execute(db);
}

/** Keeps what the figures are read from short. */
export async function foldFigures(db: Kysely<Database>): Promise<void> {
  await sql`
    with folded as (delete from record_count returning change)
    insert into record_count select coalesce(sum(change), 0) from folded`.execute(db);
  await sql`delete from index_throughput where slot < now() - interval '1 day'`.execute(db);
}
