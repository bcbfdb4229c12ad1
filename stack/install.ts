import { createHash } from 'node:crypto';
import {
  chmodSync,
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { openPromise } from 'yauzl';
import { StackError } from './errors.js';
import { makeFolder } from './home.js';
import { withLock } from './lock.js';

/**
 * The folder `name` below `downloads`, made by `build` if it is not there: whole or not at all, and by one process at a
 * time, for several stacks may share their downloads.
 */
export async function installOnce(
  downloads: string,
  name: string,
  build: (folder: string) => Promise<void>,
  signal?: AbortSignal,
): Promise<string> {
  const folder = path.join(downloads, name);
  if (existsSync(folder)) return folder;
  makeFolder(downloads);
  return withLock(
    `${folder}.lock`,
    async () => {
      if (existsSync(folder)) return folder;
      const partial = `${folder}.partial`;
      rmSync(partial, { recursive: true, force: true });
      mkdirSync(partial);
      try {
        await build(partial);
        letAllRead(partial);
        renameSync(partial, folder);
      } finally {
        rmSync(partial, { recursive: true, force: true });
      }
      return folder;
    },
    { signal },
  );
}

/** The services' account owns none of its programs, so it must be let read and run them, whatever root's umask. */
function letAllRead(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) letAllRead(file);
    else if (entry.isFile()) chmodSync(file, statSync(file).mode & 0o100 ? 0o755 : 0o644);
  }
}

/** @throws StackError when the file's SHA-512, in hexadecimal, is not the expected one */
export async function verifyChecksum(file: string, sha512: string): Promise<void> {
  const hash = createHash('sha512');
  await pipeline(createReadStream(file), hash);
  const found = hash.digest('hex');
  if (found === sha512) return;
  throw new StackError(
    `${path.basename(file)} is not the file that was tried: its SHA-512 begins ${found.slice(0, 16)}, not ${sha512.slice(0, 16)}.\n` +
      'Remove it from the local Maven repository and try again; if it stays so, do not use that repository.',
  );
}

/** Unpacks a zip or jar. `place` gives an entry's path below `folder`, or undefined to leave it out. */
export async function unzip(zip: string, folder: string, place: (name: string) => string | undefined): Promise<void> {
  const archive = await openPromise(zip);
  try {
    for await (const entry of archive.eachEntry()) {
      const relative = entry.fileName.endsWith('/') ? undefined : place(entry.fileName);
      if (relative === undefined) continue;
      const file = path.join(folder, relative);
      mkdirSync(path.dirname(file), { recursive: true });
      // A zip made on Unix keeps the permission bits in the upper half; others have none.
      const mode = (entry.externalFileAttributes >>> 16) & 0o777 || 0o644;
      await pipeline(await archive.openReadStreamPromise(entry), createWriteStream(file, { mode }));
    }
  } finally {
    archive.close();
  }
}
