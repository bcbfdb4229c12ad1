import path from 'node:path';
import { elasticsearchNode, hasNode } from './elasticsearch.js';
import { StackError } from './errors.js';
import { makeFolder, prepareHome, realHome, requireReach, requireSpace } from './home.js';
import { withLock } from './lock.js';
import { choosePorts, readPorts } from './ports.js';
import { postgres } from './postgres.js';
import { redis } from './redis.js';
import type { EmbeddedService, ServiceName, StackContext } from './service.js';
import { serviceUser } from './user.js';

export { StackError } from './errors.js';
export { defaultHome } from './home.js';
export type { ServiceName } from './service.js';

export interface ServiceUrls {
  DATABASE_URL: string;
  REDIS_URL: string;
  /** Of a cluster, all its nodes with commas between. */
  ELASTICSEARCH_URL: string;
}

export interface StackOptions {
  /** DIRECTORY_HOME */
  home: string;
  /** Put into DATABASE_URL, and created if missing. */
  database: string;
  /** Services the user supplies: not started, passed through. An empty string is as good as none. */
  given?: Partial<ServiceUrls>;
  /** Default: `downloads` in the home. A second, private stack may share those of the first. */
  downloads?: string;
  /** Of each node; default 1024, of three 512. Used when Elasticsearch is started, not when it is found running. */
  elasticsearchHeapMb?: number;
  /** Elasticsearch is up with half the work, and slower at all that it does: for a stack that is often started and soon thrown away. */
  elasticsearchStartsQuickly?: boolean;
  /** Default: as many as the stack has, else one. */
  elasticsearchNodes?: NodeCount;
  progress?: (line: string) => void;
  /** Breaks off a start; what it had started is stopped. */
  signal?: AbortSignal;
  /** Where programs are looked for (PATH, JAVA_HOME, …). Default: this process's. */
  env?: NodeJS.ProcessEnv;
}

export interface RunningStack {
  /** A service that was neither given nor asked for, and does not run, has an empty string. */
  urls: ServiceUrls;
  started: ServiceName[];
  pids: Partial<Record<ServiceName, number>>;
}

export interface ServiceState {
  state: 'running' | 'stopped' | 'given';
  pid: number | null;
  port: number | null;
}

export interface StackStatus {
  urls: { [Name in keyof ServiceUrls]: string | null };
  /** Further nodes of Elasticsearch where the stack has them. */
  services: Record<'postgres' | 'redis' | 'elasticsearch', ServiceState> & Partial<Record<ServiceName, ServiceState>>;
}

export const nodeCounts = [1, 3] as const;
export type NodeCount = (typeof nodeCounts)[number];

const embedded: Record<ServiceName, EmbeddedService> = {
  postgres,
  redis,
  elasticsearch: elasticsearchNode(1),
  'elasticsearch-2': elasticsearchNode(2),
  'elasticsearch-3': elasticsearchNode(3),
};
const allServices = Object.keys(embedded) as ServiceName[];
const settingOf = {
  postgres: 'DATABASE_URL',
  redis: 'REDIS_URL',
  elasticsearch: 'ELASTICSEARCH_URL',
  'elasticsearch-2': 'ELASTICSEARCH_URL',
  'elasticsearch-3': 'ELASTICSEARCH_URL',
} as const satisfies Record<ServiceName, keyof ServiceUrls>;

/** As many nodes as the stack was made with: each counts on the others for its majority. Undefined before the first start. */
function nodesMade(home: string): NodeCount | undefined {
  if (hasNode(home, 3)) return 3;
  return hasNode(home, 1) ? 1 : undefined;
}

function servicesOf(nodes: NodeCount): ServiceName[] {
  return nodes === 1 ? ['postgres', 'redis', 'elasticsearch'] : allServices;
}

/** @throws StackError when the stack was made with another number */
function nodesWanted(home: string, wanted: NodeCount | undefined): NodeCount {
  const made = nodesMade(home);
  if (made !== undefined && wanted !== undefined && made !== wanted) {
    throw new StackError(
      `The Elasticsearch in ${home} was made with ${made} node${made === 1 ? '' : 's'}, not ${wanted}.\n` +
        'Set DIRECTORY_HOME to another folder, or stop the stack and move the folder elasticsearch away: the index is made anew.',
    );
  }
  return wanted ?? made ?? 1;
}

const portsFile = (home: string) => path.join(home, 'ports.json');
const lockFile = (home: string) => path.join(home, 'stack.lock');

/**
 * Brings up what does not run of the services asked for (all of them, by default), installing what is missing; a service
 * that died comes back on its port with its data. When one fails, those started with it are stopped again.
 * @throws StackError that says what to do
 */
