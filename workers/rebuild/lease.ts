import type { Context } from '../../src/context.js';
import { findRebuild, type Lease, type Rebuild, type RebuildProgress, saveProgress } from '../../src/db/rebuilds.js';
import type { RebuildFailure } from '../../src/db/schema.js';

/** The rebuild cannot come to a good end: it is over. */
export class RebuildFailedError extends Error {
  override readonly name = 'RebuildFailedError';
  constructor(readonly reason: RebuildFailure) {
    super(reason);
  }
}

/** It was cancelled, or another worker has taken it over. */
export class RebuildLostError extends Error {
  override readonly name = 'RebuildLostError';
}

/** @throws RebuildLostError */
export async function save(context: Context, lease: Lease, progress: RebuildProgress): Promise<void> {
  if (!(await saveProgress(context.db, lease, progress))) throw new RebuildLostError();
}

/** @throws RebuildLostError */
export async function getHeld({ db }: Context, { rebuildId }: Lease): Promise<Rebuild> {
  const rebuild = await findRebuild(db, rebuildId);
  if (!rebuild) throw new RebuildLostError();
  return rebuild;
}
