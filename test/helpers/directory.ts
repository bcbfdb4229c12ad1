import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Kysely } from 'kysely';
import type { Test } from 'tap';
import { buildApp } from '../../src/app.js';
import type { AccessReason } from '../../src/caller.js';
import { type Config, readConfig } from '../../src/config.js';
import { type Context, type ContextOverrides, createContext, createElasticsearch } from '../../src/context.js';
import { createKysely, createPool } from '../../src/db/connect.js';
import type { Database, Role } from '../../src/db/schema.js';
import { createLogger } from '../../src/logger.js';
import { openRedis } from '../../src/redis.js';
import type { NewUser } from '../../src/schemas/users.js';
import { resolveServices, type ServiceUrls } from '../../src/service-urls.js';
import { issueToken } from '../../src/services/issue-token.js';
import { createUserOnServer } from '../../src/services/users.js';
import { createDatabase, dropDatabase } from './database.js';

export interface TestCaller {
  userId: string;
  username: string;
  totpSecret: string;
  recoveryCodes: string[];
  /** A real access token and a reason. */
  headers: { authorization: string; 'x-access-reason': AccessReason };
}

export interface TestDirectory {
  config: Config;
  urls: ServiceUrls;
  context: Context;
  app: FastifyInstance;
  /** As the owner of the tables, past what the API's role may: to look at what it wrote. */
  owner: Kysely<Database>;
  /** Another context on the same directory, closed with it: of a worker, for one. */
  openContext(overrides?: ContextOverrides): Promise<Context>;
  /** A new user of that role, signed in. */
  caller(role: Role, user?: Partial<NewUser>): Promise<TestCaller>;
  /** Everything logged so far. */
  logged(): string;
}

export interface TestDirectoryOptions {
  /** Services to put elsewhere: on a closed port, for one. */
  urls?: Partial<ServiceUrls>;
  /** The file uses Elasticsearch and Redis: what it makes there goes at the end. */
  indexed?: boolean;
  env?: NodeJS.ProcessEnv;
}

/** An empty directory of its own for a test file. What a test leaves open in it fails the file. */
export async function openDirectory(t: Test, options: TestDirectoryOptions = {}): Promise<TestDirectory> {
  const instance = `test_${process.pid}_${randomBytes(4).toString('hex')}`;
  // Beside the stack it would stay when the database has gone.
  const headsFile = path.join(tmpdir(), `${instance}-heads.ndjson`);
  const journalFile = path.join(tmpdir(), `${instance}-protections.ndjson`);
  t.teardown(() => [headsFile, journalFile].forEach((file) => void rmSync(file, { force: true })));
  const config = readConfig({
    ...process.env,
    AUTH_JWT_SECRET: 'a secret that only the tests know of',
    DIRECTORY_INSTANCE: instance,
    LOG_LEVEL: 'debug',
    AUDIT_HEADS_FILE: headsFile,
    // A test asks more than a person does; those about limits set them.
    RATE_LIMIT_SEARCHES_PER_MINUTE: '0',
    PROTECTION_JOURNAL_FILE: journalFile,
    // What a test does to the index stays as it is, unless the test is about checks.
    INDEX_CHECK_MINUTES: '0',
    INDEX_DEEP_CHECK_HOURS: '0',
    PROTECTION_CHECK_MINUTES: '0',
    ...options.env,
  });
  const server = resolveServices(config);
  const databaseUrl = await createDatabase(server.databaseUrl, instance);
  t.teardown(() => dropDatabase(server.databaseUrl, instance));
  const urls = { ...server, databaseUrl, ...options.urls };
  if (options.indexed) t.teardown(() => cleanUp(instance, server));

  const lines: string[] = [];
  const log = createLogger(config.logLevel, { write: (line) => void lines.push(line) });
  const openContext = async (overrides: ContextOverrides = {}) => {
    const context = await createContext(config, { urls, log, ...overrides });
    t.teardown(() => context.close());
    return context;
  };
  const context = await openContext();
  const owner = createKysely(createPool(databaseUrl, { max: 2 }));
  t.teardown(() => owner.destroy());
  const app = await buildApp(context);
  t.teardown(() => app.close());

  let users = 0;
  return {
    config,
    urls,
    context,
    app,
    owner,
    openContext,
    async caller(role, user = {}) {
      users += 1;
      const username = user.username ?? `${role}-${users}`;
      const today = new Date().toISOString().slice(0, 10);
      const {
        userId,
        totpSecret = '',
        recoveryCodes = [],
      } = await createUserOnServer(owner, config, {
        username,
        role,
        name: `The ${role} ${users}`,
        authority: 'Northvale',
        backgroundCheckOn: today,
        trainingCompletedOn: today,
        agreementSignedOn: today,
        ...user,
      });
      const token = await issueToken(owner, app.signAccessToken, username, 30);
      return {
        userId,
        username,
        totpSecret,
        recoveryCodes,
        headers: { authorization: `Bearer ${token}`, 'x-access-reason': 'direct-work' },
      };
    },
    logged: () => lines.join(''),
  };
}

async function cleanUp(instance: string, urls: ServiceUrls): Promise<void> {
  const elasticsearch = createElasticsearch(urls);
  const indices = Object.keys(await elasticsearch.indices.get({ index: `${instance}-*`, allow_no_indices: true }));
  if (indices.length > 0) await elasticsearch.indices.delete({ index: indices });
  await elasticsearch.close();
  const redis = openRedis(urls.redisUrl, {});
  const keys = await redis.keys(`*${instance}*`);
  if (keys.length > 0) await redis.del(keys);
  // Not quit(): the client would go on listening to sentinels.
  redis.disconnect();
}
