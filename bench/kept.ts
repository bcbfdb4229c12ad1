import pg from 'pg';

/** What benches keep beside the directory that they measure: a schema of their own in its database, gone with it. */
export const SCHEMA = 'bench';

/** @param max how many connections at once */
export async function openKept(databaseUrl: string, max = 1): Promise<pg.Pool> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max, application_name: 'directory-bench' });
  pool.on('error', () => undefined);
  await pool.query(
    `create schema if not exists ${SCHEMA}; create table if not exists ${SCHEMA}.kept (name text primary key, value jsonb not null)`,
  );
  return pool;
}

export async function recall<T>(pool: pg.Pool, name: string): Promise<T | undefined> {
  const { rows } = await pool.query<{ value: T }>(`select value from ${SCHEMA}.kept where name = $1`, [name]);
  return rows[0]?.value;
}

export async function keep(pool: pg.Pool, name: string, value: unknown): Promise<void> {
  await pool.query(
    `insert into ${SCHEMA}.kept values ($1, $2) on conflict (name) do update set value = excluded.value`,
    [name, JSON.stringify(value)],
  );
}
