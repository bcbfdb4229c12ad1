import type { estypes } from '@elastic/elasticsearch';
import type { Context } from '../../src/context.js';
import { recordSystemAudit } from '../../src/db/audit.js';
import {
  finishRebuild,
  holdRebuild,
  holdRetiredIndices,
  type Lease,
  markDropped,
  retireIndices,
} from '../../src/db/rebuilds.js';
import { holdAliases, indexBehind, nextAlias, readAlias, writeAlias } from '../../src/search/aliases.js';
import { RebuildLostError, save } from './lease.js';

export const ES_TIMEOUT_MS = 10_000;

/** Both aliases at once, in Elasticsearch before PostgreSQL says so: whoever dies between them is followed by one who does it again. */
export async function goLive(context: Context, lease: Lease, toIndex: string, refusedIds: string[]): Promise<void> {
  const { db, config, elasticsearch, log } = context;
  await save(context, lease, { moving_at: new Date() });
  await db.transaction().execute(async (trx) => {
    await holdAliases(trx);
    const rebuild = await holdRebuild(trx, lease);
    if (!rebuild) throw new RebuildLostError();
    await elasticsearch.indices.refresh({ index: toIndex }, { requestTimeout: ES_TIMEOUT_MS });
    await pointAliases(context, [readAlias(config.instance), writeAlias(config.instance)], toIndex);
    await finishRebuild(trx, rebuild, refusedIds);
    const { rebuildId, copied, repaired, refused } = rebuild;
    const details = { rebuildId, copied, repaired, refused };
    await recordSystemAudit(trx, { action: rebuild.rollsBack ? 'index-rolled-back' : 'index-rebuilt', details });
  });
  log.info({ rebuildId: lease.rebuildId, index: toIndex }, 'the rebuilt index is live');
  // Whoever wakes up late with an old page in hand writes nowhere.
  await pointAliases(context, [nextAlias(config.instance)], undefined);
}

/** All of them at once, away from wherever they point. */
export async function pointAliases(context: Context, aliases: string[], index: string | undefined): Promise<void> {
  const actions: estypes.IndicesUpdateAliasesAction[] = [];
  for (const alias of aliases) {
    const behind = await indexBehind(context, alias);
    if (behind && behind !== index) actions.push({ remove: { index: behind, alias } });
    const isRead = alias === readAlias(context.config.instance);
    if (index) actions.push({ add: { index, alias, ...(isRead ? {} : { is_write_index: true }) } });
  }
  if (actions.length > 0)
    await context.elasticsearch.indices.updateAliases({ actions }, { requestTimeout: ES_TIMEOUT_MS });
}

/** Never one that is searched or written to, whatever PostgreSQL says of it. */
export async function dropOldIndices(context: Context): Promise<void> {
  const { db, config, elasticsearch, log } = context;
  await retireIndices(db);
  await db.transaction().execute(async (trx) => {
    const retired = await holdRetiredIndices(trx);
    if (retired.length === 0) return;
    await holdAliases(trx);
    const [read, written] = [
      await indexBehind(context, readAlias(config.instance)),
      await indexBehind(context, writeAlias(config.instance)),
    ];
    for (const index of retired) {
      if (index === read || index === written) continue;
      await elasticsearch.indices.delete({ index }, { ignore: [404], requestTimeout: ES_TIMEOUT_MS });
      await markDropped(trx, index);
      log.info({ index }, 'an old index is dropped');
    }
  });
}
