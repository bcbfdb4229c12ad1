import type { estypes } from '@elastic/elasticsearch';
import type { Context } from '../../src/context.js';
import {
  findBuildState,
  findLiveIndex,
  findRebuild,
  holdRebuild,
  type Lease,
  type Preparation,
  startBuilding,
} from '../../src/db/rebuilds.js';
import { createIndex, holdAliases, indexNameOf, nextAlias } from '../../src/search/aliases.js';
import { newestMapping, readMapping } from '../../src/search/mappings.js';
import { ES_TIMEOUT_MS, pointAliases } from './go-live.js';
import { RebuildFailedError, RebuildLostError } from './lease.js';

/**
 * While nobody searches it: no refreshing, few merges, no copies, on disk within seconds; deletions remembered for longer than any
 * process may sleep. What an Elasticsearch that dies meanwhile has lost is found by the check, which comes later.
 */
const buildSettings: estypes.IndicesIndexSettings = {
  refresh_interval: '-1',
  number_of_replicas: 0,
  gc_deletes: '1h',
  'merge.policy.segments_per_tier': 20,
  'merge.scheduler.max_thread_count': 1,
  'translog.durability': 'async',
};

/**
 * Makes the index and puts it on record as being built. Once that is committed no change counts as done before this index has
 * it too, so that whatever is copied from then on misses nothing.
 */
export async function prepare(context: Context, lease: Lease): Promise<Preparation> {
  const { db, config } = context;
  return db.transaction().execute(async (trx) => {
    await holdAliases(trx);
    const rebuild = await holdRebuild(trx, lease);
    if (!rebuild) throw new RebuildLostError();
    const { fromIndex, toIndex, mappingVersion } = rebuild;
    if (fromIndex !== null && toIndex !== null && mappingVersion !== null)
      return { fromIndex, toIndex, mappingVersion };
    const live = await findLiveIndex(trx);
    if (!live) throw new RebuildFailedError('index-lost');
    const kept = rebuild.rollsBack === null ? undefined : (await findRebuild(trx, rebuild.rollsBack))?.fromIndex;
    const preparation = { fromIndex: live, toIndex: kept ?? '', mappingVersion: newestMapping(config) };
    if (rebuild.rollsBack === null) {
      preparation.toIndex = indexNameOf(config.instance, preparation.mappingVersion, rebuild.startedAt);
      // One may be there, of a worker that died before this was committed.
      if (!(await exists(context, preparation.toIndex)))
        await createIndex(context, preparation.toIndex, preparation.mappingVersion, buildSettings);
    } else {
      const build = await findBuildState(trx, preparation.toIndex);
      if (build?.state !== 'kept' || !(await exists(context, preparation.toIndex)))
        throw new RebuildFailedError('index-lost');
      preparation.mappingVersion = build.mappingVersion;
    }
    await pointAliases(context, [nextAlias(config.instance)], preparation.toIndex);
    await startBuilding(trx, lease.rebuildId, preparation);
    return preparation;
  });
}

/** By its aliases: asked for the index itself, a node that has just started says there is none until it has met the others. */
async function exists({ elasticsearch }: Context, index: string): Promise<boolean> {
  const found = await elasticsearch.indices.getAlias({ index }, { ignore: [404], requestTimeout: ES_TIMEOUT_MS });
  return Object.hasOwn(found, index);
}

/** The mapping's and the configuration's own, for an index that is about to be checked and searched. */
export async function restoreSettings(context: Context, index: string, mappingVersion: number): Promise<void> {
  const { config, elasticsearch } = context;
  const wanted = readMapping(config, mappingVersion).settings;
  // A mapping names some of them with their prefix, some without; null is Elasticsearch's own choice.
  const restored = Object.keys(buildSettings).map((name) => [name, wanted[`index.${name}`] ?? wanted[name] ?? null]);
  await elasticsearch.indices.putSettings({
    index,
    settings: { ...Object.fromEntries(restored), number_of_replicas: config.index.replicas },
  });
  // Also what was written before each write had to be on disk.
  await elasticsearch.indices.flush({ index });
}
