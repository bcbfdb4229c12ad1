import type { Kysely } from 'kysely';
import type { Caller } from '../../caller.js';
import { recordAccountAudit, recordSystemAudit } from '../../db/audit.js';
import {
  cancelRebuild,
  findBuildState,
  findLiveIndex,
  findRebuild,
  findRunningRebuild,
  insertRebuild,
  listRebuilds,
  type Rebuild,
} from '../../db/rebuilds.js';
import type { Database } from '../../db/schema.js';
import { DirectoryError } from '../../errors.js';
import type { RebuildView } from '../../schemas/index-rebuilds.js';

const LISTED = 50;

/** Who asks: a user by API, or nobody but the system by the command line. */
export type RebuildAsker = { caller: Caller; requestId: string } | 'system';

/**
 * Asks for a new index beside the one in use. A worker takes it up within a second.
 * @throws DirectoryError `conflict` while one runs, or while there is no complete index
 */
export async function requestRebuild(db: Kysely<Database>, asker: RebuildAsker): Promise<{ rebuildId: string }> {
  return request(db, asker, 'start-index-rebuild', null);
}

/**
 * Asks for the index before that rebuild to be searched again, once what has changed since is in it.
 * @throws DirectoryError `not-found`, `conflict`
 */
export async function requestRollback(
  db: Kysely<Database>,
  asker: RebuildAsker,
  rebuildId: string,
): Promise<{ rebuildId: string }> {
  const rebuild = await getRebuild(db, rebuildId);
  if (!(await mayRollBack(db, rebuild)))
    throw new DirectoryError('conflict', 'Its old index is not there any more, or never was replaced');
  return request(db, asker, 'roll-back-index', rebuildId);
}

async function request(db: Kysely<Database>, asker: RebuildAsker, action: string, rollsBack: string | null) {
  return db.transaction().execute(async (trx) => {
    if (!(await findLiveIndex(trx)))
      throw new DirectoryError('conflict', 'There is no complete index: the workers are filling one');
    const rebuildId = await insertRebuild(trx, rollsBack);
    if (!rebuildId) throw new DirectoryError('conflict', 'A rebuild is running: one at a time');
    await audit(trx, asker, action, rebuildId);
    return { rebuildId };
  });
}

/** @throws DirectoryError `not-found`; `conflict` where it has ended, or is about to go live */
export async function requestCancellation(db: Kysely<Database>, asker: RebuildAsker, rebuildId: string): Promise<void> {
  await getRebuild(db, rebuildId);
  await db.transaction().execute(async (trx) => {
    if (!(await cancelRebuild(trx, rebuildId)))
      throw new DirectoryError('conflict', 'It has ended, or is about to go live');
    await audit(trx, asker, 'cancel-index-rebuild', rebuildId);
  });
}

async function audit(db: Kysely<Database>, asker: RebuildAsker, action: string, rebuildId: string): Promise<void> {
  const event = { action, details: { rebuildId } };
  if (asker === 'system') await recordSystemAudit(db, event);
  else await recordAccountAudit(db, asker.caller, asker.requestId, event);
}

/** @throws DirectoryError `not-found` */
export async function readRebuild(db: Kysely<Database>, rebuildId: string): Promise<RebuildView> {
  return viewOf(db, await getRebuild(db, rebuildId));
}

/** The latest of them, running or ended. */
export async function readRebuilds(db: Kysely<Database>): Promise<{ rebuilds: RebuildView[] }> {
  const rebuilds = await listRebuilds(db, LISTED);
  return { rebuilds: await Promise.all(rebuilds.map((rebuild) => viewOf(db, rebuild))) };
}

/** The one that runs, for the health of the index. */
export async function readRunningRebuild(db: Kysely<Database>): Promise<RebuildView | undefined> {
  const rebuild = await findRunningRebuild(db);
  return rebuild && viewOf(db, rebuild);
}

async function getRebuild(db: Kysely<Database>, rebuildId: string): Promise<Rebuild> {
  const rebuild = await findRebuild(db, rebuildId);
  if (!rebuild) throw new DirectoryError('not-found', 'No such rebuild');
  return rebuild;
}

async function mayRollBack(db: Kysely<Database>, { state, fromIndex }: Rebuild): Promise<boolean> {
  if (state !== 'done' || fromIndex === null) return false;
  return (await findBuildState(db, fromIndex))?.state === 'kept';
}

async function viewOf(db: Kysely<Database>, rebuild: Rebuild): Promise<RebuildView> {
  const { rebuildId, state, rollsBack, reason, fromIndex, toIndex, mappingVersion } = rebuild;
  const { total, copied, repaired, refused, startedAt, copiedAt, endedAt } = rebuild;
  return {
    rebuildId,
    state,
    rollsBack,
    reason,
    fromIndex,
    toIndex,
    mappingVersion,
    progress: { total, copied, repaired, refused, percent: percentOf(rebuild), secondsLeft: secondsLeft(rebuild) },
    mayRollBack: await mayRollBack(db, rebuild),
    startedAt: startedAt.toISOString(),
    copiedAt: copiedAt?.toISOString() ?? null,
    endedAt: endedAt?.toISOString() ?? null,
  };
}

function percentOf({ state, total, copied, copiedAt }: Rebuild): number {
  if (state === 'done' || state === 'rolled-back') return 100;
  // Merging and checking are still to come.
  const share = copiedAt || total === 0 ? 0.99 : Math.min(0.99, copied / total);
  return copied === 0 && !copiedAt ? 0 : Math.round(share * 1_000) / 10;
}

function secondsLeft({ state, total, copied, copiedAt, startedAt }: Rebuild): number | null {
  if (state !== 'running' || copiedAt || copied === 0) return null;
  const seconds = (Date.now() - startedAt.getTime()) / 1_000;
  return Math.max(0, Math.round(((total - copied) / copied) * seconds));
}
