import { chownSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { makeFolder } from './home.js';
import { installOnce, unzip, verifyChecksum } from './install.js';
import { findJdk, type Jdk } from './java.js';
import { copyArtifact } from './maven.js';
import type { Ports } from './ports.js';
import { type Launched, launch, serverPid, stopLaunched, stopServer, untilReady } from './processes.js';
import type { EmbeddedService, StackContext } from './service.js';

const label = 'Elasticsearch';
const artifact = {
  group: 'org.elasticsearch.distribution.integ-test-zip',
  artifact: 'elasticsearch',
  version: '9.5.0',
  type: 'zip',
};
const artifactSha512 =
  'c06bd4ef7691da91052cada7bb255b2d7c48a1422820a8db0e3e3a1ed0dde4e8d380cdbadeb7029cc56167b9ad3a6d89f6b8edbc48d4b8685d1ab24a7ab17dd5';
const instead = 'set ELASTICSEARCH_URL to an Elasticsearch of yours';

/** One of the nodes, which are numbered from 1; together they are one cluster. */
export function elasticsearchNode(number: number): EmbeddedService {
  return {
    label: number === 1 ? label : `${label}'s node ${number}`,
    portNames: [httpPort(number), transportPort(number)],
    pid: (home) => pid(home, number),
    start: (context) => start(context, number),
    ready: (context) => ready(context, number),
    stop: (home) => stopServer(label, pid(home, number), signals),
    url: (_home, ports) => url(ports, number),
  };
}

/** Whether such a node has been started here before. */
export function hasNode(home: string, number: number): boolean {
  return existsSync(path.join(nodeOf(home, number), 'data'));
}

const httpPort = (number: number) => (number === 1 ? 'elasticsearch' : `elasticsearch-${number}`);
const transportPort = (number: number) => `${httpPort(number)}-transport`;
const nodeOf = (home: string, number: number) => path.join(home, 'elasticsearch', `node-${number}`);
const pidFileOf = (home: string, number: number) => path.join(nodeOf(home, number), 'elasticsearch.pid');
const launchLogOf = (home: string, number: number) => path.join(nodeOf(home, number), 'launch.log');
/** A system property that does nothing but show whose the process is. */
const markOf = (home: string, number: number) => `-Ddirectory.node=${nodeOf(home, number)}`;

function pid(home: string, number: number): number | undefined {
  return serverPid(pidFileOf(home, number), markOf(home, number));
}

function url(ports: Ports, number: number): string {
  return `http://127.0.0.1:${ports[httpPort(number)]}`;
}

async function start(context: StackContext, number: number): Promise<void> {
  const jdk = await findJdk(context.env, context.user);
  const program = await installed(context);
  const node = nodeOf(context.home, number);
  makeFolder(path.join(context.home, 'elasticsearch'), { user: context.user });
  rmSync(path.join(node, 'tmp'), { recursive: true, force: true });
  for (const name of ['', 'config', 'config/jvm.options.d', 'data', 'logs', 'tmp']) {
    makeFolder(path.join(node, name), { user: context.user });
  }
  writeSettings(context, number);
  rmSync(pidFileOf(context.home, number), { force: true });
  // Left by a start that was broken off while it made its (empty) keystore, and in the way of the next.
  rmSync(path.join(node, 'config', 'elasticsearch.keystore.tmp'), { force: true });
  context.progress(
    `starting Elasticsearch ${artifact.version} on port ${context.ports[httpPort(number)]}, Java ${jdk.version}`,
  );
  await launchServer(context, number, program, jdk);
}

/** The small distribution: the real server with few modules, whose every feature we need is in the core. */
function installed(context: StackContext): Promise<string> {
  return installOnce(
    context.downloads,
    `elasticsearch-${artifact.version}`,
    async (folder) => {
      const options = { progress: context.progress, signal: context.signal, env: context.env, instead };
      const zip = await copyArtifact(artifact, folder, options);
      await verifyChecksum(zip, artifactSha512);
      context.progress('unpacking');
      await unzip(zip, folder, (name) => name.slice(name.indexOf('/') + 1));
      rmSync(zip);
      for (const name of ['plugins', 'logs']) mkdirSync(path.join(folder, name), { recursive: true });
    },
    context.signal,
  );
}

function writeSettings(context: StackContext, number: number): void {
  const node = nodeOf(context.home, number);
  const settings = {
    'cluster.name': 'child-directory',
    'node.name': nameOf(number),
    ...discovery(context),
    'network.host': '127.0.0.1',
    'http.port': context.ports[httpPort(number)],
    'transport.port': context.ports[transportPort(number)],
    'xpack.security.enabled': false,
    'path.data': path.join(node, 'data'),
    'path.logs': path.join(node, 'logs'),
    // The defaults are shares of the disk (85, 90, 95 %): a developer's disk of 500 GB is often fuller than that and still
    // has tens of gigabytes free, and beyond the last every index turns read-only. So: how much must be left.
    'cluster.routing.allocation.disk.watermark.low': '1gb',
    'cluster.routing.allocation.disk.watermark.high': '600mb',
    'cluster.routing.allocation.disk.watermark.flood_stage': '300mb',
  };
  write(
    context,
    number,
    'elasticsearch.yml',
    Object.entries(settings).map(([name, value]) => `${name}: ${JSON.stringify(value)}`),
  );
  write(context, number, 'jvm.options', jvmOptions(context, number));
  write(context, number, 'log4j2.properties', loggingSettings);
}

const nameOf = (number: number) => `node-${number}`;

/** Where the nodes find one another. The masters of the first election count at the very first start alone. */
function discovery({ elasticsearchNodes, ports }: StackContext): Record<string, string | string[]> {
  if (elasticsearchNodes === 1) return { 'discovery.type': 'single-node' };
  const numbers = Array.from({ length: elasticsearchNodes }, (_, at) => at + 1);
  return {
    'discovery.seed_hosts': numbers.map((number) => `127.0.0.1:${ports[transportPort(number)]}`),
    'cluster.initial_master_nodes': numbers.map(nameOf),
  };
}

/** The distribution's own options without its garbage-collection logs, and without heap dumps: they hold children's names. */
function jvmOptions(context: StackContext, number: number): string[] {
  return [
    `-Xms${context.elasticsearchHeapMb}m`,
    `-Xmx${context.elasticsearchHeapMb}m`,
    '-XX:+UseG1GC',
    '-XX:+ExitOnOutOfMemoryError',
    // The second compiler takes as much of a start as all else together, and pays only later.
    ...(context.elasticsearchStartsQuickly ? ['-XX:TieredStopAtLevel=1'] : []),
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Elasticsearch's launcher fills it in
    '-Djava.io.tmpdir=${ES_TMPDIR}',
    '20-:--add-modules=jdk.incubator.vector',
    '-Dorg.apache.lucene.store.defaultReadAdvice=normal',
    '-Dorg.apache.lucene.store.MMapDirectory.sharedArenaMaxPermits=1',
    '--add-opens=java.base/java.nio=ALL-UNNAMED',
    '--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED',
    markOf(context.home, number),
  ];
}

/** One small log: the slow logs and the query log, which hold what was searched for, have no appender. */
const loggingSettings = [
  'status = error',
  'appender.file.type = RollingFile',
  'appender.file.name = file',
  // biome-ignore-start lint/suspicious/noTemplateCurlyInString: Log4j fills them in
  'appender.file.fileName = ${sys:es.logs.base_path}/elasticsearch.log',
  'appender.file.filePattern = ${sys:es.logs.base_path}/elasticsearch-%i.log',
  // biome-ignore-end lint/suspicious/noTemplateCurlyInString: end
  'appender.file.layout.type = PatternLayout',
  'appender.file.layout.pattern = [%d{ISO8601}][%-5p][%-25c{1.}] %m%n',
  'appender.file.policies.type = Policies',
  'appender.file.policies.size.type = SizeBasedTriggeringPolicy',
  'appender.file.policies.size.size = 16MB',
  'appender.file.strategy.type = DefaultRolloverStrategy',
  'appender.file.strategy.max = 2',
  'rootLogger.level = info',
  'rootLogger.appenderRef.file.ref = file',
];

function write(context: StackContext, number: number, name: string, lines: string[]): void {
  const file = path.join(nodeOf(context.home, number), 'config', name);
  writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
  if (context.user) chownSync(file, context.user.uid, context.user.gid);
}

/** With -d the launchers end when the server is up: nothing is left but the server, whose pid -p writes. */
async function launchServer(context: StackContext, number: number, program: string, jdk: Jdk): Promise<void> {
  const node = nodeOf(context.home, number);
  const tmp = path.join(node, 'tmp');
  // The launchers leave folders in their temporary one, the system's by default; their options can't hold a blank.
  const launchers: Record<string, string> = /\s/.test(tmp) ? {} : { CLI_JAVA_OPTS: `-Djava.io.tmpdir=${tmp}` };
  const launched = launch(path.join(program, 'bin', 'elasticsearch'), ['-d', '-p', pidFileOf(context.home, number)], {
    cwd: node,
    env: { ...launchers, ES_JAVA_HOME: jdk.home, ES_PATH_CONF: path.join(node, 'config'), ES_TMPDIR: tmp },
    logFile: launchLogOf(context.home, number),
    user: context.user,
  });
  const began = Date.now();
  try {
    await answers(context, number, () => gone(context.home, number, launched));
    context.progress(`ready after ${Math.round((Date.now() - began) / 1000)} s`);
  } catch (error) {
    await stopLaunched(label, launched, signals);
    throw error;
  }
}

function gone(home: string, number: number, launched: Launched): string | undefined {
  const how = launched.ended();
  return launched.exitCode() === 0 && pid(home, number) !== undefined ? undefined : how;
}

async function ready(context: StackContext, number: number): Promise<void> {
  await answers(context, number, () => (pid(context.home, number) === undefined ? 'no process' : undefined));
}

async function answers(context: StackContext, number: number, ended: () => string | undefined): Promise<void> {
  const serverUrl = url(context.ports, number);
  let redSince: number | undefined;
  const ready = async () => {
    const status = await healthOf(serverUrl);
    if (status !== 'red') return status !== undefined;
    // An index whose shard is lost stays red: it is disposable, and can only be rebuilt on a server that is up.
    redSince ??= Date.now();
    if (Date.now() - redSince < 20_000) return false;
    context.progress('up, but an index is red: rebuild it');
    return true;
  };
  await untilReady(ready, ended, {
    label,
    logFiles: [launchLogOf(context.home, number), path.join(nodeOf(context.home, number), 'logs', 'elasticsearch.log')],
    timeoutSeconds: 300,
    progress: context.progress,
    signal: context.signal,
  });
}

/** green, yellow or red; undefined when nothing answers. */
async function healthOf(serverUrl: string): Promise<string | undefined> {
  try {
    const response = await fetch(`${serverUrl}/_cluster/health`, { signal: AbortSignal.timeout(3000) });
    return response.ok ? ((await response.json()) as { status: string }).status : undefined;
  } catch {
    return undefined;
  }
}

const signals: [NodeJS.Signals, number][] = [
  ['SIGTERM', 60],
  ['SIGKILL', 10],
];
