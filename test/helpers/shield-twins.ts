import { sql } from 'kysely';
import type { Test } from 'tap';
import { v7 as uuid } from 'uuid';
import { drawNumber } from '../../src/db/child-number.js';
import { recordChange } from '../../src/db/children.js';
import { type NameParts, replaceCurrentName } from '../../src/db/record-parts.js';
import type { Role } from '../../src/db/schema.js';
import { between, chance, createRandom, pick, type Random } from '../../src/generator/random.js';
import { writeAlias } from '../../src/search/aliases.js';
import { birthday, todayInEngland } from '../../src/services/child-age.js';
import { runRetention } from '../../src/services/keeping/retention.js';
import { type ChildParts, openChildren, type TestChild, type TestChildren } from './children.js';
import type { TestCaller } from './directory.js';

/**
 * Directories that differ in nothing but hidden values of shielded children: `one` and `other`. In `without` the same
 * children are not to be found at all. What is hidden is drawn from the same few values as what is open and what probes
 * guess, so that guesses often hit in one directory, and open children often live where shielded ones do.
 */
export interface Twins {
  one: Twin;
  other: Twin;
  without: Twin;
  population: Population;
}

export interface Twin {
  directory: TestChildren;
  callers: Record<Who, TestCaller>;
  /** Hidden values of each shielded child; empty where there are none. */
  hidden: Map<string, Hidden>;
  /** Ids of parts of shielded children. */
  partIds: string[];
}

export interface Population {
  shielded: (Known & { state: State })[];
  /** Of the prober's own authority. */
  own: Known[];
  open: (ChildParts & Known)[];
}

export type Known = TestChild &
  Required<Pick<ChildParts, 'givenNames' | 'familyName' | 'dateOfBirth' | 'gender'>> & { addresses?: Place[] };

export interface Hidden {
  authority: string;
  addresses: Place[];
  parents: { name: string; phone?: string }[];
  otherNames: NameParts[];
  services: NonNullable<ChildParts['services']>;
  /** What its own team does once the shield stands. */
  work: Work[];
}
type Work = [method: 'POST' | 'PUT' | 'PATCH', path: string, body?: object];

export interface Place {
  kind: 'home' | 'former' | 'temporary';
  line1: string;
  town: string;
  postcode: string;
}

/** When the shield was set: long ago, or after the index last heard of the child, with changes that it has not heard of. */
export type State = 'settled' | 'late' | 'late-again';

export const givenNames = ['Ann', 'Eve', 'Orla', 'Tobias', 'Maud', 'Iris', 'Hugo', 'Wren', 'Jean-Luc', 'Margaret'];
/** Without the first, so that those who are at the cap by it stay as many as they are. */
const otherGivenNames = givenNames.slice(1);
export const shownFamilies = ['Bell', 'Stone', 'Finch', 'Crane', 'Heron', 'Marsh'];
/** Some of these are borne by open children too, some by nobody else. */
export const hiddenFamilies = [
  'Lindqvist',
  'Pettersen',
  'Nakamura',
  'Rosendahl',
  'Okonjo',
  'Vasquez',
  'Tremblay',
  'Finch',
];
export const places: Omit<Place, 'kind'>[] = [
  { line1: '12 Larch Close', town: 'Helmsley', postcode: 'YO62 5AB' },
  { line1: '14 Larch Close', town: 'Helmsley', postcode: 'YO62 5AB' },
  { line1: '3 Quay Street', town: 'Whitby', postcode: 'YO21 3JP' },
  { line1: '77 Garnet Road', town: 'Luton', postcode: 'LU2 7QX' },
  { line1: '5 Mill Lane', town: 'Luton', postcode: 'LU2 7QZ' },
  { line1: 'Flat 2, 9 Harbour View', town: 'Poole', postcode: 'BH15 1SR' },
  { line1: '1 The Green', town: 'Ilkley', postcode: 'LS29 8AB' },
];
export const parentNames = [
  'Greta Lindqvist',
  'Olaf Pettersen',
  'Abena Nakamura',
  'Ingrid Rosendahl',
  'Ruth Bell',
  'Una Lark',
];
const phones = ['01632 960003', '01632 960099', undefined];
export const birthDates = ['2013-03-03', '2012-04-15', '2014-05-06', '2013-02-11', '2012-09-19', '2014-06-05'];
const authorities = ['Eastham', 'Westham', 'Northvale'];
const genders = ['female', 'male', 'unknown'] as const;

