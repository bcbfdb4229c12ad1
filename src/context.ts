import { Client, ClusterConnectionPool, type Connection } from '@elastic/elasticsearch';
import type { Kysely } from 'kysely';
import type pg from 'pg';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import type { Config } from './config.js';
import { type AuditLog, createAuditLog } from './db/audit-log.js';
import { createKysely, createPool, type DatabaseRole } from './db/connect.js';
import type { Database } from './db/schema.js';
import { createLogger } from './logger.js';
import { createNameStatistics, type NameStatistics } from './search/name-statistics.js';
import { resolveServices, type ServiceUrls } from './service-urls.js';

/** Everything a process works with. Made once, handed to whoever needs it, closed by whoever made it. */
export interface Context {
  config: Config;
  log: Logger;
  urls: ServiceUrls;
  pool: pg.Pool;
  db: Kysely<Database>;
  /** Reads the audit log, which the process's own role may not. */
  auditorDb: Kysely<Database>;
  audit: AuditLog;
  elasticsearch: Client;
  /** How common each name is, reread from PostgreSQL now and then. */
  names: NameStatistics;
  metrics: Registry;
  close(): Promise<void>;
}

export interface ContextOverrides {
  role?: DatabaseRole;
  log?: Logger;
  urls?: ServiceUrls;
  poolSize?: number;
  /** For work whose statements may take long: the server is waited for as long as the connection stands. */
  statementMs?: number;
  application?: string;
}

/** Auditors are few, and what they ask may be wide: it must not take the connections of searches. */
const AUDITOR_CONNECTIONS = 2;
/** Nobody who asks is kept waiting longer, even by a PostgreSQL that stands still. */
const requestLimits = { statementMs: 4_000, answerMs: 4_500 };

/** Opens a context. Connections are made at first use, so this succeeds while a service is away. */
export async function createContext(config: Config, overrides: ContextOverrides = {}): Promise<Context> {
  const urls = overrides.urls ?? resolveServices(config);
  const log = overrides.log ?? createLogger(config.logLevel);
  const connect = (role: DatabaseRole, max: number) =>
    createPool(urls.databaseUrl, {
      role,
      max,
      ...(overrides.statementMs === undefined ? requestLimits : { statementMs: overrides.statementMs }),
      application: overrides.application ?? 'directory',
    });
  const pool = connect(overrides.role ?? 'directory_api', overrides.poolSize ?? 10);
  const db = createKysely(pool);
  const auditorDb = createKysely(connect('directory_auditor', AUDITOR_CONNECTIONS));
  const elasticsearch = createElasticsearch(urls);
  return {
    config,
    log,
    urls,
    pool,
    db,
    auditorDb,
    audit: createAuditLog(db),
    elasticsearch,
    names: createNameStatistics(db),
    metrics: new Registry(),
    async close() {
      await elasticsearch.close();
      await Promise.all([db.destroy(), auditorDb.destroy()]);
    },
  };
}

/**
 * Leaves a node out for a minute, and until it answers a ping. The client's own choice goes on asking one that hangs, every time
 * for as long as a search may take; the class below doubles the minute with every request that was on its way.
 */
class MinuteOutPool extends ClusterConnectionPool {
  override markDead(connection: Connection): this {
    connection.deadCount = 0;
    return super.markDead(connection);
  }
}

/** A client that asks the nodes in turn. */
export function createElasticsearch({ elasticsearchUrl }: Pick<ServiceUrls, 'elasticsearchUrl'>): Client {
  const nodes = elasticsearchUrl.split(',');
  return new Client({
    nodes,
    ConnectionPool: MinuteOutPool,
    // Of a node that can't be reached the next is asked. All other retries are decided where the meaning is known: a
    // search gives up at once, a job comes back later.
    maxRetries: nodes.length - 1,
    requestTimeout: 30_000,
  });
}
