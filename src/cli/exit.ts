import { CommanderError } from 'commander';
import { StackError } from '../../stack/errors.js';
import { isOutage } from '../db/outage.js';
import { CommandError, DirectoryError, UsageError } from '../errors.js';
import { safeError } from '../logger.js';

const DONE = 0;
const FAILED = 1;
const WRONG_USE = 2;

/** Does a program's work and sets its exit code; a failure is told on standard error, without a stack trace. */
export async function runProgram(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    process.exitCode = report(error);
  }
}

/** Says on standard error what went wrong. @returns the exit code */
function report(error: unknown): number {
  // Commander has said it itself.
  if (error instanceof CommanderError) return error.exitCode === 0 ? DONE : WRONG_USE;
  if (error instanceof UsageError || error instanceof CommandError || error instanceof StackError) {
    console.error(error.message);
    if (error.cause) console.error(`cause: ${JSON.stringify(safeError(error.cause))}`);
    return error instanceof UsageError ? WRONG_USE : FAILED;
  }
  if (error instanceof DirectoryError) {
    console.error(
      [error.message, ...(error.errors ?? []).map(({ path, message }) => `  ${path} ${message}`)].join('\n'),
    );
    return error.code === 'invalid-request' ? WRONG_USE : FAILED;
  }
  if (isOutage(error)) {
    console.error(
      'PostgreSQL cannot be reached, or could not answer in time. Is it running? npm run directory -- stack status',
    );
    return FAILED;
  }
  console.error(`An unexpected failure: ${JSON.stringify(safeError(error), null, 2)}`);
  return FAILED;
}
