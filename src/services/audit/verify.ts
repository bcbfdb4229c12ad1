import type { Kysely } from 'kysely';
import {
  type ChainEntry,
  findChainEntries,
  findCut,
  findLastSeal,
  findPlaceWithoutSeal,
  findSealAt,
  findSeals,
  findWithoutPlace,
  type Seal,
} from '../../db/audit-chain.js';
import type { Database } from '../../db/schema.js';
import { EMPTY_SNAPSHOT, GENESIS, hashRow, headOf, linkAfter, parseSnapshot, type Snapshot, wasSeen } from './chain.js';
import { type ExportedHead, isSigned } from './heads-file.js';

const ENTRIES_AT_ONCE = 2_000;
const SEALS_AT_ONCE = 500;
const ROWS_AT_ONCE = 10_000;
/** A row is sealed within a second; so much later, sealing stands still. */
const SEALED_WITHIN_SECONDS = 10;
const KEPT_YEARS = 6;
/** Clocks are set back now and then, but by less. */
const CLOCK_TOLERANCE_MS = 60_000;

/**
 * edited: the row is not the one that was sealed. removed: it is gone, or its place is. inserted: it claims a time at which
 * it was not there. reordered: the row of another place stands here. seal: the seal does not fit its rows. rewritten: the
 * seal is not the one whose head was exported. truncated: exported seals are missing at the end. signature: an exported
 * head is not signed by the key. unsealed: a row has waited too long.
 */
export type Fault =
  | 'edited'
  | 'removed'
  | 'inserted'
  | 'reordered'
  | 'seal'
  | 'rewritten'
  | 'truncated'
  | 'signature'
  | 'unsealed';

export interface Broken {
  fault: Fault;
  /** Of the audit row, where it is one row that is broken. */
  eventId?: number;
  position?: number;
  seal?: number;
  /** The rows among which the broken one is, where only their seal tells. */
  fromPosition?: number;
  toPosition?: number;
}

export interface Verification {
  ok: boolean;
  /** Rows. */
  checked: number;
  firstBroken: Broken | null;
  seals: number;
  /** How many seals were compared with exported heads. */
  headsCompared: number;
  /** Written lately and to be sealed yet. */
  waiting: number;
  /** False where what was before `fromPosition` was taken as given, or time ran out. */
  complete: boolean;
  fromPosition: number;
}

export interface VerifyOptions {
  /** Exported heads, in the order of their file. */
  heads?: AsyncIterable<ExportedHead> | undefined;
  /** What their signatures are checked by; empty for nothing. */
  publicKey?: string;
  /** Only so many rows at the end of the chain (and the rest of the seal in which they begin). */
  latest?: number | undefined;
  /** Stops there, with what was checked until then; milliseconds. */
  withinMs?: number | undefined;
}

class BrokenChain extends Error {
  constructor(readonly broken: Broken) {
    super(broken.fault);
  }
}

/**
 * Walks the chain in pages until the first fault: from its beginning, which is the seal up to which rows have been kept for
 * their six years and are gone, or from a seal taken as given.
 */
export async function verifyChain(db: Kysely<Database>, options: VerifyOptions = {}): Promise<Verification> {
  const deadline = options.withinMs === undefined ? Number.POSITIVE_INFINITY : performance.now() + options.withinMs;
  const { cut, seal } = await findCut(db);
  if (cut > 0 && !(seal && isOld(seal))) return brokenAt({ fault: 'removed', seal: cut });
  const beginning = seal ? standingAfter(seal, genesis) : genesis;
  const start = await findStart(db, options.latest, beginning);
  const counts = { checked: 0, seals: 0, headsCompared: 0, waiting: 0 };
  const walk: Walk = {
    db,
    counts,
    entries: readEntries(db, start.toPosition),
    heads: compareHeads(options),
    late: () => performance.now() > deadline,
    lowestEventId: Number.POSITIVE_INFINITY,
  };
  const whole = start.seal === beginning.seal;
  let complete = whole;
  let firstBroken: Broken | null = null;
  try {
    if (start.seal > 0) await walk.heads.compare(start, counts);
    const end = await checkSeals(walk, start);
    if (end) await checkRest(walk, end, whole);
    if (!end || walk.late()) complete = false;
  } catch (error) {
    if (!(error instanceof BrokenChain)) throw error;
    firstBroken = error.broken;
  } finally {
    await walk.heads.close();
  }
  return { ok: firstBroken === null, firstBroken, ...counts, complete, fromPosition: start.toPosition + 1 };
}

