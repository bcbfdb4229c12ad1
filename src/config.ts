import { hkdfSync, randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { envSchema } from 'env-schema';
import { Type } from 'typebox';
import { defaultHome } from '../stack/home.js';
import { UsageError } from './errors.js';

const environmentSchema = Type.Object({
  NODE_ENV: Type.String({ default: 'development' }),
  DATABASE_URL: Type.String({ default: '', pattern: '^$|^postgres(ql)?://' }),
  REDIS_URL: Type.String({
    default: '',
    pattern:
      '^$|^rediss?://|^rediss?\\+sentinel://([^@/?\\s]*@)?[^@/?,\\s]+(,[^@/?,\\s]+)*/[^/?\\s]+(/\\d+)?(\\?\\S*)?$',
  }),
  ELASTICSEARCH_URL: Type.String({ default: '', pattern: '^$|^https?://[^\\s,]+(,https?://[^\\s,]+)*$' }),
  DIRECTORY_HOME: Type.String({ default: '' }),
  DIRECTORY_INSTANCE: Type.String({ default: 'directory', pattern: '^[a-z][a-z0-9_]{0,30}$' }),
  HOST: Type.String({ default: '127.0.0.1', minLength: 1 }),
  PORT: Type.Integer({ default: 8080, minimum: 0, maximum: 65535 }),
  REQUESTS_IN_FLIGHT: Type.Integer({ default: 100, minimum: 1, maximum: 10_000 }),
  ANSWER_SECONDS: Type.Integer({ default: 30, minimum: 1, maximum: 300 }),
  LOG_LEVEL: Type.String({ default: 'info', pattern: '^(trace|debug|info|warn|error|fatal|silent)$' }),
  WORKER_METRICS_PORT: Type.Integer({ default: 0, minimum: 0, maximum: 65535 }),
  METRICS_TOKEN: Type.String({ default: '', pattern: '^$|^[!-~]{32,}$' }),
  AUTH_JWT_SECRET: Type.String({ default: '', pattern: '^$|^.{32,}$' }),
  AUTH_JWT_SECRET_PREVIOUS: Type.String({ default: '', pattern: '^$|^.{32,}$' }),
  AUTH_TOTP_KEY: Type.String({ default: '', pattern: '^$|^.{32,}$' }),
  AUTH_TOTP_KEY_PREVIOUS: Type.String({ default: '', pattern: '^$|^.{32,}$' }),
  AUTH_JWKS_URL: Type.String({ default: '', pattern: '^$|^https?://[^\\s/]+' }),
  AUTH_ISSUER: Type.String({ default: '' }),
  AUTH_AUDIENCE: Type.String({ default: '' }),
  TRUSTED_PROXIES: Type.String({ default: '', pattern: '^$|^[0-9A-Fa-f.:/]+(,[0-9A-Fa-f.:/]+)*$' }),
  AUTH_ACCESS_TOKEN_MINUTES: Type.Integer({ default: 15, minimum: 1, maximum: 60 }),
  AUTH_SESSION_HOURS: Type.Integer({ default: 12, minimum: 1, maximum: 24 }),
  AUDIT_HEADS_FILE: Type.String({ default: '' }),
  AUDIT_HEADS_KEY: Type.String({ default: '', pattern: '^$|^.{32,}$' }),
  AUDIT_HEADS_PUBLIC_KEY: Type.String({ default: '', pattern: '^$|^[A-Za-z0-9_-]{43}$' }),
  AUDIT_ALERT_MINUTES: Type.Integer({ default: 10, minimum: 1, maximum: 1440 }),
  AUDIT_ALERT_EMPTY_SEARCHES: Type.Integer({ default: 20, minimum: 0, maximum: 10_000 }),
  AUDIT_ALERT_CHILDREN: Type.Integer({ default: 60, minimum: 0, maximum: 10_000 }),
  AUDIT_ALERT_CHILDREN_SHOWN: Type.Integer({ default: 300, minimum: 0, maximum: 100_000 }),
  RATE_LIMIT_SEARCHES_PER_MINUTE: Type.Integer({ default: 120, minimum: 0, maximum: 1_000_000 }),
  RATE_LIMIT_ORGANISATION_PER_MINUTE: Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000_000 })),
  PROTECTION_JOURNAL_FILE: Type.String({ default: '' }),
  PROTECTION_CHECK_MINUTES: Type.Integer({ default: 15, minimum: 0, maximum: 1440 }),
  INDEX_SHARDS: Type.Integer({ default: 1, minimum: 1, maximum: 64 }),
  INDEX_REPLICAS: Type.Integer({ default: 0, minimum: 0, maximum: 4 }),
  INDEX_CHECK_MINUTES: Type.Integer({ default: 5, minimum: 0, maximum: 1440 }),
  INDEX_DEEP_CHECK_HOURS: Type.Integer({ default: 24, minimum: 0, maximum: 720 }),
});