/** Who asks. None of them is entitled to see what is hidden of any shielded child. */
export const whoAsks = {
  practitioner: { role: 'practitioner', authority: 'Northvale' },
  manager: { role: 'management-team', authority: 'Southmere' },
  callCentre: { role: 'call-centre', authority: 'Southmere' },
  dataTeam: { role: 'data-team', authority: 'Southmere' },
  auditor: { role: 'auditor', authority: 'Southmere' },
  administrator: { role: 'administrator', authority: 'Southmere' },
} as const satisfies Record<string, { role: Role; authority: string }>;
export type Who = keyof typeof whoAsks;

export async function openTwins(t: Test, seed: number): Promise<Twins> {
  const population = drawPopulation(createRandom(seed, 0));
  const hidden = [1, 2].map(
    (variant) =>
      new Map(
        population.shielded.map(({ childId }, at) => [
          childId,
          drawHidden(createRandom(seed, variant, at), variant, at),
        ]),
      ),
  ) as [Map<string, Hidden>, Map<string, Hidden>];
  const [one, other, without] = await Promise.all([
    openTwin(t, population, hidden[0]),
    openTwin(t, population, hidden[1]),
    openTwin(t, population, undefined),
  ]);
  return { one, other, without, population };
}

/**
 * Children whom the index knows as open, with all that is hidden a moment later: their shields, and changes to what
 * earlier ones hide, it does not hear of.
 */
export async function grow(twins: Twins, state: State): Promise<void> {
  const { shielded } = twins.population;
  const late = shielded.filter((child) => child.state === state);
  for (const twin of [twins.one, twins.other]) {
    await addThose(twin, late);
    await index(twin, twins.population);
    for (const child of late) await shieldWhole(twin, child);
    // Not told either: how often and how recently a record was changed.
    for (const [at, child] of shielded.filter(({ state }) => state === 'settled').entries()) {
      const { work: hiddenWork = [], otherNames = [] } = twin.hidden.get(child.childId) ?? {};
      await work(twin, child, hiddenWork.slice(0, 2));
      if (at % 3 === 0) await rename(twin, child, otherNames[0]?.familyName ?? 'Abernethy');
    }
    await notePartIds(twin);
  }
  await addThose(twins.without, late);
  const { owner, worker } = twins.without.directory;
  await index(twins.without, twins.population);
  const gone = late.map(({ childId }) => childId);
  await sql`update children set archived_at = now() where id = any(${gone}::uuid[])`.execute(owner);
  await worker.elasticsearch.bulk({
    index: writeAlias(worker.config.instance),
    operations: gone.map((_id) => ({ delete: { _id } })),
    refresh: true,
  });
}

/** Under its shield the child had another name for a while, which is hidden by the time that anybody asks. */
async function rename({ directory }: Twin, { childId, familyName }: Known, between: string): Promise<void> {
  await directory.owner.transaction().execute(async (trx) => {
    await replaceCurrentName(trx, childId, { familyName: between });
    await replaceCurrentName(trx, childId, { familyName });
    await recordChange(trx, childId, { changedBy: null, reason: 'test', change: { action: 'correct-child' } });
  });
}

/** A night in a year, when whoever has died has been dead for a year; then the index hears of everything, and names are counted. */
export async function settle(twins: Twins): Promise<void> {
  const today = birthday(todayInEngland(), 1);
  await Promise.all(
    [twins.one, twins.other, twins.without].map(({ directory }) => runRetention(directory.worker, { today })),
  );
  const { directory } = twins.without;
  await sql`
    insert into outbox (child_id, version, urgent) select id, version, false from children where archived_at is not null
    on conflict do nothing`.execute(directory.owner);
  await Promise.all([twins.one, twins.other, twins.without].map((twin) => index(twin, twins.population)));
}

/** Without children whom probes have made: their ids are drawn in each directory, and candidates of equal worth go by ids. */
async function index({ directory }: Twin, { shielded, open }: Population): Promise<void> {
  const known = [...shielded, ...open].map(({ childId }) => childId);
  await sql`delete from outbox where child_id <> all(${known}::uuid[])`.execute(directory.owner);
  await directory.index();
}

