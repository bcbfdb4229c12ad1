import type { Client } from '@elastic/elasticsearch';
import type pg from 'pg';
import type { BenchDirectory } from '../bench-directory.js';
import type { BenchQuery } from '../queries.js';

export interface Answer {
  /** Ids of children, best first. */
  childIds: string[];
  /** The system declined to list so many. */
  tooMany?: boolean;
  /** Milliseconds by step, where the system says so. */
  took?: Record<string, number>;
}

/** What is compared: something that can be asked for a child. */
export interface System {
  name: string;
  /** Bytes that it keeps on disk for this alone. */
  size(): Promise<Record<string, number>>;
  /** @throws on anything but an answer */
  ask(query: BenchQuery): Promise<Answer>;
  close(): Promise<void>;
}

/** What systems are made of. Each opens what it asks through by itself. */
export interface Surroundings {
  directory: BenchDirectory;
  /** Of the directory's own database, as its owner. */
  pool: pg.Pool;
  elasticsearch: Client;
  /** The most clients that ask at once. */
  clients: number;
  say: (line: string) => void;
}

export const TIMEOUT_MS = 30_000;
