import type { System } from './peers/system.js';
import type { BenchQuery } from './queries.js';

export interface Asked {
  query: BenchQuery;
  /** Place of the child meant, from 1; undefined where it was not among the answers. */
  rank: number | undefined;
  /** Undefined where there was no answer, but an error. */
  milliseconds: number | undefined;
  tooMany: boolean;
  took: Record<string, number> | undefined;
}

/** What one system did with so many clients at once. */
export interface Run {
  system: string;
  clients: number;
  asked: Asked[];
  /** How long it was at work. */
  seconds: number;
}

export interface TimingOptions {
  /** Numbers of clients that ask at once, one after the other. */
  clients: number[];
  /** Queries at each number of clients; none is asked twice, so that no cache knows the answer. */
  queries: number;
  /** A system that has been at work for so long, at one number of clients, is asked no more. */
  seconds: number;
  signal: AbortSignal;
  progress: (done: number, note: string) => void;
  failed: (system: string, error: unknown) => void;
}

/** Asked of each system before anything is measured; of a short measurement, twice as many as are measured. */
const WARM_UP = 2_000;
const WARM_UP_CLIENTS = 2;
const warmUpFor = (queries: number) => Math.min(WARM_UP, 2 * queries);
/** Queries in a row of one system: enough that all clients have work, few enough that a noisy minute meets every system. */
const BLOCK_LEAST = 25;
const BLOCK_PER_CLIENT = 8;

/** How many queries a measurement with these options needs. */
export function queriesNeeded({ clients, queries }: Pick<TimingOptions, 'clients' | 'queries'>): number {
  return warmUpFor(queries) + clients.length * queries;
}

/**
 * Asks all systems the same queries in turn, block by block, each time another one first: what else the machine has to
 * do meets all of them alike.
 */
export async function timeSystems(systems: System[], queries: BenchQuery[], options: TimingOptions): Promise<Run[]> {
  const warmUp = warmUpFor(options.queries);
  for (const system of systems) {
    const run = { seconds: 0, asked: [] };
    for (let at = 0; at < warmUp && run.seconds < options.seconds; at += BLOCK_LEAST)
      await askBlock(system, run, queries.slice(at, Math.min(at + BLOCK_LEAST, warmUp)), WARM_UP_CLIENTS, options);
  }
  const runs: Run[] = [];
  let done = 0;
  for (const [level, clients] of options.clients.entries()) {
    const from = warmUp + level * options.queries;
    const own = queries.slice(from, from + options.queries);
    const entrants = systems.map((system) => ({
      system,
      run: { system: system.name, clients, asked: [], seconds: 0 } as Run,
    }));
    const size = Math.max(BLOCK_LEAST, BLOCK_PER_CLIENT * clients);
    for (let at = 0, turn = 0; at < own.length; at += size, turn++) {
      const block = own.slice(at, at + size);
      const first = turn % entrants.length;
      for (const { system, run } of [...entrants.slice(first), ...entrants.slice(0, first)]) {
        if (run.seconds < options.seconds) await askBlock(system, run, block, clients, options);
        done += block.length;
        options.progress(done, `${clients} client${clients > 1 ? 's' : ''}, ${system.name}`);
      }
    }
    runs.push(...entrants.map(({ run }) => run));
  }
  return runs;
}

async function askBlock(
  system: System,
  run: Pick<Run, 'asked' | 'seconds'>,
  block: BenchQuery[],
  clients: number,
  options: TimingOptions,
): Promise<void> {
  const started = performance.now();
  let next = 0;
  const client = async () => {
    for (;;) {
      options.signal.throwIfAborted();
      const query = block[next++];
      if (!query) return;
      run.asked.push(await askOne(system, query, options));
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  run.seconds += (performance.now() - started) / 1000;
}

async function askOne(system: System, query: BenchQuery, { failed }: TimingOptions): Promise<Asked> {
  const started = performance.now();
  try {
    const { childIds, tooMany = false, took } = await system.ask(query);
    const milliseconds = performance.now() - started;
    const at = query.childId === undefined ? -1 : childIds.indexOf(query.childId);
    return { query, rank: at < 0 ? undefined : at + 1, milliseconds, tooMany, took };
  } catch (error) {
    failed(system.name, error);
    return { query, rank: undefined, milliseconds: undefined, tooMany: false, took: undefined };
  }
}