const settingHelp: Record<string, string> = {
  DATABASE_URL: 'postgres://user:password@host:port/database',
  REDIS_URL: 'redis://host:port, or of sentinels redis+sentinel://host:port,host:port/name',
  ELASTICSEARCH_URL: 'http://host:port, of several nodes with commas between',
  DIRECTORY_INSTANCE: 'lower-case letters, digits and underscores, beginning with a letter, at most 31',
  PORT: 'a whole number from 0 to 65535',
  REQUESTS_IN_FLIGHT: 'a whole number from 1 to 10000',
  ANSWER_SECONDS: 'a whole number from 1 to 300',
  LOG_LEVEL: 'one of trace, debug, info, warn, error, fatal, silent',
  WORKER_METRICS_PORT: 'a whole number from 0 to 65535; 0 for none',
  METRICS_TOKEN: 'at least 32 characters, none of them blank',
  AUTH_JWT_SECRET: 'at least 32 characters',
  AUTH_JWT_SECRET_PREVIOUS: 'at least 32 characters',
  AUTH_TOTP_KEY: 'at least 32 characters',
  AUTH_TOTP_KEY_PREVIOUS: 'at least 32 characters',
  AUTH_JWKS_URL: 'https://host/path',
  TRUSTED_PROXIES: 'addresses or networks (10.0.0.0/8), separated by commas',
  AUTH_ACCESS_TOKEN_MINUTES: 'a whole number from 1 to 60',
  AUTH_SESSION_HOURS: 'a whole number from 1 to 24',
  AUDIT_HEADS_KEY: 'at least 32 characters',
  AUDIT_HEADS_PUBLIC_KEY: 'what `directory audit public-key` prints',
  AUDIT_ALERT_MINUTES: 'a whole number from 1 to 1440',
  AUDIT_ALERT_EMPTY_SEARCHES: 'a whole number from 0 to 10000; 0 for no such alert',
  AUDIT_ALERT_CHILDREN: 'a whole number from 0 to 10000; 0 for no such alert',
  AUDIT_ALERT_CHILDREN_SHOWN: 'a whole number from 0 to 100000; 0 for no such alert',
  RATE_LIMIT_SEARCHES_PER_MINUTE: 'a whole number from 0 to 1000000; 0 for no limit',
  RATE_LIMIT_ORGANISATION_PER_MINUTE: 'a whole number from 0 to 10000000; 0 for no limit',
  PROTECTION_CHECK_MINUTES: 'a whole number from 0 to 1440; 0 for no such checks',
  INDEX_SHARDS: 'a whole number from 1 to 64',
  INDEX_REPLICAS: 'a whole number from 0 to 4',
  INDEX_CHECK_MINUTES: 'a whole number from 0 to 1440; 0 for no such checks',
  INDEX_DEEP_CHECK_HOURS: 'a whole number from 0 to 720; 0 for no such checks',
};

/** As many users at the same time as an organisation has limits for, where none is set for it. */
const ORGANISATION_OF_USERS = 10;

