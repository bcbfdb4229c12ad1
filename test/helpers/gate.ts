import { sql } from 'kysely';
import pg from 'pg';
import type { Test } from 'tap';
import type { TestDirectory } from './directory.js';

/** Holds workers at a place of their work. */
export interface Gate {
  /** Whether somebody stands before it. */
  reached(): Promise<boolean>;
  /** Lets through who stands there, and takes the gate away. */
  open(): Promise<void>;
}

/** Holds workers where the index has acknowledged and the outbox is not yet settled. */
export function holdSettling(t: Test, directory: TestDirectory): Promise<Gate> {
  return hold(t, directory, { lock: 1, table: 'outbox', when: 'before delete on outbox for each row' });
}

/** Holds a rebuild where its second page has been written and is not yet on record. */
export function holdPages(t: Test, directory: TestDirectory): Promise<Gate> {
  return hold(t, directory, {
    lock: 2,
    table: 'rebuilds',
    when: `before update on rebuilds for each row
      when (old.after_id is not null and new.after_id is distinct from old.after_id)`,
  });
}

/** @param place `lock` is of this gate alone; `when` is of a trigger on the table */
async function hold(
  t: Test,
  { owner, urls }: TestDirectory,
  { lock, table, when }: { lock: number; table: string; when: string },
): Promise<Gate> {
  const client = new pg.Client({ connectionString: urls.databaseUrl });
  await client.connect();
  t.teardown(() => client.end());
  await client.query(`select pg_advisory_lock(${lock})`);
  await client.query(`
    create function wait_at_gate_${lock}() returns trigger language plpgsql as
      'begin perform pg_advisory_xact_lock(${lock}); return coalesce(new, old); end';
    create trigger gate ${when} execute function wait_at_gate_${lock}()`);
  return {
    async reached() {
      const { rows } = await sql`
        select from pg_locks where locktype = 'advisory' and objid = ${lock} and not granted
          and database = (select oid from pg_database where datname = current_database())`.execute(owner);
      return rows.length > 0;
    },
    async open() {
      // In this order: the trigger can't go while somebody stands at it.
      await client.query(`select pg_advisory_unlock(${lock})`);
      await client.query(`drop trigger gate on ${table}; drop function wait_at_gate_${lock}`);
    },
  };
}
