import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { buildApp } from '../src/app.js';
import { runDirectory } from '../src/cli/processes.js';
import { readConfig } from '../src/config.js';
import { createContext } from '../src/context.js';
import { drawNumber } from '../src/db/child-number.js';
import { chance, createRandom } from '../src/generator/random.js';
import { openBenchDirectory } from './bench-directory.js';
import { type Difference, describeDifference } from './paired.js';

/**
 * Whether the time of an answer tells what a shield hides. Two requests take turns that must take equally long: about a
 * child who has as much to hide as a record holds and about one who has nothing; a right guess and a wrong one; of a child
 * and of nobody. Without HTTP, which would add to both; --only takes a regular expression:
 * `npm run directory -- stack run -- node --import tsx bench/shield-timing.ts [--children 3000] [--pairs 2000] [--only PATTERN]`
 * Ends with 1 where a difference is found that must not be there, or a planted one is not.
 */
const argument = (name: string, usual: string) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? usual : (process.argv[at + 1] ?? usual);
};
const children = Number(argument('children', '3000'));
const pairs = Number(argument('pairs', '2000'));
const only = new RegExp(argument('only', ''));

/** What is no difference: this much, or this share of the answer's time. */
const TOLERANCE_MS = 0.2;
const TOLERANCE_SHARE = 0.02;
const PLANTED_MS = 1;
const WARM_UP = 100;

// Names, a sector and towns of nobody else, as the pairs' own names below: what is asked meets no open child, right or wrong.
const [former, nobodysName] = ['Vrexqolm', 'Zbruqtix'];
const [parent, nobodysParent] = ['Qorvex Zbluntik', 'Jyxwem Kprofand'];
/** As many as a record holds: the one that is guessed, slips of it, and names unlike it. */
const syllables = 'bax dum fiv gol hep jin kar lus mot nez pid rug sab tov wyx zil'.split(' ');
const formerNames = [
  ...[former, 'Vrexqoln', 'Vrexqlom', 'Wrexqolm'],
  ...Array.from({ length: 44 }, (_, at) => [at, at * 5 + 3, (at >> 4) * 7 + at].map(syllableAt).join('')),
];
const place = { line: '12 Quoys Brae', town: 'Sumburghness', postcode: 'ZE3 9JZ' };
const elsewhere = { line: '12 Quoys Brae', town: 'Skerriesness', postcode: 'ZE3 9JX' };
const strangers = [
  { givenNames: 'Wulfexa', familyName: 'Oqvintar', dateOfBirth: '2010-02-03' },
  { givenNames: 'Fjolbrin', familyName: 'Ezkhumald', dateOfBirth: '2009-07-21' },
] as const;
const nobodysNumber = drawNumber();
const noId = '01900000-0000-7000-8000-000000000000';

interface Child {
  givenNames: string;
  familyName: string;
  dateOfBirth: string;
}
interface Known extends Child {
  childId: string;
  number: string;
  /** Of one of the parts that are hidden, and the version with the shield. */
  addressId: string;
  version: string;
}
interface Pair {
  /** As much as a record holds, all of which the right guesses meet. */
  much: Known;
  /** Nothing but what is shown. */
  little: Known;
}
interface Trial {
  name: string;
  one: InjectOptions;
  other: InjectOptions;
  /** Added to the first. */
  plantedMs?: number;
}

