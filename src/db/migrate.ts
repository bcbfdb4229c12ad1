import { Kysely, Migrator, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import { migrations } from '../../migrations/index.js';
import { CommandError } from '../errors.js';
import { connectionSettings } from './connect.js';
import { locks } from './locks.js';

const groupRoles = ['directory_owner', 'directory_api', 'directory_worker', 'directory_auditor', 'directory_sealer'];
/** Brings the schema up to date; makes the database and the roles if they are missing. @returns names of the steps applied */
export async function migrateToLatest(databaseUrl: string): Promise<string[]> {
  await ensureServer(databaseUrl);
  const pool = new pg.Pool({ ...connectionSettings(databaseUrl, { role: 'directory_owner' }), max: 2 });
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
  try {
    const { error, results } = await new Migrator({
      db,
      provider: { getMigrations: async () => migrations },
    }).migrateToLatest();
    if (error) throw new CommandError('The schema could not be brought up to date', { cause: error });
    await sql`grant select on kysely_migration to directory_api, directory_worker`.execute(db);
    return (results ?? []).filter((result) => result.status === 'Success').map((result) => result.migrationName);
  } finally {
    await db.destroy();
  }
}

/**
 * The database, the group roles, and what they may do in the schema. Roles belong to the whole server, where several
 * instances may be set up at the same moment: one advisory lock, in the one database that all of them can see, orders them.
 */
async function ensureServer(databaseUrl: string): Promise<void> {
  const url = new URL(databaseUrl);
  const name = decodeURIComponent(url.pathname.slice(1));
  url.pathname = '/postgres';
  await withClient(url.href, async (client) => {
    await client.query('select pg_advisory_lock($1)', [locks.setup]);
    const { rowCount } = await client.query('select from pg_database where datname = $1', [name]);
    if (rowCount === 0) await client.query(`create database ${pg.escapeIdentifier(name)}`);
    for (const role of groupRoles) {
      await client.query(`do $$ begin
        if not exists (select from pg_roles where rolname = '${role}') then create role ${role} nologin; end if;
        if not pg_has_role(current_user, '${role}', 'member') then execute format('grant ${role} to %I', current_user); end if;
      end $$`);
    }
  });
  await withClient(databaseUrl, async (client) => {
    await client.query('grant create, usage on schema public to directory_owner');
    await client.query(`grant usage on schema public to ${groupRoles.join(', ')}`);
  });
}

async function withClient(databaseUrl: string, use: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client(connectionSettings(databaseUrl));
  await client.connect();
  try {
    await use(client);
  } finally {
    await client.end();
  }
}

/** True when every known migration has been applied. */
export async function isMigrated<Tables>(db: Kysely<Tables>): Promise<boolean> {
  const { rows } = await sql<{ name: string }>`select name from kysely_migration`.execute(db);
  const applied = new Set(rows.map((row) => row.name));
  return Object.keys(migrations).every((name) => applied.has(name));
}
