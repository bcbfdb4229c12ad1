import { type Kysely, sql } from 'kysely';
import type { ChildRecord } from './children.js';
import type { Database } from './schema.js';

export interface HistoryEntry {
  version: number;
  at: Date;
  userId: string | null;
  source: string | null;
  reason: string;
  change: { action?: string; parts?: string[]; before?: Partial<ChildRecord> };
}

/** What is held of a child beside the record itself; nothing of anybody else. */
export interface HeldOfChild {
  archivedAt: Date | null;
  history: HistoryEntry[];
  sources: { source: string; sourceId: string; receivedAt: Date }[];
  shields: { reason: Database['shields']['reason']; setAt: Date; reviewOn: string; liftedAt: Date | null }[];
  /** Rows that wait in the matching queue to be compared with this child, or have been linked to it. */
  queued: number;
}

export async function findHeldOfChild(db: Kysely<Database>, childId: string): Promise<HeldOfChild> {
  const child = await db.selectFrom('children').select('archived_at').where('id', '=', childId).executeTakeFirst();
  const history = await db
    .selectFrom('child_history')
    .select(['version', 'changed_at as at', 'changed_by as userId', 'source', 'reason', 'change'])
    .where('child_id', '=', childId)
    .orderBy('version')
    .execute();
  const sources = await db
    .selectFrom('source_records')
    .select(['source', 'source_id as sourceId', 'received_at as receivedAt'])
    .where('child_id', '=', childId)
    .orderBy('received_at')
    .execute();
  const shields = await db
    .selectFrom('shields')
    .select(['reason', 'set_at as setAt', 'review_on as reviewOn', 'lifted_at as liftedAt'])
    .where('child_id', '=', childId)
    .orderBy('set_at')
    .execute();
  const { rows } = await sql<{ queued: number }>`
    select count(*)::int as queued from matching_queue where child_id = ${childId} or candidate_ids @> array[${childId}::uuid]`.execute(
    db,
  );
  return {
    archivedAt: child?.archived_at ?? null,
    history: history.map((entry) => ({ ...entry, change: entry.change as HistoryEntry['change'] })),
    sources,
    shields,
    queued: rows[0]?.queued ?? 0,
  };
}