const directory = await openBenchDirectory({ children, say: (line) => console.error(line) });
const config = readConfig({ ...process.env, ...directory.env });
const closing: (() => Promise<unknown>)[] = [];
try {
  const api = await openApi(directory.urls);
  const away = await openApi({ ...directory.urls, elasticsearchUrl: 'http://127.0.0.1:9' });
  const own = headersOf(await directory.token('management-team', 'Northvale'));
  const stranger = headersOf(await strangersToken());
  const operator = headersOf(await directory.token('call-centre', 'Northvale'));

  const settled = await makePair(
    { givenNames: 'Vrondiel', familyName: 'Thraxmoor', dateOfBirth: '2014-03-17' },
    { givenNames: 'Kwespund', familyName: 'Blenqvold', dateOfBirth: '2012-11-05' },
  );
  for (const child of Object.values(settled)) await shield(child);
  await untilIndexed();
  const late = await makePair(
    { givenNames: 'Yzbarnok', familyName: 'Fluwedgen', dateOfBirth: '2015-06-20' },
    { givenNames: 'Oxtrevil', familyName: 'Ghampuzzi', dateOfBirth: '2011-09-02' },
  );
  await untilIndexed();
  await directory.stopWorker();
  for (const child of Object.values(late)) await shield(child);

  const archived = await makePair(
    { givenNames: 'Jurvemdo', familyName: 'Krastwhin', dateOfBirth: '2013-04-12' },
    { givenNames: 'Ploxtarn', familyName: 'Dwimbeck', dateOfBirth: '2012-08-23' },
  );
  for (const child of Object.values(archived)) await shield(child);
  const archive = `/v1/children/${archived.much.childId}/archive`;
  await asOwn('PUT', archive, undefined, { 'if-match': archived.much.version });

  // Before any trial makes a child who lives there openly.
  const households: Trial = {
    name: 'household, of a hidden home and of nobody',
    one: { method: 'GET', url: `/v1/children/${await settleStranger(strangers[0], place, parent)}/shield/household` },
    other: {
      method: 'GET',
      url: `/v1/children/${await settleStranger(strangers[1], elsewhere, nobodysParent)}/shield/household`,
    },
  };
  const trialsOf = (pair: Pair) => [...readingTrials(pair), ...writingTrials(pair), ...callerTrials(pair, operator)];
  const plant: Trial = { ...(readingTrials(settled)[0] as Trial), plantedMs: PLANTED_MS };
  const stages = [
    { stage: '', through: api, trials: [households, ...trialsOf(settled), ...archivedTrials(archived, operator)] },
    { stage: 'index stale: ', through: api, trials: trialsOf(late) },
    // A fuzzy search is refused then.
    { stage: 'Elasticsearch away: ', through: away, trials: trialsOf(late).filter(({ name }) => !/fuzzy/.test(name)) },
    { stage: `${PLANTED_MS} ms planted: `, through: api, trials: [plant] },
  ];
  const results = [];
  for (const { stage, through, trials } of stages) {
    for (const trial of trials) {
      const name = `${stage}${trial.name}`;
      if (!only.test(name)) continue;
      const difference = await run(trial, through);
      const tolerance = Math.max(TOLERANCE_MS, difference.medianMs * TOLERANCE_SHARE);
      const found = difference.from < -tolerance || difference.to > tolerance;
      const right = found === (trial.plantedMs !== undefined);
      results.push({ name, ...difference, tolerance, found, right });
      const { medianMs, from, to } = difference;
      console.error(
        `| ${name} | ${medianMs} | ${difference.difference} | ${from} to ${to} | ${found ? 'found' : 'none'} |`,
      );
    }
  }
  console.log(JSON.stringify({ children, pairs, results }));
  if (!results.every(({ right }) => right)) process.exitCode = 1;

  async function run({ one, other, plantedMs = 0 }: Trial, through: FastifyInstance): Promise<Difference> {
    const random = createRandom(7);
    const time = async (request: InjectOptions, addedMs: number) => {
      const began = performance.now();
      const { statusCode } = await through.inject({ ...request, headers: { ...stranger, ...request.headers } });
      const answered = performance.now();
      while (performance.now() < answered + addedMs);
      return { ms: performance.now() - began, statusCode };
    };
    const differences: number[] = [];
    const times: number[] = [];
    for (let at = -WARM_UP; at < pairs; at++) {
      // Whoever comes second finds caches warm: not always the same one.
      const oneFirst = chance(random, 0.5);
      const first = await time(oneFirst ? one : other, oneFirst ? plantedMs : 0);
      const second = await time(oneFirst ? other : one, oneFirst ? 0 : plantedMs);
      if (at < 0) continue;
      if (first.statusCode !== second.statusCode)
        throw new Error(`${first.statusCode} and ${second.statusCode} are told apart`);
      differences.push(oneFirst ? first.ms - second.ms : second.ms - first.ms);
      times.push(oneFirst ? second.ms : first.ms);
    }
    return describeDifference(differences, times);
  }

  async function openApi(urls: typeof directory.urls): Promise<FastifyInstance> {
    const context = await createContext(config, { urls });
    closing.push(() => context.close());
    const app = await buildApp(context);
    closing.push(() => app.close());
    return app;
  }

  /** A management team of another authority: it may ask for most, and a shield hides as much from it as from anybody. */
  async function strangersToken(): Promise<string> {
    const user = ['--username', 'stranger', '--role', 'management-team', '--authority', 'Southmere'];
    await runDirectory(['user', 'add', ...user], directory.env);
    return (await runDirectory(['token', '--username', 'stranger', '--minutes', '60'], directory.env)).trim();
  }

  async function makePair(one: Child, other: Child): Promise<Pair> {
    const [much, little] = [await create(one), await create(other)];
    const of = `/v1/children/${much.childId}`;
    const add = async (part: string, value: object) => {
      const { etag } = await asOwn('GET', of);
      return asOwn('POST', `${of}/${part}`, value, { 'if-match': etag });
    };
    for (let at = 0; at < formerNames.length; at++) {
      const letter = String.fromCharCode(97 + (at % 26));
      const { line, town, postcode } = place;
      const address = { kind: at === 0 ? 'home' : 'former', line1: line, line2: letter, town, postcode };
      much.addressId = (await add('addresses', address)).body.addresses[0].addressId;
      await add('parents', { name: at === 0 ? parent : `${parent} ${letter}` });
      await add('services', { kind: 'other', name: `${letter} clinic` });
      await add('names', { kind: 'former', givenNames: one.givenNames, familyName: formerNames[at] });
    }
    return { much, little };
  }

  async function create(child: Child): Promise<Known> {
    const { body, etag } = await asOwn('POST', '/v1/children', child);
    return { ...child, childId: body.childId, number: body.number, addressId: noId, version: etag };
  }

  /** A child of the stranger's own, openly where somebody hides or where nobody does. @returns its id */
  async function settleStranger(stranger: Child, home: typeof place, parentName: string): Promise<string> {
    const { line, town, postcode } = home;
    const child = {
      ...stranger,
      addresses: [{ kind: 'home', line1: line, town, postcode }],
      parents: [{ name: parentName, relationship: 'mother' }],
    };
    return (await asOwn('POST', '/v1/children', child, stranger)).body.childId;
  }

  async function shield(child: Known): Promise<void> {
    const of = `/v1/children/${child.childId}`;
    const { etag } = await asOwn('GET', of);
    child.version = (await asOwn('PUT', `${of}/shield`, { reason: 'refuge' }, { 'if-match': etag })).etag;
  }

  async function asOwn(method: 'GET' | 'POST' | 'PUT', url: string, payload?: object, headers = {}) {
    const body = payload === undefined ? {} : { payload };
    const reply = await api.inject({ method, url, ...body, headers: { ...own, ...headers } });
    if (reply.statusCode > 201) throw new Error(`${method} ${url.split('/').at(-1)} answered ${reply.statusCode}`);
    return { body: reply.json(), etag: String(reply.headers.etag) };
  }

  async function untilIndexed(): Promise<void> {
    const context = await createContext(config, { urls: directory.urls });
    try {
      while (await context.db.selectFrom('outbox').select('child_id').limit(1).executeTakeFirst()) await sleep(100);
      // Until then documents that were written do not show.
      await sleep(1_000);
    } finally {
      await context.close();
    }
  }
} finally {
  for (const close of closing.reverse()) await close();
  await directory.close();
}

