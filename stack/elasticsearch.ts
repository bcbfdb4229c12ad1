import { chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
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

export const elasticsearch: EmbeddedService = {
  label,
  portNames: ['elasticsearch', 'elasticsearch-transport'],
  pid,
  start,
  ready,
  stop,
  url,
};

/** Everything of the one node; a cluster would have several such folders and pairs of ports. */
const nodeOf = (home: string) => path.join(home, 'elasticsearch', 'node-1');
const pidFileOf = (home: string) => path.join(nodeOf(home), 'elasticsearch.pid');
const launchLogOf = (home: string) => path.join(nodeOf(home), 'launch.log');
/** A system property that does nothing but show whose the process is. */
const markOf = (home: string) => `-Ddirectory.node=${nodeOf(home)}`;

function pid(home: string): number | undefined {
  return serverPid(pidFileOf(home), markOf(home));
}

function url(_home: string, ports: Ports): string {
  return `http://127.0.0.1:${ports.elasticsearch}`;
}

async function start(context: StackContext): Promise<void> {
  const jdk = await findJdk(context.env, context.user);
  const program = await installed(context);
  const node = nodeOf(context.home);
  makeFolder(path.join(context.home, 'elasticsearch'), { user: context.user });
  rmSync(path.join(node, 'tmp'), { recursive: true, force: true });
  for (const name of ['', 'config', 'config/jvm.options.d', 'data', 'logs', 'tmp']) {
    makeFolder(path.join(node, name), { user: context.user });
  }
  writeSettings(context);
  rmSync(pidFileOf(context.home), { force: true });
  // Left by a start that was broken off while it made its (empty) keystore, and in the way of the next.
  rmSync(path.join(node, 'config', 'elasticsearch.keystore.tmp'), { force: true });
  context.progress(
    `starting Elasticsearch ${artifact.version} on port ${context.ports.elasticsearch}, Java ${jdk.version}`,
  );
  await launchServer(context, program, jdk);
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

function writeSettings(context: StackContext): void {
  const node = nodeOf(context.home);
  const settings = {
    'cluster.name': 'child-directory',
    'node.name': 'node-1',
    'discovery.type': 'single-node',
    'network.host': '127.0.0.1',
    'http.port': context.ports.elasticsearch,
    'transport.port': context.ports['elasticsearch-transport'],
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
    'elasticsearch.yml',
    Object.entries(settings).map(([name, value]) => `${name}: ${JSON.stringify(value)}`),
  );
  write(context, 'jvm.options', jvmOptions(context));
  write(context, 'log4j2.properties', loggingSettings);
}

/** The distribution's own options without its garbage-collection logs, and without heap dumps: they hold children's names. */
function jvmOptions(context: StackContext): string[] {
  return [
    `-Xms${context.elasticsearchHeapMb}m`,
    `-Xmx${context.elasticsearchHeapMb}m`,
    '-XX:+UseG1GC',
    '-XX:+ExitOnOutOfMemoryError',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Elasticsearch's launcher fills it in
    '-Djava.io.tmpdir=${ES_TMPDIR}',
    '20-:--add-modules=jdk.incubator.vector',
    '-Dorg.apache.lucene.store.defaultReadAdvice=normal',
    '-Dorg.apache.lucene.store.MMapDirectory.sharedArenaMaxPermits=1',
    '--add-opens=java.base/java.nio=ALL-UNNAMED',
    '--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED',
    markOf(context.home),
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

function write(context: StackContext, name: string, lines: string[]): void {
  const file = path.join(nodeOf(context.home), 'config', name);
  writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
  if (context.user) chownSync(file, context.user.uid, context.user.gid);
}

/** With -d the launchers end when the server is up: nothing is left but the server, whose pid -p writes. */
async function launchServer(context: StackContext, program: string, jdk: Jdk): Promise<void> {
  const node = nodeOf(context.home);
  const tmp = path.join(node, 'tmp');
  // The launchers leave folders in their temporary one, the system's by default; their options can't hold a blank.
  const launchers: Record<string, string> = /\s/.test(tmp) ? {} : { CLI_JAVA_OPTS: `-Djava.io.tmpdir=${tmp}` };
  const launched = launch(path.join(program, 'bin', 'elasticsearch'), ['-d', '-p', pidFileOf(context.home)], {
    cwd: node,
    env: { ...launchers, ES_JAVA_HOME: jdk.home, ES_PATH_CONF: path.join(node, 'config'), ES_TMPDIR: tmp },
    logFile: launchLogOf(context.home),
    user: context.user,
  });
  const began = Date.now();
  try {
    await answers(context, () => gone(context.home, launched));
    context.progress(`ready after ${Math.round((Date.now() - began) / 1000)} s`);
  } catch (error) {
    await stopLaunched(label, launched, signals);
    throw error;
  }
}

function gone(home: string, launched: Launched): string | undefined {
  const how = launched.ended();
  return launched.exitCode() === 0 && pid(home) !== undefined ? undefined : how;
}

async function ready(context: StackContext): Promise<void> {
  await answers(context, () => (pid(context.home) === undefined ? 'no process' : undefined));
}

async function answers(context: StackContext, ended: () => string | undefined): Promise<void> {
  const serverUrl = url(context.home, context.ports);
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
    logFiles: [launchLogOf(context.home), path.join(nodeOf(context.home), 'logs', 'elasticsearch.log')],
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

function stop(home: string): Promise<boolean> {
  return stopServer(label, pid(home), signals);
}