export async function ensureStack(options: StackOptions, services?: ServiceName[]): Promise<RunningStack> {
  const elasticsearchNodes = nodesWanted(realHome(options.home), options.elasticsearchNodes);
  const wanted = (services ?? servicesOf(elasticsearchNodes)).filter((name) => !options.given?.[settingOf[name]]);
  if (wanted.length === 0) return { urls: urlsOf(realHome(options.home), options), started: [], pids: {} };
  const progress = options.progress ?? (() => {});
  const user = serviceUser();
  requirePlatform();
  const home = prepareHome(options.home, user);
  const downloads = path.resolve(options.downloads ?? path.join(home, 'downloads'));
  requireReach(downloads, user);
  makeFolder(downloads);
  const waiting = (pid: number) => progress(`process ${pid} is at work on this stack: waiting for it`);
  return withLock(
    lockFile(home),
    async () => {
      const context: StackContext = {
        home,
        downloads,
        user,
        ports: readPorts(portsFile(home)),
        env: options.env ?? process.env,
        database: options.database,
        elasticsearchHeapMb: options.elasticsearchHeapMb ?? (elasticsearchNodes === 1 ? 1024 : 512),
        elasticsearchStartsQuickly: options.elasticsearchStartsQuickly ?? false,
        elasticsearchNodes,
        progress,
        signal: options.signal,
      };
      const running = wanted.filter((name) => isRunning(name, home));
      await Promise.all(running.map((name) => greet(name, context)));
      const missing = wanted.filter((name) => !isRunning(name, home));
      if (missing.length > 0) {
        await requireSpace(home, 1024, 'the stack');
        const ports = await choosePorts({
          file: portsFile(home),
          names: missing.flatMap((name) => embedded[name].portNames),
          inUse: allServices.some((name) => isRunning(name, home)),
          patienceMs: 5000,
          progress,
        });
        await startTogether(missing, { ...context, ports });
      }
      const pids = Object.fromEntries(wanted.map((name) => [name, embedded[name].pid(home)]));
      return { urls: urlsOf(home, options), started: missing, pids };
    },
    { waiting, signal: options.signal },
  );
}

const isRunning = (name: ServiceName, home: string) => embedded[name].pid(home) !== undefined;

/** Waits for a running service to answer. One that was just killed is seen to run a moment longer: it is missing then. */
async function greet(name: ServiceName, context: StackContext): Promise<void> {
  try {
    await embedded[name].ready(namedIn(context, name));
  } catch (error) {
    context.signal?.throwIfAborted();
    if (isRunning(name, context.home)) throw error;
  }
}

/** The first failure breaks off the other starts; it is the one that is told. */
async function startTogether(names: ServiceName[], context: StackContext): Promise<void> {
  const failing = new AbortController();
  const signal = context.signal ? AbortSignal.any([context.signal, failing.signal]) : failing.signal;
  const bringUp = async (name: ServiceName) => {
    const own = { ...namedIn(context, name), signal };
    try {
      await embedded[name].start(own);
      await embedded[name].ready(own);
    } catch (error) {
      failing.abort(error);
      throw error;
    }
  };
  const outcomes = await Promise.allSettled(names.map(bringUp));
  if (outcomes.every((outcome) => outcome.status === 'fulfilled')) return;
  await Promise.all(names.map((name) => embedded[name].stop(context.home)));
  throw context.signal?.aborted ? context.signal.reason : failing.signal.reason;
}

const namedIn = (context: StackContext, name: ServiceName): StackContext => ({
  ...context,
  progress: (line) => context.progress(`${name}: ${line}`),
});

/** @returns the services that ran and were stopped */
export async function stopStack(home: string, services = allServices): Promise<ServiceName[]> {
  const folder = realHome(home);
  const running = services.filter((name) => isRunning(name, folder));
  if (running.length === 0) return [];
  return withLock(lockFile(folder), async () => {
    const stopped = await Promise.all(running.map((name) => embedded[name].stop(folder)));
    return running.filter((_, index) => stopped[index]);
  });
}

export function stackStatus(options: Pick<StackOptions, 'home' | 'database' | 'given'>): StackStatus {
  const home = realHome(options.home);
  const urls = urlsOf(home, options);
  const ports = readPorts(portsFile(home));
  const stateOf = (name: ServiceName): ServiceState => {
    if (options.given?.[settingOf[name]]) return { state: 'given', pid: null, port: null };
    const pid = embedded[name].pid(home) ?? null;
    return { state: pid === null ? 'stopped' : 'running', pid, port: ports[name] ?? null };
  };
  return {
    urls: {
      DATABASE_URL: urls.DATABASE_URL || null,
      REDIS_URL: urls.REDIS_URL || null,
      ELASTICSEARCH_URL: urls.ELASTICSEARCH_URL || null,
    },
    services: {
      postgres: stateOf('postgres'),
      redis: stateOf('redis'),
      elasticsearch: stateOf('elasticsearch'),
      ...Object.fromEntries(
        servicesOf(nodesMade(home) ?? 1)
          .slice(3)
          .map((name) => [name, stateOf(name)]),
      ),
    },
  };
}

function urlsOf(home: string, options: Pick<StackOptions, 'database' | 'given'>): ServiceUrls {
  const ports = readPorts(portsFile(home));
  const urlOf = (name: ServiceName) => {
    const given = options.given?.[settingOf[name]];
    if (given) return given;
    const together = servicesOf(nodesMade(home) ?? 1).filter((other) => settingOf[other] === settingOf[name]);
    // A node that is down comes back where it was: who uses the others may know of it.
    if (!together.some((other) => isRunning(other, home))) return '';
    return together.map((other) => embedded[other].url(home, ports, options.database)).join(',');
  };
  return { DATABASE_URL: urlOf('postgres'), REDIS_URL: urlOf('redis'), ELASTICSEARCH_URL: urlOf('elasticsearch') };
}

function requirePlatform(): void {
  if (process.platform === 'linux' || process.platform === 'darwin') return;
  throw new StackError(
    `The embedded stack runs on Linux and macOS, not on ${process.platform}.\n` +
      'Set DATABASE_URL, REDIS_URL and ELASTICSEARCH_URL to servers of yours (docker-compose.yml has all three).',
  );
}