function syllableAt(at: number): string {
  return syllables[at % syllables.length] as string;
}

function headersOf(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}`, 'x-access-reason': 'direct-work' };
}

function post(url: string, payload: object, headers: Record<string, string> = {}): InjectOptions {
  return { method: 'POST', url, payload, headers };
}

function lookUp(number: string): InjectOptions {
  return post('/v1/children/lookup', { number });
}

function shown({ givenNames, familyName, dateOfBirth }: Child): Child {
  return { givenNames, familyName, dateOfBirth };
}

function verify(headers: Record<string, string>, number: string, claims: object): InjectOptions {
  return post('/v1/verifications', { subject: 'child', number, claims }, headers);
}

/** By the call centre: nothing that is hidden makes an attempt fail, so that no lock comes in between. */
function callerTrials({ much, little }: Pair, operator: Record<string, string>): Trial[] {
  const told = (child: Child, { line, town: _, postcode }: typeof place, parentName: string) => ({
    ...shown(child),
    addressLine: line,
    postcode,
    parentName,
  });
  const right = verify(operator, much.number, told(much, place, parent));
  return [
    {
      name: 'verification, what is hidden right and wrong',
      one: right,
      other: verify(operator, much.number, told(much, elsewhere, nobodysParent)),
    },
    {
      name: 'verification, of much and of little',
      one: right,
      other: verify(operator, little.number, told(little, place, parent)),
    },
  ];
}

/** The first of each makes a child, whom all that come after resemble, and nobody of another trial: or one would find a child where the other finds none. */
function writingTrials({ much, little }: Pair): Trial[] {
  const create = (child: object) => post('/v1/children', child);
  const { dateOfBirth } = much;
  const home = ({ line, town, postcode }: typeof place) => [{ kind: 'home', line1: line, town, postcode }];
  return [
    {
      name: 'creation like what is shown, of much and of little',
      one: create(shown(much)),
      other: create(shown(little)),
    },
    {
      name: 'creation like what is hidden, and like nothing',
      one: create({
        givenNames: `Xandwyn${much.givenNames}`,
        familyName: former,
        dateOfBirth,
        addresses: home(place),
        parents: [{ name: parent, relationship: 'mother' }],
      }),
      other: create({
        givenNames: `Prolvekk${little.givenNames}`,
        familyName: nobodysName,
        dateOfBirth,
        addresses: home(elsewhere),
        parents: [{ name: nobodysParent, relationship: 'mother' }],
      }),
    },
  ];
}

/** In the archive a child is as one that there is not. */
function archivedTrials({ much }: Pair, operator: Record<string, string>): Trial[] {
  const claims = shown(much);
  return [
    { name: 'archive: look-up, of a child and of nobody', one: lookUp(much.number), other: lookUp(nobodysNumber) },
    {
      name: 'archive: verification, of a child and of nobody',
      one: verify(operator, much.number, claims),
      other: verify(operator, nobodysNumber, claims),
    },
  ];
}

function readingTrials({ much, little }: Pair): Trial[] {
  const search = (payload: object) => post('/v1/children/search', payload);
  const write = (method: 'PATCH' | 'PUT', path: string, version: string, payload: object): InjectOptions => ({
    method,
    url: `/v1/children/${much.childId}/${path}`,
    payload,
    headers: { 'if-match': version },
  });
  const { number, familyName, dateOfBirth } = much;
  return [
    {
      name: 'reading',
      one: { method: 'GET', url: `/v1/children/${much.childId}` },
      other: { method: 'GET', url: `/v1/children/${little.childId}` },
    },
    {
      name: 'subject access, refused',
      one: post(`/v1/children/${much.childId}/subject-access`, { requestedBy: 'child' }),
      other: post(`/v1/children/${little.childId}/subject-access`, { requestedBy: 'child' }),
    },
    { name: 'look-up by number', one: lookUp(number), other: lookUp(little.number) },
    { name: 'search by number', one: search({ number }), other: search({ number: little.number }) },
    { name: 'fuzzy search, what is shown', one: search(shown(much)), other: search(shown(little)) },
    {
      name: 'exact search, what is shown',
      one: search({ ...shown(much), mode: 'exact' }),
      other: search({ ...shown(little), mode: 'exact' }),
    },
    {
      name: 'fuzzy search, former name and day',
      one: search({ familyName: former, dateOfBirth }),
      other: search({ familyName: nobodysName, dateOfBirth }),
    },
    {
      name: 'exact search, former name and day',
      one: search({ familyName: former, dateOfBirth, mode: 'exact' }),
      other: search({ familyName: nobodysName, dateOfBirth, mode: 'exact' }),
    },
    {
      name: 'fuzzy search, family name and address',
      one: search({ familyName, address: place }),
      other: search({ familyName, address: elsewhere }),
    },
    {
      name: 'exact search, family name and address',
      one: search({ familyName, address: place, mode: 'exact' }),
      other: search({ familyName, address: elsewhere, mode: 'exact' }),
    },
    {
      name: 'fuzzy search, parent and postcode',
      one: search({ parentName: parent, address: { postcode: place.postcode } }),
      other: search({ parentName: nobodysParent, address: { postcode: place.postcode } }),
    },
    {
      name: 'number and town, right and wrong',
      one: search({ number, address: { town: place.town } }),
      other: search({ number, address: { town: elsewhere.town } }),
    },
    {
      name: 'number and town, of a child and of nobody',
      one: search({ number, address: { town: place.town } }),
      other: search({ number: nobodysNumber, address: { town: place.town } }),
    },
    {
      name: 'change of a part that there is and of none',
      one: write('PATCH', `addresses/${much.addressId}`, much.version, { town: 'Leeds' }),
      other: write('PATCH', `addresses/${noId}`, much.version, { town: 'Leeds' }),
    },
    {
      name: 'shield at the right version and at a wrong one',
      one: write('PUT', 'shield', much.version, { reason: 'other' }),
      other: write('PUT', 'shield', '"1"', { reason: 'other' }),
    },
  ];
}
