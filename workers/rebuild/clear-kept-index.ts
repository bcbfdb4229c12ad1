import type { Context } from '../../src/context.js';
import { findHiddenSince, holdKeptIndex } from '../../src/db/rebuilds.js';
import { judge } from '../../src/services/index/write-documents.js';
import { ES_TIMEOUT_MS } from './go-live.js';

const AT_ONCE = 1_000;

/** What this process has removed, so that it does not do so again at every look. */
export interface Cleared {
  index: string | undefined;
  /** Versions by the child's id. */
  versions: Map<string, number>;
}

export function nothingCleared(): Cleared {
  return { index: undefined, versions: new Map() };
}

/**
 * An index kept to be rolled back to is as it was when it was searched last, for days: of whoever was shielded since it would
 * hold what is hidden now, of whoever is gone all there was. A roll back, which waits until this has ended, puts in what is
 * missing.
 */
export async function clearKeptIndex({ db, elasticsearch, log }: Context, cleared: Cleared): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const kept = await holdKeptIndex(trx);
    if (kept?.index !== cleared.index) {
      cleared.index = kept?.index;
      cleared.versions.clear();
    }
    if (!kept) return;
    const hidden = (await findHiddenSince(trx, kept.startedAt)).filter(
      ({ childId, version }) => cleared.versions.get(childId) !== version,
    );
    for (let at = 0; at < hidden.length; at += AT_ONCE) {
      const some = hidden.slice(at, at + AT_ONCE);
      const { items } = await elasticsearch.bulk(
        {
          // Without their versions: a deletion that names one would make an index that is gone anew.
          operations: some.map(({ childId }) => ({ delete: { _index: kept.index, _id: childId } })),
          refresh: true,
        },
        { requestTimeout: ES_TIMEOUT_MS },
      );
      const reasons = new Set<string>();
      for (const [order, { childId, version }] of some.entries()) {
        const { verdict, reason } = judge(items[order]);
        if (verdict === 'written' || reason.startsWith('index_not_found')) cleared.versions.set(childId, version);
        else reasons.add(reason);
      }
      if (reasons.size > 0) log.warn({ index: kept.index, reasons: [...reasons] }, 'not removed from the kept index');
    }
  });
}
