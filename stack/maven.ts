import { tmpdir } from 'node:os';
import path from 'node:path';
import { StackError } from './errors.js';
import { withLock } from './lock.js';
import { run } from './run.js';

const copyGoal = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy';

export interface MavenArtifact {
  group: string;
  artifact: string;
  version: string;
  type: string;
}

/**
 * Copies an artifact into a folder below the downloads by the machine's own Maven client, with whatever repository and proxy that is set to.
 * @returns the file's path
 * @throws StackError when there is no Maven, or it can't get the artifact
 */
export async function copyArtifact(
  wanted: MavenArtifact,
  folder: string,
  options: {
    progress: (line: string) => void;
    instead: string;
    signal?: AbortSignal | undefined;
    env?: NodeJS.ProcessEnv;
  },
): Promise<string> {
  const coordinates = `${wanted.group}:${wanted.artifact}:${wanted.version}:${wanted.type}`;
  // No pom.xml is wanted, hence a folder that has none; no --batch-mode, which would silence the progress.
  const args = ['-Dstyle.color=never', copyGoal, `-Dartifact=${coordinates}`, `-DoutputDirectory=${folder}`];
  const copy = () =>
    withProgress(`downloading ${wanted.artifact} ${wanted.version} by Maven`, options.progress, (heard) =>
      run('mvn', args, { cwd: tmpdir(), signal: options.signal, heard, env: options.env }),
    );
  // Maven's local repository is not made for two writers at once, and the second has less to download.
  const ran = await withLock(path.join(path.dirname(folder), 'maven.lock'), copy, { signal: options.signal });
  if (!ran) {
    throw new StackError(
      `Maven (mvn), by which ${wanted.artifact} ${wanted.version} is installed, is not on the path.\n` +
        `Install it (Debian, Ubuntu: apt-get install maven; macOS: brew install maven), or ${options.instead}.`,
    );
  }
  if (ran.code !== 0) {
    throw new StackError(
      `Maven could not download ${coordinates}: ${firstError(ran.output)}\n` +
        `See to the network, or the repository and proxy in Maven's settings.xml; or ${options.instead}.`,
    );
  }
  return path.join(folder, `${wanted.artifact}-${wanted.version}.${wanted.type}`);
}

/** Maven rewrites "Progress (1): 45/130 MB" in place; the last one heard is told every two seconds. */
async function withProgress<T>(
  label: string,
  progress: (line: string) => void,
  work: (heard: (text: string) => void) => Promise<T>,
): Promise<T> {
  const began = Date.now();
  let size = '';
  const heard = (text: string) => {
    size = [...text.matchAll(/Progress \(\d+\): ([\d.]+\/[\d.]+ [kMG]B)/g)].at(-1)?.[1] ?? size;
  };
  progress(label);
  const ticker = setInterval(() => {
    progress(`${label}: ${size ? `${size}, ` : ''}${Math.round((Date.now() - began) / 1000)} s`);
  }, 2000);
  try {
    return await work(heard);
  } finally {
    clearInterval(ticker);
  }
}

function firstError(output: string): string {
  const lines = output.trim().split('\n');
  const line = lines.find((text) => text.startsWith('[ERROR]')) ?? lines.at(-1) ?? '';
  return line.replace('[ERROR] ', '').slice(0, 500);
}
