import pg from 'pg';
import { createRandom, type Random } from '../src/generator/random.js';

/** A child whom the load knows, as PostgreSQL held it at the start. */
export interface LoadChild {
  childId: string;
  givenNames: string;
  familyName: string;
  dateOfBirth: string;
  addressId: string;
  postcode: string;
  version: number;
}

/** Children with a home in the country. */
export async function readLoadChildren(databaseUrl: string, most: number): Promise<LoadChild[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<LoadChild>(
      `select c.id as "childId", n.given_names as "givenNames", n.family_name as "familyName",
         c.date_of_birth::text as "dateOfBirth", a.id as "addressId", a.postcode, c.version::int as version
       from children c join child_names n on n.child_id = c.id and n.kind = 'current'
       join lateral (select id, postcode from child_addresses where child_id = c.id and kind = 'home' and postcode is not null
         order by id limit 1) a on true
       where c.archived_at is null and n.given_names <> '' and n.family_name <> ''
         and not exists (select from shields s where s.child_id = c.id and s.lifted_at is null)
       order by right(c.id::text, 8), c.id limit $1`,
      [most],
    );
    return rows;
  } finally {
    await client.end();
  }
}

export type Reply =
  | { kind: 'answered'; ms: number; status: number; version: number | undefined; body: ReplyBody | undefined }
  /** The connection broke, or could not be made. */
  | { kind: 'broken-off'; ms: number }
  /** Nothing came within `LONGEST_MS`. */
  | { kind: 'unanswered'; ms: number };

export interface ReplyBody {
  degraded?: boolean;
  shielded?: boolean;
  results?: { childId: string; shielded: boolean; address?: object }[];
  addresses?: object[];
  parents?: object[];
  children?: { childId: string; decisions: string[] }[];
  /** Of the index's health. */
  status?: string;
}

export interface LoadRequest {
  method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  route: string;
  token: string;
  body?: object;
  version?: number;
}

/** Longer than the API gives any request (30 s). */
export const LONGEST_MS = 32_000;

export async function ask(url: string, request: LoadRequest): Promise<Reply> {
  const began = performance.now();
  const headers: Record<string, string> = {
    authorization: `Bearer ${request.token}`,
    'x-access-reason': 'record-maintenance',
    ...(request.body ? { 'content-type': 'application/json' } : {}),
    ...(request.version === undefined ? {} : { 'if-match': `"${request.version}"` }),
  };
  try {
    const answer = await fetch(new URL(request.route, url), {
      method: request.method,
      headers,
      body: request.body ? JSON.stringify(request.body) : null,
      signal: AbortSignal.timeout(LONGEST_MS),
    });
    const text = await answer.text();
    const version = /^"(\d+)"$/.exec(answer.headers.get('etag') ?? '')?.[1];
    return {
      kind: 'answered',
      ms: performance.now() - began,
      status: answer.status,
      version: version === undefined ? undefined : Number(version),
      body: text === '' ? undefined : (JSON.parse(text) as ReplyBody),
    };
  } catch (error) {
    const kind = (error as Error).name === 'TimeoutError' ? 'unanswered' : 'broken-off';
    return { kind, ms: performance.now() - began };
  }
}

export interface LoadOptions {
  /** The APIs, asked in turn. */
  urls: string[];
  children: LoadChild[];
  managerToken: string;
  practitionerToken: string;
  changesPerSecond: number;
  searchesPerSecond: number;
  seed: number;
  /** Requests of each kind that may wait for their answers at once; 24 by default. */
  mostWaiting?: number;
  /** Told of every reply, and when it was asked for (`performance.now`). */
  heard?: (reply: Reply, url: string, askedAt: number) => void;
  /** Told of every child whose family name was changed, at the moment of the answer. */
  renamed?: (child: Readonly<LoadChild>) => void;
}

export interface Acknowledged {
  childId: string;
  version: number;
}

/** What has come of the requests since the figures were taken last. */
export interface LoadFigures {
  acknowledged: Acknowledged[];
  /** Changes that got another answer than yes, or none. */
  changesFailed: number;
  /** Changes that wait in the matching queue (202), since they would make a child resemble another. */
  changesQueued: number;
  /** Requests that were due and not sent, since too many waited for their answers. */
  held: number;
  searched: number;
  searchesFailed: number;
  /** A search that was answered, and not with the child whom it named. */
  missed: number;
  changeMs: number[];
  searchMs: number[];
}

export interface Load {
  take(): LoadFigures;
  /** No change is sent until they go on; returns when none waits for its answer. */
  pauseChanges(): Promise<void>;
  goOnChanging(): void;
  stop(): Promise<void>;
}

/** Where the machine can't keep up, less is asked, and told: a queue would only measure itself. */
const MOST_WAITING = 24;
const TICK_MS = 10;
/** Of the children, who are never changed: every search that is answered has to find them. */
const LEFT_ALONE = 0.2;
const NAMES_CHANGED = 0.25;

