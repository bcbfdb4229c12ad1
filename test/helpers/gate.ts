import { sql } from 'kysely';
import pg from 'pg';
import type { Test } from 'tap';
import type { TestDirectory } from './directory.js';

/** Holds workers where the index has acknowledged and the outbox is not yet settled. */
export interface Gate {
  /** Whether somebody stands before it. */
  reached(): Promise<boolean>;
  /** Lets through who stands there, and takes the gate away. */
  open(): Promise<void>;
}

export async function holdSettling(t: Test, { owner, urls }: TestDirectory): Promise<Gate> {
  const client = new pg.Client({ connectionString: urls.databaseUrl });
  await client.connect();
  t.teardown(() => client.end());
  await client.query('select pg_advisory_lock(1)');
  await client.query(`
    create function wait_at_gate() returns trigger language plpgsql as
      'begin perform pg_advisory_xact_lock(1); return old; end';
    create trigger gate before delete on outbox for each row execute function wait_at_gate()`);
  return {
    async reached() {
      const { rows } = await sql`
        select from pg_locks where locktype = 'advisory' and objid = 1 and not granted
          and database = (select oid from pg_database where datname = current_database())`.execute(owner);
      return rows.length > 0;
    },
    async open() {
      await client.query('select pg_advisory_unlock(1)');
      await client.query('drop trigger gate on outbox; drop function wait_at_gate');
    },
  };
}

/** Holds a rebuild where its second page has been written and is not yet on record. */
export async function holdPages(t: Test, { owner, urls }: TestDirectory): Promise<Gate> {
  const client = new pg.Client({ connectionString: urls.databaseUrl });
  await client.connect();
  t.teardown(() => client.end());
  await client.query('select pg_advisory_lock(2)');
  await client.query(`
    create function wait_at_page() returns trigger language plpgsql as
      'begin perform pg_advisory_xact_lock(2); return new; end';
    create trigger page_gate before update on rebuilds for each row
      when (old.after_id is not null and new.after_id is distinct from old.after_id) execute function wait_at_page()`);
  return {
    async reached() {
      const { rows } = await sql`
        select from pg_locks where locktype = 'advisory' and objid = 2 and not granted
          and database = (select oid from pg_database where datname = current_database())`.execute(owner);
      return rows.length > 0;
    },
    async open() {
      await client.query('drop trigger page_gate on rebuilds; drop function wait_at_page');
      await client.query('select pg_advisory_unlock(2)');
    },
  };
}
