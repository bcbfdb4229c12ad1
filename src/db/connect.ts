import { Socket } from 'node:net';
import { Kysely, PostgresDialect, type PostgresPoolClient } from 'kysely';
import pg from 'pg';
import type { Database } from './schema.js';

/** The role a process works as, whatever login it came with. */
export type DatabaseRole =
  | 'directory_owner'
  | 'directory_api'
  | 'directory_worker'
  | 'directory_auditor'
  | 'directory_sealer';

/**
 * @property statementMs longest a statement may run before the server breaks it off, milliseconds; 0 for no limit
 * @property answerMs longest that a connection may be silent before it is given up, milliseconds; 0 for no limit. Longer
 *   than a statement may run, so that of those in use it is met by a server alone that stands still, or is out of reach
 *   without a word. One that nobody uses is given up as well, and made anew when it is needed
 */
export interface ConnectOptions {
  role?: DatabaseRole;
  max?: number;
  statementMs?: number;
  answerMs?: number;
  application?: string;
}

const DATE = 1082;
const BIGINT = 20;

/** A DATE stays text (node-postgres makes it local midnight, which shifts birthdays); a bigint here always fits a number. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) => {
    if (oid === DATE) return (value: string) => value;
    if (oid === BIGINT) return Number;
    return pg.types.getTypeParser(oid, format);
  },
};

/** Connection settings of a pool or a single client. The role is set by the server at connect, before any statement. */
export function connectionSettings(databaseUrl: string, options: ConnectOptions = {}): pg.ClientConfig {
  const parameters = ['-c synchronous_commit=on', '-c timezone=UTC'];
  if (options.role) parameters.push(`-c role=${options.role}`);
  // One plan for all values: one made for a value goes by statistics of all of them, also of those that a shield hides,
  // and the time of an answer would tell which it was. It spares planning as well.
  if (options.role === 'directory_api') parameters.push('-c plan_cache_mode=force_generic_plan');
  if (options.statementMs) parameters.push(`-c statement_timeout=${options.statementMs}`);
  return {
    connectionString: databaseUrl,
    options: parameters.join(' '),
    application_name: options.application ?? 'directory',
    connectionTimeoutMillis: 3_000,
    keepAlive: true,
    // The system's own default is two hours.
    keepAliveInitialDelayMillis: 10_000,
    types,
    ...(options.answerMs ? { stream: () => impatientSocket(options.answerMs as number) } : {}),
  };
}

/** node-postgres has a timeout of its own, but leaves the connection to the next one who asks, to wait on it as well. */
function impatientSocket(answerMs: number): Socket {
  const socket = new Socket();
  socket.setTimeout(answerMs, () => {
    socket.destroy(Object.assign(new Error('PostgreSQL did not answer in time'), { code: 'ETIMEDOUT' }));
  });
  return socket;
}

export function createPool(databaseUrl: string, options: ConnectOptions = {}): pg.Pool {
  const pool = new pg.Pool({ ...connectionSettings(databaseUrl, options), max: options.max ?? 10 });
  // An idle connection that the server closes is replaced at the next use; unheard, the event would end the process.
  pool.on('error', () => undefined);
  // The same of one that is lent out, closed between two statements: the next statement on it fails.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/** More texts than the application has; what is composed anew each time (rows of a bulk insert) must not fill memory. */
const MOST_PREPARED = 200;
const LONGEST_PREPARED = 4_000;

/**
 * @returns a Kysely whose statements are prepared: PostgreSQL parses and plans each once a connection, which for the short
 *   ones of a search is most of what they cost
 */
export function createKysely(pool: pg.Pool): Kysely<Database> {
  const names = new Map<string, string>();
  const nameOf = (text: string) => {
    const known = names.get(text);
    // Several statements in one text, as in migrations, can't be prepared.
    if (known || names.size === MOST_PREPARED || text.length > LONGEST_PREPARED || text.includes(';')) return known;
    const name = `s${names.size}`;
    names.set(text, name);
    return name;
  };
  const prepared = (client: pg.PoolClient): PostgresPoolClient => ({
    query: ((text: string, values: unknown[]) => {
      const name = nameOf(text);
      return client.query(name ? { name, text, values } : { text, values });
    }) as unknown as PostgresPoolClient['query'],
    release: () => client.release(),
  });
  const dialect = new PostgresDialect({
    pool: { connect: async () => prepared(await pool.connect()), end: () => pool.end() },
  });
  return new Kysely<Database>({ dialect });
}
