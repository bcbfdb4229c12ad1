import { spawn } from 'node:child_process';

export interface Ran {
  /** null when the program was ended by a signal. */
  code: number | null;
  /** Standard output and standard error as they came. */
  output: string;
}

/** Runs a program to its end. undefined when there is no such program; a program that fails is an ordinary answer. */
export function run(
  command: string,
  args: string[],
  options: {
    cwd?: string;
    signal?: AbortSignal | undefined;
    heard?: (text: string) => void;
    user?: { uid: number; gid: number } | undefined;
    env?: NodeJS.ProcessEnv;
  } = {},
): Promise<Ran | undefined> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      signal: options.signal,
      ...(options.user && { uid: options.user.uid, gid: options.user.gid }),
    });
    let output = '';
    const hear = (chunk: Buffer) => {
      const text = chunk.toString();
      output += text;
      options.heard?.(text);
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    let failure: Error | undefined;
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'EACCES') resolve(undefined);
      failure = error;
    });
    // Broken off or not, it is over only when the program and all that it started have closed their output.
    child.on('close', (code) => (failure ? reject(failure) : resolve({ code, output })));
  });
}