export interface Config {
  production: boolean;
  /** Prefix of database, queues and indices, so that several directories live side by side. */
  instance: string;
  /** Folder of the embedded stack's data, downloads and pid files. */
  home: string;
  /** As given; an empty string leaves the service to the embedded stack. */
  services: { databaseUrl: string; redisUrl: string; elasticsearchUrl: string };
  logLevel: string;
  /**
   * @property trustedProxies whose word on a caller's address is taken
   * @property mostInFlight requests that a process works at at once; the others are refused
   * @property answerSeconds within which every request is answered
   */
  http: { host: string; port: number; trustedProxies: string[]; mostInFlight: number; answerSeconds: number };
  /** Where a worker tells its measurements; 0 for nowhere. */
  workerMetricsPort: number;
  auth: {
    accessTokenMinutes: number;
    sessionHours: number;
    /** Whose tokens are accepted beside our own. */
    provider: IdentityProvider | undefined;
  };
  index: {
    shards: number;
    replicas: number;
    /** Checks against PostgreSQL on schedule; 0 for none. */
    checkMinutes: number;
    deepCheckHours: number;
    /** Folder of the mappings, one file a version. */
    mappings: string;
  };
  /** Searches, look-ups and verifications a minute; 0 for no limit. */
  rateLimits: { user: number; organisation: number };
  audit: {
    /** Where the heads of the chain are written, outside the database. */
    headsFile: string;
    /** Checks their signatures; empty: that of the signing key does. */
    headsPublicKey: string;
    /** How many empty searches, different children, or children in answers, of one user within so many minutes raise an alert; 0 for none. */
    alerts: { minutes: number; emptySearches: number; children: number; childrenShown: number };
  };
  /** Where shields and destructions are written, outside the database: a restored backup must not undo them. */
  protectionJournalFile: string;
  /** How often workers compare it with the shields that stand; 0 for never. */
  protectionCheckMinutes: number;
  secrets: Secrets;
}

export interface IdentityProvider {
  jwksUrl: string;
  issuer: string;
  audience: string;
}

export interface Secrets {
  /** Signs access tokens. */
  jwt: string;
  /** Signed them until lately, and is still accepted; empty for none. */
  jwtPrevious: string;
  /** Seals the second factors: the first does, each opens. */
  sealing: readonly [string, ...string[]];
  /** Signs the exported heads; empty where they are not to be signed. */
  auditHeads: string;
  /** Opens the measurements; empty: outside production they are open, in production closed. */
  metrics: string;
  /** Keys the hashes of requests that are kept; with a new one a repeated request is a conflict. */
  idempotency: Buffer;
}

export const projectRoot = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/**
 * Reads every setting once, at the start of a process.
 * @throws UsageError naming each wrong setting and what it takes; never its value
 */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const settings = parse(env);
  const production = settings.NODE_ENV === 'production';
  const home = path.resolve(defaultHome(env, projectRoot));
  return {
    production,
    instance: settings.DIRECTORY_INSTANCE,
    home,
    services: {
      databaseUrl: settings.DATABASE_URL && databaseOf(settings.DATABASE_URL, settings.DIRECTORY_INSTANCE),
      redisUrl: settings.REDIS_URL,
      elasticsearchUrl: settings.ELASTICSEARCH_URL.replace(/\/(?=,|$)/g, ''),
    },
    http: {
      host: settings.HOST,
      port: settings.PORT,
      trustedProxies: settings.TRUSTED_PROXIES === '' ? [] : settings.TRUSTED_PROXIES.split(','),
      mostInFlight: settings.REQUESTS_IN_FLIGHT,
      answerSeconds: settings.ANSWER_SECONDS,
    },
    workerMetricsPort: settings.WORKER_METRICS_PORT,
    logLevel: settings.LOG_LEVEL,
    auth: {
      accessTokenMinutes: settings.AUTH_ACCESS_TOKEN_MINUTES,
      sessionHours: settings.AUTH_SESSION_HOURS,
      provider: providerOf(settings, production),
    },
    index: {
      shards: settings.INDEX_SHARDS,
      replicas: settings.INDEX_REPLICAS,
      checkMinutes: settings.INDEX_CHECK_MINUTES,
      deepCheckHours: settings.INDEX_DEEP_CHECK_HOURS,
      mappings: path.join(projectRoot, 'index-mappings'),
    },
    rateLimits: {
      user: settings.RATE_LIMIT_SEARCHES_PER_MINUTE,
      organisation:
        settings.RATE_LIMIT_ORGANISATION_PER_MINUTE ?? settings.RATE_LIMIT_SEARCHES_PER_MINUTE * ORGANISATION_OF_USERS,
    },
    audit: {
      headsFile: path.resolve(
        settings.AUDIT_HEADS_FILE || path.join(home, `audit-heads-${settings.DIRECTORY_INSTANCE}.ndjson`),
      ),
      headsPublicKey: settings.AUDIT_HEADS_PUBLIC_KEY,
      alerts: {
        minutes: settings.AUDIT_ALERT_MINUTES,
        emptySearches: settings.AUDIT_ALERT_EMPTY_SEARCHES,
        children: settings.AUDIT_ALERT_CHILDREN,
        childrenShown: settings.AUDIT_ALERT_CHILDREN_SHOWN,
      },
    },
    protectionJournalFile: path.resolve(
      settings.PROTECTION_JOURNAL_FILE || path.join(home, `protection-journal-${settings.DIRECTORY_INSTANCE}.ndjson`),
    ),
    protectionCheckMinutes: settings.PROTECTION_CHECK_MINUTES,
    secrets: {
      auditHeads: settings.AUDIT_HEADS_KEY,
      metrics: settings.METRICS_TOKEN,
      get jwt() {
        return settings.AUTH_JWT_SECRET || localSecret(home, production);
      },
      get idempotency() {
        return Buffer.from(hkdfSync('sha256', this.jwt, 'child-directory', 'idempotency', 32));
      },
      jwtPrevious: settings.AUTH_JWT_SECRET_PREVIOUS,
      get sealing(): [string, ...string[]] {
        const { AUTH_TOTP_KEY, AUTH_TOTP_KEY_PREVIOUS } = settings;
        const others = [AUTH_TOTP_KEY_PREVIOUS, this.jwt, this.jwtPrevious].filter((key) => key !== '');
        return [AUTH_TOTP_KEY || this.jwt, ...others];
      },
    },
  };
}