function drawPopulation(random: Random): Population {
  const identity = () => ({ childId: uuid(), number: drawNumber() });
  const shielded = Array.from({ length: 18 }, (_, at) => ({
    ...identity(),
    givenNames: at < 3 ? (givenNames[at] as string) : pick(random, otherGivenNames),
    familyName: at < 3 ? (shownFamilies[at] as string) : pick(random, shownFamilies),
    dateOfBirth: at < 3 ? (birthDates[at] as string) : pick(random, birthDates),
    gender: pick(random, genders),
    state: (['settled', 'settled', 'late', 'late-again'] as const)[at % 4] as State,
  }));
  const child = (parts: Partial<ChildParts>): ChildParts & Known =>
    ({
      ...identity(),
      givenNames: pick(random, otherGivenNames),
      familyName: chance(random, 0.7) ? pick(random, shownFamilies) : pick(random, hiddenFamilies.slice(0, 4)),
      dateOfBirth: chance(random, 0.5)
        ? pick(random, birthDates)
        : `201${between(random, 0, 8)}-0${between(random, 1, 9)}-1${between(random, 0, 9)}`,
      gender: pick(random, genders),
      addresses: chance(random, 0.4) ? [{ kind: 'home', ...pick(random, places) }] : [],
      parents: chance(random, 0.4) ? [parent(random)] : [],
      ...parts,
    }) as ChildParts & Known;
  const [ann, eve, orla] = shielded as Known[] as [Known, Known, Known];
  const many = (count: number, parts: (at: number) => Partial<ChildParts>) =>
    Array.from({ length: count }, (_, at) => child(parts(at)));
  const apart = (at: number) => `2011-0${(at % 9) + 1}-1${at % 10}`;
  const open = [
    ...many(60, () => ({})),
    // With her as many as may just be shown; and as many by a name that is hidden of her in one directory.
    ...many(49, (at) => ({ givenNames: ann.givenNames, familyName: ann.familyName, dateOfBirth: apart(at) })),
    ...many(50, (at) => ({ givenNames: ann.givenNames, familyName: 'Lindqvist', dateOfBirth: apart(at) })),
    // Alone a match: beside somebody who agrees as well no longer 0.10 ahead.
    ...many(1, () => ({ givenNames: eve.givenNames, familyName: 'Pettersen', dateOfBirth: eve.dateOfBirth })),
    // As many at one address as may just be shown.
    ...many(50, (at) => ({
      givenNames: `${'ABCDEFG'[at % 7]}bel`,
      familyName: orla.familyName,
      dateOfBirth: apart(at),
      addresses: [homeAt(0)],
    })),
    // More of one name than the index gives as candidates.
    ...many(120, (at) => ({
      givenNames: 'Eve',
      familyName: 'Marsh',
      dateOfBirth: `201${at % 8}-0${(at % 9) + 1}-0${(at % 7) + 1}`,
    })),
  ];
  const own = many(6, (at) => ({
    authority: 'Southmere',
    addresses: [homeAt(at)],
    parents: [parent(random)],
  }));
  return { shielded, own, open: [...open, ...own] };
}

function homeAt(at: number): Place {
  return { kind: 'home', ...(places[at % places.length] as Omit<Place, 'kind'>) };
}

function parent(random: Random): { name: string; phone?: string } {
  const phone = pick(random, phones);
  return { name: pick(random, parentNames), ...(phone ? { phone } : {}) };
}

function drawHidden(random: Random, variant: number, at: number): Hidden {
  const some = <T>(most: number, draw: () => T): T[] => Array.from({ length: between(random, 0, most) }, draw);
  const family = () => pick(random, hiddenFamilies);
  const place = () => ({ kind: pick(random, ['home', 'former', 'temporary'] as const), ...pick(random, places) });
  const hidden: Hidden = {
    // Never the prober's own; to the practitioner of Northvale an authority opens nothing.
    authority: pick(random, authorities),
    addresses: some(4, place),
    parents: some(3, () => parent(random)),
    otherNames: some(3, () => ({
      kind: pick(random, ['former', 'birth', 'known-as'] as const),
      givenNames: pick(random, givenNames),
      familyName: family(),
    })),
    services: some(2, () => ({ kind: 'gp-practice' as const, name: `${pick(random, ['Larch', 'Quay'])} Surgery` })),
    work: [],
  };
  hidden.work = some(6, () =>
    pick(random, [
      ['POST', '/involvements', { role: pick(random, ['social-worker', 'teacher'] as const) }],
      ['POST', '/involvements', { role: 'counsellor', sensitive: { kind: 'mental-health', basis: 'consent' } }],
      ['POST', '/services', { kind: 'other', name: 'Hazelwick Clinic' }],
      ['POST', '/services', { kind: 'other', name: 'Fenwick', sensitive: { kind: 'sexual-health', basis: 'consent' } }],
      ['POST', '/addresses', place()],
      ['POST', '/parents', { name: pick(random, parentNames) }],
      ['PUT', '/consent-to-25'],
      ['PATCH', '', { diedOn: `2026-0${between(random, 1, 9)}-03` }],
    ] as Work[]),
  );
  // The three whom the open children are arranged around.
  const [former, birth] = [
    ['Lindqvist', 'Tremblay'],
    ['Pettersen', 'Vasquez'],
    ['Nakamura', 'Okonjo'],
  ][at] ?? [family(), family()];
  if (at < 3) {
    const familyName = (variant === 1 ? former : birth) as string;
    hidden.otherNames = [{ kind: 'former', givenNames: givenNames[at] as string, familyName }];
    hidden.addresses = [homeAt(variant === 1 ? 0 : 3)];
  }
  return hidden;
}

