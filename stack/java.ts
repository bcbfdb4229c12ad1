import { existsSync, readdirSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { StackError } from './errors.js';
import { run } from './run.js';
import { obstacleFor, type ServiceUser } from './user.js';

const leastVersion = 21;

export interface Jdk {
  home: string;
  version: number;
}

/** Folders that hold one JDK each, by the habits of Debian, Fedora, SDKMAN, container images and macOS. */
export function systemJavaFolders(env: NodeJS.ProcessEnv): string[] {
  return [
    '/usr/lib/jvm',
    '/opt/java',
    '/usr/java',
    '/Library/Java/JavaVirtualMachines',
    path.join(env.HOME ?? '/', '.sdkman/candidates/java'),
  ];
}

/**
 * The first JDK that is new enough for Elasticsearch: ES_JAVA_HOME, JAVA_HOME, `java` on the path, then the system's
 * folders, the newest names first.
 * @throws StackError that lists what was found
 */
export async function findJdk(
  env: NodeJS.ProcessEnv,
  user: ServiceUser | undefined,
  folders = systemJavaFolders(env),
): Promise<Jdk> {
  const seen: string[] = [];
  for (const { home, from } of candidates(env, folders)) {
    const version = await javaVersion(path.join(home, 'bin', 'java'));
    const closed = obstacleFor(user, path.join(home, 'bin'));
    if (version !== undefined && version >= leastVersion && !closed) return { home, version };
    if (version === undefined) seen.push(`${from}: no Java at ${home}`);
    else if (closed) seen.push(`${from}: Java ${version} at ${home}, but ${closed} is closed to "${user?.name}"`);
    else seen.push(`${from}: Java ${version}`);
  }
  throw new StackError(
    `Elasticsearch needs a JDK ${leastVersion} or newer, and there is none. Found: ${seen.join('; ') || 'no Java at all'} ` +
      `(looked at ES_JAVA_HOME, JAVA_HOME, the path, ${folders.join(', ')}).\n` +
      'Install one (Debian, Ubuntu: apt-get install openjdk-21-jre-headless, or temurin-21-jdk; macOS: brew install openjdk@21) ' +
      'and set ES_JAVA_HOME if it lies elsewhere; or set ELASTICSEARCH_URL to an Elasticsearch of yours.',
  );
}

function* candidates(env: NodeJS.ProcessEnv, folders: string[]): Generator<{ home: string; from: string }> {
  for (const name of ['ES_JAVA_HOME', 'JAVA_HOME']) {
    const home = env[name];
    if (home) yield { home, from: name };
  }
  for (const folder of (env.PATH ?? '').split(path.delimiter)) {
    const java = path.join(folder, 'java');
    if (folder !== '' && existsSync(java)) yield { home: path.resolve(realpathSync(java), '../..'), from: java };
  }
  for (const folder of folders.filter(existsSync)) {
    const names = readdirSync(folder).sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
    for (const name of names) {
      const home = [path.join(folder, name, 'Contents/Home'), path.join(folder, name)].find((candidate) =>
        existsSync(path.join(candidate, 'bin', 'java')),
      );
      if (home) yield { home, from: home };
    }
  }
}

async function javaVersion(java: string): Promise<number | undefined> {
  const ran = await run(java, ['-version']);
  return ran?.code === 0 ? parseJavaVersion(ran.output) : undefined;
}

/** The major version in what `java -version` prints: 8 of "1.8.0_392", 25 of "25.0.1" and of "25-ea". */
export function parseJavaVersion(output: string): number | undefined {
  const found = /version "(?:1\.)?(\d+)/.exec(output);
  return found ? Number(found[1]) : undefined;
}
