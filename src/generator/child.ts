import type { FeedRow } from '../services/import/feed-row.js';
import type { Origin } from './groups.js';

export type Gender = 'female' | 'male';

/** A generated child: the row of the feed, and what only its maker knows. */
export interface Child {
  row: FeedRow;
  origin: Origin;
  /** Number of the family, the same for all who live in one household. */
  family: number;
  twin: boolean;
}

export interface PersonName {
  given: string;
  family: string;
}
