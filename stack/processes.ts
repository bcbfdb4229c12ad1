import { execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { StackError } from './errors.js';
import type { ServiceUser } from './user.js';

/** A process's command line; empty for one that is gone, or dead and not yet reaped. */
export function commandLine(pid: number): string {
  if (process.platform === 'linux') {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    } catch {
      return '';
    }
  }
  return ps(pid, 'command=');
}

/** When a process began, in whatever unit the system counts: with the pid it tells a process from its successors. */
export function beginning(pid: number): string {
  return process.platform === 'linux' ? (statFields(pid)[19] ?? '') : ps(pid, 'lstart=');
}

/** Linux: what follows the name in /proc/PID/stat (proc(5)), from the state on; nothing for a process that is gone. */
function statFields(pid: number): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

function ps(pid: number, column: string): string {
  try {
    return execFileSync('ps', ['-ww', '-o', column, '-p', String(pid)], { encoding: 'utf8' }).trim();
  } catch {
    return '';
  }
}

/**
 * The pid in a server's own pid file, if that process lives and its command line names `mark` (a folder that only this
 * server is started with): a recycled pid is never taken for the server, hence never killed.
 */
export function serverPid(pidFile: string, mark: string): number | undefined {
  let content: string;
  try {
    content = readFileSync(pidFile, 'utf8');
  } catch {
    return undefined;
  }
  const pid = Number.parseInt(content, 10);
  return pid > 0 && commandLine(pid).includes(mark) ? pid : undefined;
}

export interface Launched {
  /** Also the id of the process group that it and its children form. Undefined when it could not be started. */
  pid: number | undefined;
  /** How the process ended, in words; undefined while it runs. */
  ended(): string | undefined;
  exitCode(): number | null;
}

export interface LaunchOptions {
  cwd: string;
  env: Record<string, string>;
  logFile: string;
  user: ServiceUser | undefined;
}

/** Starts a process that outlives this one. The log of the start before is kept beside, as `….previous`. */
export function launch(command: string, args: string[], options: LaunchOptions): Launched {
  if (existsSync(options.logFile)) renameSync(options.logFile, `${options.logFile}.previous`);
  const log = openSync(options.logFile, 'a', 0o600);
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin', HOME: options.cwd, ...options.env },
    stdio: ['ignore', log, log],
    detached: true,
    ...(options.user && { uid: options.user.uid, gid: options.user.gid }),
  });
  closeSync(log);
  child.unref();
  let failure: string | undefined;
  child.on('error', (error) => {
    failure = error.message;
  });
  return {
    pid: child.pid,
    exitCode: () => child.exitCode,
    ended: () => {
      if (failure) return failure;
      if (child.signalCode) return `ended by ${child.signalCode}`;
      return child.exitCode === null ? undefined : `exit code ${child.exitCode}`;
    },
  };
}

export interface Waiting {
  /** Shown to people: "PostgreSQL". */
  label: string;
  logFiles: string[];
  timeoutSeconds: number;
  progress: (line: string) => void;
  signal?: AbortSignal | undefined;
}

/**
 * Asks `ready` until it says yes.
 * @throws StackError with the log's last lines when `ended` tells that the server is gone, or the time is over
 */
export async function untilReady(
  ready: () => Promise<boolean>,
  ended: () => string | undefined,
  waiting: Waiting,
): Promise<void> {
  const began = Date.now();
  let nextWord = began + 5000;
  while (!(await ready())) {
    waiting.signal?.throwIfAborted();
    const how = ended();
    if (how) throw new StackError(`${waiting.label} ended while it started (${how}).${logTails(waiting.logFiles)}`);
    const seconds = Math.round((Date.now() - began) / 1000);
    if (seconds > waiting.timeoutSeconds) {
      throw new StackError(
        `${waiting.label} runs but has not answered for ${waiting.timeoutSeconds} s.${logTails(waiting.logFiles)}`,
      );
    }
    if (Date.now() > nextWord) {
      waiting.progress(`still starting, ${seconds} s`);
      nextWord += 5000;
    }
    await sleep(100, undefined, { signal: waiting.signal });
  }
}

const logTails = (files: string[]) => files.map((file) => logTail(file)).join('');

export function logTail(logFile: string, lines = 5): string {
  let content = '';
  try {
    content = readFileSync(logFile, 'utf8').trim();
  } catch {
    return '';
  }
  if (content === '') return '';
  // Of a Java error the message says more than the stack.
  const tail = content
    .split('\n')
    .filter((line) => !/^\s+(at|\.\.\.) /.test(line))
    .slice(-lines);
  return `\nThe last lines of ${logFile}:\n${tail.map((line) => `  ${line.slice(0, 300)}`).join('\n')}`;
}

/**
 * Ends a server by the first signal, and by the next ones if it still lives after the seconds given with each.
 * It is followed by its pid, not by its pid file: servers remove theirs when they begin to end.
 * @returns false when there was none
 */
export async function stopServer(
  label: string,
  pid: number | undefined,
  steps: [NodeJS.Signals, number][],
  lives: () => boolean = sameProcess(pid),
): Promise<boolean> {
  if (pid === undefined) return false;
  for (const [signal, seconds] of steps) {
    send(label, pid, signal);
    const deadline = Date.now() + seconds * 1000;
    while (lives() && Date.now() < deadline) await sleep(50);
    if (!lives()) return true;
  }
  throw new StackError(`${label} (pid ${pid}) does not end, not even by SIGKILL.`);
}

function sameProcess(pid = 0): () => boolean {
  const began = beginning(pid);
  return () => began !== '' && beginning(pid) === began && !isDead(pid);
}

/** Dead and not yet reaped. Of a process with threads the first may be dead while others still hold its port and files. */
function isDead(pid: number): boolean {
  if (process.platform !== 'linux') return ps(pid, 'stat=').startsWith('Z');
  try {
    return statFields(pid)[0] === 'Z' && readdirSync(`/proc/${pid}/task`).length === 1;
  } catch {
    return true;
  }
}

/** Ends a launch that failed, with all that it has started meanwhile: a launcher does not always pass a signal on. */
export async function stopLaunched(
  label: string,
  launched: Launched,
  steps: [NodeJS.Signals, number][],
): Promise<void> {
  const { pid } = launched;
  if (pid !== undefined && groupLives(pid)) await stopServer(label, -pid, steps, () => groupLives(pid));
}

function groupLives(group: number): boolean {
  if (process.platform !== 'linux') {
    try {
      return process.kill(-group, 0);
    } catch {
      return false;
    }
  }
  // The dead whom nobody has reaped yet are members too, but not alive.
  return readdirSync('/proc').some((entry) => {
    if (!/^\d+$/.test(entry)) return false;
    const [state, , ofGroup] = statFields(Number(entry));
    return ofGroup === String(group) && state !== 'Z';
  });
}

function send(label: string, pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return;
    throw new StackError(`${label} (pid ${pid}) belongs to another user: stop it as that user.`);
  }
}