type Settings = Type.Static<typeof environmentSchema>;

/** All three or none: with one of them missing a token of somebody else's, or for somebody else, would do. */
function providerOf(settings: Settings, production: boolean): IdentityProvider | undefined {
  const { AUTH_JWKS_URL, AUTH_ISSUER, AUTH_AUDIENCE } = settings;
  const given = { AUTH_JWKS_URL, AUTH_ISSUER, AUTH_AUDIENCE };
  const missing = Object.entries(given).flatMap(([name, value]) => (value === '' ? [name] : []));
  if (missing.length === 3) return undefined;
  if (missing.length > 0) {
    throw new UsageError(`AUTH_JWKS_URL, AUTH_ISSUER and AUTH_AUDIENCE go together: ${missing.join(', ')} is missing`);
  }
  const { protocol, hostname } = new URL(AUTH_JWKS_URL);
  if (production && protocol !== 'https:' && !['127.0.0.1', '[::1]', 'localhost'].includes(hostname)) {
    throw new UsageError('AUTH_JWKS_URL is wrong: in production it takes https://host/path');
  }
  return { jwksUrl: AUTH_JWKS_URL, issuer: AUTH_ISSUER, audience: AUTH_AUDIENCE };
}

function parse(env: NodeJS.ProcessEnv): Settings {
  const known = Object.fromEntries(
    Object.keys(environmentSchema.properties).flatMap((key) => (env[key] === undefined ? [] : [[key, env[key]]])),
  );
  try {
    return envSchema({ schema: environmentSchema, data: known, env: false });
  } catch (error) {
    const failures = (error as { errors?: { instancePath: string }[] }).errors ?? [];
    const names = [...new Set(failures.map((failure) => failure.instancePath.slice(1)))];
    if (names.length === 0) throw error;
    throw new UsageError(
      names.map((name) => `${name} is wrong: it takes ${settingHelp[name] ?? 'another value'}`).join('\n'),
    );
  }
}

/**
 * A URL that names the default database (or none) stands for the server: the instance's own database is used, so that
 * several instances share one server. Any other database is taken as it is.
 */
export function databaseOf(databaseUrl: string, instance: string): string {
  const url = new URL(databaseUrl);
  if (['', '/', '/postgres', '/directory'].includes(url.pathname)) url.pathname = `/${instance}`;
  return url.href;
}

/** Outside production the signing secret may live beside the embedded stack, so that a first run needs no setting. */
function localSecret(home: string, production: boolean): string {
  if (production) throw new UsageError('AUTH_JWT_SECRET is missing: it takes at least 32 characters');
  const file = path.join(home, 'secrets', 'jwt');
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}`;
  if (!existsSync(file)) {
    writeFileSync(draft, randomBytes(48).toString('base64url'), { mode: 0o600 });
    try {
      // A hard link appears whole or not at all, and for one of several processes only.
      linkSync(draft, file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      unlinkSync(draft);
    }
  }
  return readFileSync(file, 'utf8').trim();
}
