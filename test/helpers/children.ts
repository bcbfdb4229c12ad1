import type { FastifyInstance, InjectOptions } from 'fastify';
import { sql } from 'kysely';
import type { Test } from 'tap';
import { v7 as uuid } from 'uuid';
import { buildApp } from '../../src/app.js';
import type { Context } from '../../src/context.js';
import { drawNumber } from '../../src/db/child-number.js';
import { insertHistory, queueForIndex } from '../../src/db/children.js';
import { refreshNameFrequencies } from '../../src/db/name-frequencies.js';
import {
  type AddressParts,
  insertAddress,
  insertName,
  insertParent,
  type NameParts,
} from '../../src/db/record-parts.js';
import type { Gender } from '../../src/matching/types.js';
import { ensureIndex, writeAlias } from '../../src/search/aliases.js';
import { todayInEngland } from '../../src/services/child-age.js';
import { indexChildren } from '../../src/services/index/write-documents.js';
import { openDirectory, type TestCaller, type TestDirectory, type TestDirectoryOptions } from './directory.js';
import { until } from './wait.js';

/** A synthetic child as a test states it. */
export interface ChildParts extends Partial<TestChild> {
  givenNames?: string;
  familyName?: string;
  dateOfBirth: string;
  gender?: Gender;
  authority?: string;
  otherNames?: NameParts[];
  addresses?: AddressParts[];
  parents?: { name: string; relationship?: string; phone?: string; email?: string }[];
  services?: { kind: 'educational-setting' | 'gp-practice' | 'other'; name: string }[];
}

export interface TestChild {
  childId: string;
  number: string;
}

export interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: whatever JSON came; each test looks at the fields that it is about
  body: any;
  headers: Record<string, unknown>;
}

export interface TestChildren extends TestDirectory {
  /** As a worker sees the directory. */
  worker: Context;
  /** Puts children straight into PostgreSQL, past the check whether they resemble one another. */
  add(children: ChildParts[]): Promise<TestChild[]>;
  /** Does what the workers would: brings to the index whatever waits in the outbox, and counts the names. */
  index(): Promise<void>;
  call(
    caller: TestCaller,
    method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE',
    url: string,
    payload?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer>;
  search(caller: TestCaller, criteria: object): Promise<Answer>;
  /** The same directory for callers who come while Elasticsearch is away. */
  withoutIndex(t: Test): Promise<Pick<TestChildren, 'call' | 'search'>>;
}

/** A directory for tests of what is done with children's records. */
export async function openChildren(t: Test, options: TestDirectoryOptions = {}): Promise<TestChildren> {
  const directory = await openDirectory(t, { indexed: true, ...options });
  const worker = await directory.openContext({ role: 'directory_worker' });
  return {
    ...directory,
    ...callsOf(directory.app),
    worker,
    add: (children) => addChildren(directory, children),
    index: () => indexOutbox(worker, directory.context),
    async withoutIndex(t) {
      const urls = { ...directory.urls, elasticsearchUrl: 'http://127.0.0.1:9' };
      const app = await buildApp(await directory.openContext({ urls }));
      t.teardown(() => app.close());
      return callsOf(app);
    },
  };
}

function callsOf(app: FastifyInstance): Pick<TestChildren, 'call' | 'search'> {
  const call: TestChildren['call'] = async (caller, method, url, payload, headers = {}) => {
    const request: InjectOptions = { method, url, headers: { ...caller.headers, ...headers } };
    if (payload !== undefined) request.payload = payload as object;
    const reply = await app.inject(request);
    return { status: reply.statusCode, body: reply.body === '' ? undefined : reply.json(), headers: reply.headers };
  };
  return { call, search: (caller, criteria) => call(caller, 'POST', '/v1/children/search', criteria) };
}

async function addChildren({ owner }: TestDirectory, children: ChildParts[]): Promise<TestChild[]> {
  return owner.transaction().execute(async (trx) => {
    const added: TestChild[] = [];
    for (const child of children) {
      const { givenNames = '', familyName = '', dateOfBirth, gender = 'unknown', authority = 'Northvale' } = child;
      const made = { childId: child.childId ?? uuid(), number: child.number ?? drawNumber() };
      const { childId } = made;
      await sql`insert into authorities (code, name) values (${authority}, ${authority}) on conflict do nothing`.execute(
        trx,
      );
      await sql`
        insert into children (id, number, date_of_birth, gender, authority)
        values (${childId}, ${made.number}, ${dateOfBirth}, ${gender}, ${authority})`.execute(trx);
      await insertName(trx, childId, { kind: 'current', givenNames, familyName });
      for (const name of child.otherNames ?? []) await insertName(trx, childId, name);
      for (const address of child.addresses ?? []) await insertAddress(trx, childId, address);
      for (const parent of child.parents ?? []) await insertParent(trx, childId, parent);
      for (const { kind, name } of child.services ?? []) {
        await sql`insert into child_services (child_id, id, kind, name) values (${childId}, ${uuid()}, ${kind}, ${name})`.execute(
          trx,
        );
      }
      await insertHistory(trx, childId, 1, { changedBy: null, reason: 'test', change: { action: 'test' } });
      await queueForIndex(trx, childId, 1, false);
      added.push(made);
    }
    return added;
  });
}

async function indexOutbox(worker: Context, asked: Context): Promise<void> {
  await ensureIndex(worker);
  for (;;) {
    const waiting = await worker.db.selectFrom('outbox').select('child_id').limit(1_000).execute();
    if (waiting.length === 0) break;
    await indexChildren(
      worker,
      waiting.map((entry) => entry.child_id),
    );
  }
  // Merging is not waited for in one call; until it has ended no search sees the index.
  await until(async () => (await ensureIndex(worker)) !== 'filling');
  await worker.elasticsearch.indices.refresh({ index: writeAlias(worker.config.instance) });
  await refreshNameFrequencies(worker.db);
  asked.names.forget();
}

/** A birthday of somebody who is `years` old today, YYYY-MM-DD; 29 February becomes the 28th. */
export function bornYearsAgo(years: number): string {
  const [year, month, day] = todayInEngland().split('-').map(Number) as [number, number, number];
  return new Date(Date.UTC(year - years, month - 1, month === 2 && day === 29 ? 28 : day)).toISOString().slice(0, 10);
}

/** Random numbers in 0..1 that a seed repeats (mulberry32, public domain). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
