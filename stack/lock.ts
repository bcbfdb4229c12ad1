import { linkSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { beginning } from './processes.js';

export interface LockOptions {
  /** Called once if another process holds the lock. */
  waiting?: (ownerPid: number) => void;
  signal?: AbortSignal | undefined;
}

/** Does `work` while no other process or call does its own under the same lock file; a dead owner's lock is broken. */
export async function withLock<T>(file: string, work: () => Promise<T>, options: LockOptions = {}): Promise<T> {
  let said = false;
  while (!take(file)) {
    const owner = liveOwner(file);
    if (owner === undefined) {
      breakLock(file);
    } else if (!said) {
      options.waiting?.(owner);
      said = true;
    }
    await sleep(100, undefined, { signal: options.signal });
  }
  try {
    return await work();
  } finally {
    unlinkSync(file);
  }
}

/** A hard link appears with its content or not at all, so nobody ever reads a lock without an owner. */
function take(file: string): boolean {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${process.pid} ${beginning(process.pid)}`);
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    unlinkSync(draft);
  }
}

function liveOwner(file: string): number | undefined {
  try {
    const [pid = '', began] = readFileSync(file, 'utf8').split(/ (.*)/);
    return began && beginning(Number(pid)) === began ? Number(pid) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Two that find the same dead owner must not both remove "its" lock, or the second would remove the first's new one:
 * a second file lets one at a time look again and remove, without a pause between.
 */
function breakLock(file: string): void {
  const guard = `${file}.breaking`;
  try {
    writeFileSync(guard, '', { flag: 'wx' });
  } catch {
    // Held for microseconds; older than this, its owner died holding it.
    const age = Date.now() - (statSync(guard, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > 10_000) unlinkSync(guard);
    return;
  }
  try {
    if (liveOwner(file) === undefined) unlinkSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  } finally {
    unlinkSync(guard);
  }
}