interface Walk {
  db: Kysely<Database>;
  counts: Pick<Verification, 'checked' | 'seals' | 'headsCompared' | 'waiting'>;
  entries: Entries;
  heads: ReturnType<typeof compareHeads>;
  late(): boolean;
  lowestEventId: number;
}

/** What the next seal has to follow. */
interface Standing {
  seal: number;
  fromPosition: number;
  toPosition: number;
  head: Buffer;
  snapshot: Snapshot;
  snapshotText: string;
  /** When that snapshot was taken, milliseconds since 1970. */
  takenAt: number;
}

const genesis: Standing = {
  seal: 0,
  fromPosition: 0,
  toPosition: 0,
  head: GENESIS,
  snapshot: parseSnapshot(EMPTY_SNAPSHOT),
  snapshotText: EMPTY_SNAPSHOT,
  takenAt: 0,
};

function brokenAt(firstBroken: Broken): Verification {
  const counts = { checked: 0, seals: 0, headsCompared: 0, waiting: 0 };
  return { ok: false, firstBroken, ...counts, complete: false, fromPosition: 1 };
}

/** Whoever says that rows were kept long enough has to show a seal, and so an exported head, that is as old. */
function isOld({ sealedAt }: Seal): boolean {
  const now = new Date();
  return Date.parse(sealedAt) < Date.UTC(now.getUTCFullYear() - KEPT_YEARS, now.getUTCMonth(), 1);
}

async function findStart(db: Kysely<Database>, latest: number | undefined, beginning: Standing): Promise<Standing> {
  if (latest === undefined) return beginning;
  const end = (await findLastSeal(db))?.toPosition ?? 0;
  const given = end > latest ? await findSealAt(db, end - latest) : undefined;
  return given ? standingAfter(given, genesis) : beginning;
}

/** @returns where the chain ends; undefined where time ran out before */
async function checkSeals(walk: Walk, start: Standing): Promise<Standing | undefined> {
  let standing = start;
  for (;;) {
    const seals = await findSeals(walk.db, standing.seal, SEALS_AT_ONCE);
    if (seals.length === 0) {
      // Sealed and exported while this was at the end: read on. The file is read to its end once, so this comes to one too.
      const ahead = await walk.heads.findAhead(standing.seal);
      if (!ahead) return standing;
      if ((await findSeals(walk.db, standing.seal, 1)).length === 0) {
        throw new BrokenChain({ fault: 'truncated', ...rangeOf(ahead) });
      }
    }
    for (const seal of seals) {
      if (walk.late()) return undefined;
      await checkSeal(walk, standing, seal);
      standing = standingAfter(seal, standing);
      walk.counts.seals += 1;
    }
  }
}

async function checkSeal(walk: Walk, standing: Standing, seal: Seal): Promise<void> {
  const { entries } = walk;
  if (seal.seal !== standing.seal + 1 || seal.fromPosition !== standing.toPosition + 1) {
    throw new BrokenChain({ fault: 'removed', seal: standing.seal + 1, position: standing.toPosition + 1 });
  }
  const restored = parseSnapshot(seal.snapshot).xmax < standing.snapshot.xmax;
  let link = standing.head;
  for (let position = seal.fromPosition; position <= seal.toPosition; position++) {
    const entry = await entries.next();
    if (entry?.position !== position) throw new BrokenChain({ fault: 'removed', seal: seal.seal, position });
    const { eventId, row } = entry;
    const place = { seal: seal.seal, position, eventId };
    if (!row) throw new BrokenChain({ fault: 'removed', ...place });
    if (!linkAfter(link, hashRow(row)).equals(entry.link)) {
      throw new BrokenChain({ fault: entries.isElsewhere(link, entry) ? 'reordered' : 'edited', ...place });
    }
    if (!restored && wasThereBefore(standing, row.writtenIn, row.at)) {
      throw new BrokenChain({ fault: 'inserted', ...place });
    }
    link = entry.link;
    walk.counts.checked += 1;
    walk.lowestEventId = Math.min(walk.lowestEventId, eventId);
  }
  const { fromPosition, toPosition } = seal;
  if (!seal.previousHead.equals(standing.head) || !headOf(seal, link).equals(seal.head)) {
    throw new BrokenChain({ fault: 'seal', seal: seal.seal, fromPosition, toPosition });
  }
  await walk.heads.compare(seal, walk.counts);
}