async function openTwin(
  t: Test,
  { shielded, open }: Population,
  hidden: Map<string, Hidden> | undefined,
): Promise<Twin> {
  const directory = await openChildren(t, {
    env: { RATE_LIMIT_SEARCHES_PER_MINUTE: '0', RATE_LIMIT_ORGANISATION_PER_MINUTE: '0' },
  });
  const callers = {} as Twin['callers'];
  for (const [who, { role, authority }] of Object.entries(whoAsks)) {
    callers[who as Who] = await directory.caller(role, {
      username: `asks-${who.toLowerCase()}`,
      authority,
      name: `The ${who}`,
      organisation: { name: 'Southmere Council', sector: 'social-care' },
    });
  }
  await directory.add(open);
  await directory.index();
  const twin: Twin = { directory, callers, hidden: hidden ?? new Map(), partIds: [] };
  if (hidden) {
    const settled = shielded.filter(({ state }) => state === 'settled');
    await addThose(twin, settled);
    await directory.index();
    for (const child of settled) await shieldWhole(twin, child);
    await directory.index();
    await notePartIds(twin);
  }
  return twin;
}

async function addThose({ directory, hidden }: Twin, children: Population['shielded']): Promise<void> {
  await directory.add(
    children.map(({ state: _, ...child }) => {
      const { work: _work, ...secret } = hidden.get(child.childId) ?? { authority: 'Eastham', work: [] };
      return { ...child, ...secret };
    }),
  );
}

const teams = new WeakMap<TestChildren, Map<string, TestCaller>>();

/** The team of a child's own authority. */
export async function teamOf({ directory, hidden }: Twin, childId: string): Promise<TestCaller> {
  const authority = hidden.get(childId)?.authority ?? '';
  const known = teams.get(directory) ?? new Map<string, TestCaller>();
  teams.set(directory, known);
  const team =
    known.get(authority) ??
    (await directory.caller('management-team', {
      authority,
      organisation: { name: authority, sector: 'social-care' },
    }));
  known.set(authority, team);
  return team;
}

async function shieldWhole(twin: Twin, child: TestChild): Promise<void> {
  await work(twin, child, [
    ['PUT', '/shield', { reason: 'risk-of-harm' }],
    ...(twin.hidden.get(child.childId)?.work ?? []),
  ]);
}

async function work(twin: Twin, { childId }: TestChild, requests: Work[]): Promise<void> {
  const { call } = twin.directory;
  const team = await teamOf(twin, childId);
  for (const [method, path, body] of requests) {
    const { headers } = await call(team, 'GET', `/v1/children/${childId}`);
    const { status } = await call(team, method, `/v1/children/${childId}${path}`, body, {
      'if-match': String(headers.etag),
    });
    // An involvement may be declared already.
    if (status >= 300 && status !== 409) throw new Error(`${method} ${path} by its own team: ${status}`);
  }
}

async function notePartIds(twin: Twin): Promise<void> {
  const childIds = [...twin.hidden.keys()];
  const found = await Promise.all(
    ['child_addresses', 'child_names', 'child_parents', 'child_services', 'involvements'].map((table) =>
      sql<{ id: string }>`
        select id from ${sql.table(table)} where child_id = any(${childIds}::uuid[]) order by id`.execute(
        twin.directory.owner,
      ),
    ),
  );
  twin.partIds = found.flatMap(({ rows }) => rows.map(({ id }) => id));
}
