import type { Kysely } from 'kysely';
import type { Config } from '../config.js';
import { createKysely, createPool, type DatabaseRole } from '../db/connect.js';
import type { Database } from '../db/schema.js';
import { resolveServices } from '../service-urls.js';

/** For commands that need PostgreSQL and nothing else. */
export async function withDatabase<T>(
  config: Config,
  use: (db: Kysely<Database>) => Promise<T>,
  role: DatabaseRole = 'directory_api',
  statementMs = 10_000,
): Promise<T> {
  const { databaseUrl } = resolveServices(config, ['databaseUrl']);
  const pool = createPool(databaseUrl, {
    role,
    max: 1,
    statementMs,
    answerMs: statementMs + 1_000,
    application: 'directory-cli',
  });
  const db = createKysely(pool);
  try {
    return await use(db);
  } finally {
    await db.destroy();
  }
}
