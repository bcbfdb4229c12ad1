import { setTimeout as delay } from 'node:timers/promises';
import { Type } from 'typebox';
import type { Context } from '../context.js';
import { isMigrated } from '../db/migrate.js';

const LONGEST_CHECK_MS = 1_000;

export const readinessSchema = Type.Object({
  status: Type.Union([Type.Literal('ready'), Type.Literal('not-ready')]),
  postgresql: Type.Object({ reachable: Type.Boolean(), migrated: Type.Boolean() }),
  elasticsearch: Type.Object({ reachable: Type.Boolean() }),
  degraded: Type.Array(Type.String(), { description: 'What cannot be done at the moment' }),
});
export type Readiness = Type.Static<typeof readinessSchema>;

/** Answers within about a second, whatever is away. */
export async function checkReadiness(context: Context): Promise<Readiness> {
  const [postgresql, reachable] = await Promise.all([checkPostgresql(context), checkElasticsearch(context)]);
  return {
    status: postgresql.reachable && postgresql.migrated ? 'ready' : 'not-ready',
    postgresql,
    elasticsearch: { reachable },
    degraded: reachable ? [] : ['Fuzzy search is unavailable; number look-up and exact search answer from PostgreSQL'],
  };
}

async function checkPostgresql({ db }: Context): Promise<Readiness['postgresql']> {
  return inTime(
    isMigrated(db).then(
      (migrated) => ({ reachable: true, migrated }),
      // An answer that is an error is still an answer: a database without our schema.
      (error: { severity?: string }) => ({ reachable: error.severity === 'ERROR', migrated: false }),
    ),
    { reachable: false, migrated: false },
  );
}

async function checkElasticsearch({ elasticsearch }: Context): Promise<boolean> {
  // The small distribution answers no `GET /`, which is what a ping asks.
  const health = elasticsearch.cluster.health({}, { requestTimeout: LONGEST_CHECK_MS, maxRetries: 0 });
  return inTime(
    health.then(
      () => true,
      () => false,
    ),
    false,
  );
}

async function inTime<T>(check: Promise<T>, late: T): Promise<T> {
  const giveUp = new AbortController();
  try {
    return await Promise.race([check, delay(LONGEST_CHECK_MS, late, { signal: giveUp.signal })]);
  } finally {
    giveUp.abort();
  }
}