/**
 * Whether the seal before had to see a row that it did not seal: the row's transaction was over by then; or the row says
 * that it is older than that seal, but its transaction had not begun yet.
 */
function wasThereBefore({ snapshot, takenAt }: Standing, writtenIn: string, at: string): boolean {
  const transaction = BigInt(writtenIn);
  if (wasSeen(snapshot, transaction)) return true;
  return transaction >= snapshot.xmax && Date.parse(at) < takenAt - CLOCK_TOLERANCE_MS;
}

/** What must not be there beyond the chain's end, and what must have come into it. */
async function checkRest(walk: Walk, end: Standing, whole: boolean): Promise<void> {
  const place = await findPlaceWithoutSeal(walk.db);
  if (place) throw new BrokenChain({ fault: 'inserted', ...place });
  let after = whole ? 0 : Math.min(walk.lowestEventId, Number.MAX_SAFE_INTEGER) - 1;
  while (!walk.late()) {
    const { found, next } = await findWithoutPlace(walk.db, after, ROWS_AT_ONCE);
    for (const { eventId, writtenIn, age } of found) {
      if (wasSeen(end.snapshot, BigInt(writtenIn))) throw new BrokenChain({ fault: 'inserted', eventId });
      if (age > SEALED_WITHIN_SECONDS) throw new BrokenChain({ fault: 'unsealed', eventId });
      walk.counts.waiting += 1;
    }
    if (next === undefined) return;
    after = next;
  }
}

function standingAfter(seal: Seal, before: Standing): Standing {
  const carried = seal.snapshot === before.snapshotText;
  return {
    seal: seal.seal,
    fromPosition: seal.fromPosition,
    toPosition: seal.toPosition,
    head: seal.head,
    snapshot: carried ? before.snapshot : parseSnapshot(seal.snapshot),
    snapshotText: seal.snapshot,
    takenAt: carried ? before.takenAt : Date.parse(seal.sealedAt),
  };
}

interface Entries {
  next(): Promise<ChainEntry | undefined>;
  /** Whether the row that belongs after this link stands at another place nearby. */
  isElsewhere(link: Buffer, entry: ChainEntry): boolean;
}

function readEntries(db: Kysely<Database>, after: number): Entries {
  let page: ChainEntry[] = [];
  let index = 0;
  let last = after;
  return {
    async next() {
      if (index === page.length) {
        page = await findChainEntries(db, last, ENTRIES_AT_ONCE);
        index = 0;
        last = page.at(-1)?.position ?? last;
      }
      return page[index++];
    },
    isElsewhere(link, entry) {
      const links = new Set(page.map((one) => one.link.toString('hex')));
      return page.some(
        (one) => one !== entry && one.row && links.has(linkAfter(link, hashRow(one.row)).toString('hex')),
      );
    },
  };
}

/** The file of heads, read beside the seals. */
function compareHeads({ heads, publicKey = '' }: VerifyOptions) {
  const lines = heads?.[Symbol.asyncIterator]();
  let line: ExportedHead | undefined;
  let started = false;
  const advance = async () => {
    line = (await lines?.next())?.value;
    if (line && !isSigned(line, publicKey)) throw new BrokenChain({ fault: 'signature', ...rangeOf(line) });
  };
  const skipTo = async (seal: number) => {
    if (!started) await advance();
    started = true;
    while (line && line.seal < seal) await advance();
  };
  return {
    async compare(
      seal: Pick<Seal, 'seal' | 'fromPosition' | 'toPosition' | 'head'>,
      counts: { headsCompared: number },
    ) {
      await skipTo(seal.seal);
      // Twice in the file, where two processes wrote it.
      for (; line?.seal === seal.seal; await advance()) {
        if (line.head !== seal.head.toString('hex')) throw new BrokenChain({ fault: 'rewritten', ...rangeOf(seal) });
        counts.headsCompared += 1;
      }
    },
    /** The first head after that of the last seal there is. */
    async findAhead(last: number): Promise<ExportedHead | undefined> {
      await skipTo(last + 1);
      return line;
    },
    async close() {
      await lines?.return?.(undefined);
    },
  };
}

function rangeOf({ seal, fromPosition, toPosition }: Pick<Seal, 'seal' | 'fromPosition' | 'toPosition'>) {
  return { seal, fromPosition, toPosition };
}