/** Changes and searches at their rates through HTTP, whatever becomes of them, until stopped. */
export function startLoad(options: LoadOptions): Load {
  const random = createRandom(options.seed, 71);
  const cut = Math.floor(options.children.length * (1 - LEFT_ALONE));
  const changed = options.children.slice(0, cut).map((child) => ({ ...child, busy: false, known: true }));
  const leftAlone = options.children.slice(cut);
  let figures = noFigures();
  let turn = 0;
  const send = async (request: LoadRequest): Promise<Reply> => {
    const url = options.urls[turn++ % options.urls.length] as string;
    const askedAt = performance.now();
    const reply = await ask(url, request);
    options.heard?.(reply, url, askedAt);
    return reply;
  };

  async function change(): Promise<void> {
    const child = freeOf(changed, random);
    if (!child) return void figures.held++;
    child.busy = true;
    const route = `/v1/children/${child.childId}`;
    const token = options.managerToken;
    // Whether the last change was made nobody has said: it is looked up first.
    if (!child.known) {
      const reply = await send({ method: 'GET', route, token });
      if (reply.kind === 'answered' && reply.status === 200 && reply.version !== undefined) {
        child.version = reply.version;
        child.known = true;
      }
    }
    if (child.known) {
      const { version } = child;
      const newName = random() < NAMES_CHANGED ? familyName(random, child.familyName) : undefined;
      const reply =
        newName !== undefined
          ? await send({ method: 'PATCH', route, token, version, body: { familyName: newName } })
          : await send({
              method: 'PATCH',
              route: `${route}/addresses/${child.addressId}`,
              token,
              version,
              body: { line1: `${1 + Math.floor(random() * 999)} Trial Road` },
            });
      if (reply.kind === 'answered' && reply.status === 200 && reply.version !== undefined) {
        child.version = reply.version;
        figures.acknowledged.push({ childId: child.childId, version: reply.version });
        figures.changeMs.push(reply.ms);
        if (newName !== undefined) {
          child.familyName = newName;
          options.renamed?.(child);
        }
      } else if (reply.kind === 'answered' && reply.status === 202) {
        figures.changesQueued++;
      } else {
        figures.changesFailed++;
        child.known = false;
      }
    }
    child.busy = false;
  }

  async function search(): Promise<void> {
    const child = leftAlone[Math.floor(random() * leftAlone.length)] as LoadChild;
    const { givenNames, dateOfBirth, postcode } = child;
    const kind = random();
    const criteria =
      kind < 0.6
        ? { givenNames, familyName: child.familyName, dateOfBirth }
        : kind < 0.8
          ? { givenNames, familyName: child.familyName, dateOfBirth, address: { postcode } }
          : { givenNames, familyName: child.familyName, dateOfBirth, mode: 'exact' };
    const reply = await send({
      method: 'POST',
      route: '/v1/children/search',
      token: options.practitionerToken,
      body: { ...criteria, limit: 50 },
    });
    if (reply.kind !== 'answered' || (reply.status !== 200 && reply.status !== 422)) {
      figures.searchesFailed++;
      return;
    }
    figures.searched++;
    figures.searchMs.push(reply.ms);
    if (reply.status === 200 && !reply.body?.results?.some((result) => result.childId === child.childId)) {
      figures.missed++;
    }
  }

  const hold = () => void figures.held++;
  const { mostWaiting = MOST_WAITING } = options;
  const changing = atRate(options.changesPerSecond, mostWaiting, change, hold);
  const searching = atRate(options.searchesPerSecond, mostWaiting, search, hold);
  return {
    take() {
      const taken = figures;
      figures = noFigures();
      return taken;
    },
    pauseChanges: () => changing.pause(),
    goOnChanging: () => changing.goOn(),
    async stop() {
      await Promise.all([changing.stop(), searching.stop()]);
    },
  };
}

function noFigures(): LoadFigures {
  return {
    acknowledged: [],
    changesFailed: 0,
    changesQueued: 0,
    held: 0,
    searched: 0,
    searchesFailed: 0,
    missed: 0,
    changeMs: [],
    searchMs: [],
  };
}

function freeOf<Child extends { busy: boolean }>(children: Child[], random: Random): Child | undefined {
  for (let tries = 0; tries < 20; tries++) {
    const child = children[Math.floor(random() * children.length)];
    if (child && !child.busy) return child;
  }
  return undefined;
}

/**
 * Some thousands that there are: as many as a vocabulary would meet, not a new one with each change. So unlike the name
 * before that no search for the one finds the other.
 */
function familyName(random: Random, before: string): string {
  const syllables = ['bra', 'cle', 'dro', 'fen', 'gar', 'hul', 'kes', 'lin', 'mor', 'nub', 'pel', 'ros', 'sto', 'tav'];
  const others = syllables.filter((syllable) => !before.toLowerCase().includes(syllable));
  const name = Array.from({ length: 3 }, () => others[Math.floor(random() * others.length)]).join('');
  return `${name[0]?.toUpperCase()}${name.slice(1)}ton`;
}

/** Begins work so many times a second, whether or not what was begun has ended, as long as not too much waits. */
export function atRate(perSecond: number, most: number, work: () => Promise<void>, held: () => void) {
  const waiting = new Set<Promise<void>>();
  let began = performance.now();
  let begun = 0;
  let paused = false;
  const timer = setInterval(() => {
    if (paused) return;
    const due = Math.floor(((performance.now() - began) / 1_000) * perSecond);
    for (; begun < due; begun++) {
      if (waiting.size >= most) {
        held();
        continue;
      }
      const one: Promise<void> = work().finally(() => waiting.delete(one));
      waiting.add(one);
    }
  }, TICK_MS);
  const pause = async () => {
    paused = true;
    await Promise.all(waiting);
  };
  return {
    pause,
    goOn() {
      began = performance.now();
      begun = 0;
      paused = false;
    },
    async stop() {
      clearInterval(timer);
      await pause();
    },
  };
}
