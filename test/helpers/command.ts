import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Test } from 'tap';
import { projectRoot } from '../../src/config.js';
import type { TestDirectory } from './directory.js';
import { until } from './wait.js';

/** The `directory` command in a process of its own. */
export interface Command {
  process: ChildProcessWithoutNullStreams;
  /** Standard output and standard error so far. */
  output(): string;
  running(): boolean;
  /** Sends the signal and waits for the end. */
  end(signal?: NodeJS.Signals): Promise<void>;
}

export function startCommand(
  t: Test,
  { config, urls }: TestDirectory,
  args: string[],
  changes: NodeJS.ProcessEnv = {},
): Command {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/directory.ts', ...args], {
    cwd: path.resolve(projectRoot),
    env: {
      ...process.env,
      DATABASE_URL: urls.databaseUrl,
      REDIS_URL: urls.redisUrl,
      ELASTICSEARCH_URL: urls.elasticsearchUrl,
      DIRECTORY_INSTANCE: config.instance,
      LOG_LEVEL: 'info',
      RATE_LIMIT_SEARCHES_PER_MINUTE: '0',
      INDEX_CHECK_MINUTES: String(config.index.checkMinutes),
      INDEX_DEEP_CHECK_HOURS: String(config.index.deepCheckHours),
      AUDIT_HEADS_FILE: config.audit.headsFile,
      PROTECTION_CHECK_MINUTES: String(config.protectionCheckMinutes),
      PROTECTION_JOURNAL_FILE: config.protectionJournalFile,
      AUTH_JWT_SECRET: config.secrets.jwt,
      ...changes,
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  // A pipe whose reader was killed.
  child.stdin.on('error', () => undefined);
  const ended = once(child, 'close');
  const running = () => child.exitCode === null && child.signalCode === null;
  const end = async (signal: NodeJS.Signals = 'SIGTERM') => {
    child.kill(signal);
    await ended;
  };
  t.teardown(() => end('SIGKILL'));
  return { process: child, output: () => output, running, end };
}

/** A worker process at work: killing it disturbs nobody else. */
export async function startWorker(t: Test, directory: TestDirectory): Promise<Command> {
  const worker = startCommand(t, directory, ['work']);
  await until(() => worker.output().includes('workers started'), { seconds: 30 });
  return worker;
}
