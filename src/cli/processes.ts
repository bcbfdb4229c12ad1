import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';
import { projectRoot } from '../config.js';
import { CommandError } from '../errors.js';

// As this file runs: from its source, or compiled.
const extension = path.extname(fileURLToPath(import.meta.url));
const loader = extension === '.ts' ? ['--import', 'tsx'] : [];
const entry = path.join(projectRoot, `src/cli/directory${extension}`);
const READY_WITHIN_MS = 60_000;

/** A `directory` command in a process of its own, as a user would start it. Its log goes to a file. */
export interface DirectoryProcess {
  pid: number;
  stop(): Promise<void>;
}

function start(args: string[], env: NodeJS.ProcessEnv, logFile: string): ChildProcess {
  return spawn(process.execPath, [...loader, entry, ...args], {
    cwd: projectRoot,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', openSync(logFile, 'a')],
  });
}

/** Runs a command to its end. @throws CommandError when it fails */
export async function runDirectory(args: string[], env: NodeJS.ProcessEnv): Promise<string> {
  const child = spawn(process.execPath, [...loader, entry, ...args], {
    cwd: projectRoot,
    env: { ...process.env, LOG_LEVEL: 'warn', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new CommandError(`directory ${args[0]} ended with ${code ?? 'a signal'}`);
  return output;
}

/** Starts a command that runs until it is stopped; resolves with its first line when it says that it is ready. */
export async function startDirectory(
  args: string[],
  env: NodeJS.ProcessEnv,
  logFile: string,
  ready: RegExp,
): Promise<DirectoryProcess & { line: string }> {
  const child = start(args, env, logFile);
  const ended = once(child, 'close');
  const lines = readline.createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const timeout = setTimeout(() => child.kill('SIGKILL'), READY_WITHIN_MS);
  try {
    for await (const line of lines)
      if (ready.test(line)) return { line, pid: child.pid as number, stop: () => stop(child, ended) };
    throw new CommandError(`directory ${args[0]} did not start. Its log: ${logFile}`);
  } finally {
    clearTimeout(timeout);
  }
}

async function stop(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
  await ended;
}
