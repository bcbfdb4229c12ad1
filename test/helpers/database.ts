import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { projectRoot } from '../../src/config.js';
import { migrateToLatest } from '../../src/db/migrate.js';

const TEMPLATE_LOCK = 7_203_199;

/** A database of its own for a test file: a copy of one that was migrated once, for all files and runs of this schema. */
export async function createDatabase(serverUrl: string, name: string): Promise<string> {
  await asAdministrator(serverUrl, async (client) => {
    await client.query('select pg_advisory_lock($1)', [TEMPLATE_LOCK]);
    const template = `test_template_${schemaHash()}`;
    const { rowCount } = await client.query('select from pg_database where datname = $1', [template]);
    if (rowCount === 0) {
      // Under another name until it is whole, so that a run that is broken off leaves no half template.
      await client.query(`drop database if exists ${template}_draft`);
      await migrateToLatest(urlOf(serverUrl, `${template}_draft`));
      await client.query(`alter database ${template}_draft rename to ${template}`);
    }
    await client.query(`create database ${name} template ${template}`);
  });
  return urlOf(serverUrl, name);
}

/** @throws when somebody is still connected: a leak */
export async function dropDatabase(serverUrl: string, name: string): Promise<void> {
  await asAdministrator(serverUrl, async (client) => {
    try {
      await client.query(`drop database ${name}`);
    } catch (leak) {
      await client.query(`drop database if exists ${name} with (force)`);
      throw leak;
    }
  });
}

async function asAdministrator(serverUrl: string, use: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: urlOf(serverUrl, 'postgres') });
  await client.connect();
  try {
    await use(client);
  } finally {
    await client.end();
  }
}

function urlOf(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}

function schemaHash(): string {
  const folder = path.join(projectRoot, 'migrations');
  const files = [
    ...readdirSync(folder)
      .sort()
      .map((file) => path.join(folder, file)),
    path.join(projectRoot, 'src/db/migrate.ts'),
  ];
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest('hex').slice(0, 12);
}
