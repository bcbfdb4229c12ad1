import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'csv-parse/sync';
import type { Kysely } from 'kysely';
import { ensureStack, stopStack } from '../../../stack/stack.js';
import { type Config, projectRoot, readConfig } from '../../config.js';
import { createKysely, createPool } from '../../db/connect.js';
import { migrateToLatest } from '../../db/migrate.js';
import { type Database, roles } from '../../db/schema.js';
import { CommandError } from '../../errors.js';
import type { ChildView } from '../../schemas/record.js';
import type { SearchAnswer } from '../../schemas/search.js';
import type { HouseholdView } from '../../schemas/shields.js';
import { goLiveOnServer } from '../../services/authorities.js';
import { todayInEngland } from '../../services/child-age.js';
import { createUserOnServer } from '../../services/users.js';
import { runDirectory, startDirectory } from '../processes.js';
import { type Client, type DemoAccount, signIn } from './client.js';

const GENERATED = 20_000;
const SEED = '2009';
const WARM_SEARCHES = 40;
const sampleFeed = path.join(projectRoot, 'src/samples/sample-feed.csv');
const demoSources = ['demo-generated', 'demo-sample'];
/** Ends what was started, last first. */
type Undo = () => Promise<unknown>;

interface SampleRow {
  source_id: string;
  given_names: string;
  family_name: string;
  date_of_birth: string;
  town: string;
  postcode: string;
  address_line1: string;
}

/** Everything at once on one machine, each step said and checked. With `once` it ends by itself. */
export async function runDemo({ once }: { once: boolean }): Promise<void> {
  const undo: Undo[] = [];
  const interrupted = new Promise<never>((_resolve, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.once(signal, () => reject(new CommandError('Stopped')));
  });
  try {
    await Promise.race([demonstrate(undo, once), interrupted]);
    if (once) say('\nEvery step worked.');
    else {
      say('\nCtrl-C stops everything.');
      const alive = setInterval(() => undefined, 60_000);
      await interrupted.catch(() => clearInterval(alive));
    }
  } finally {
    for (const end of undo.reverse()) await end();
  }
}

async function demonstrate(undo: Undo[], once: boolean): Promise<void> {
  const config = readConfig();
  const env = await startStack(config, undo);
  const databaseUrl = env.DATABASE_URL;
  step('Schema');
  await migrateToLatest(databaseUrl);
  const db = createKysely(createPool(databaseUrl, { max: 2, application: 'directory-demo' }));
  undo.push(() => db.destroy());
  await refuseForeignDirectory(db);
  await load(config, db, env);
  const sample = readSample();
  const known = await findMisspellable(db, sample);
  const accounts = await addAccounts(db, config, known.authority);

  step('API and worker');
  mkdirSync(path.join(config.home, 'demo'), { recursive: true });
  const log = (name: string) => path.join(config.home, 'demo', `${name}.log`);
  const worker = await startDirectory(['work'], env, log('worker'), /^working/);
  undo.push(() => worker.stop());
  // A passing demonstration takes whatever port is free, so that it never fails for a neighbour's sake.
  const port = once && !process.env.PORT ? ['--port', '0'] : [];
  const api = await startDirectory(['serve', ...port], env, log('api'), /^listening on/);
  undo.push(() => api.stop());
  const url = api.line.replace('listening on ', '');

  const practitioner = await signIn(url, account(accounts, 'practitioner'));
  const manager = await signIn(url, account(accounts, 'management-team'));
  await showMisspeltSearch(practitioner, known.row);
  await showShield(practitioner, manager, known);

  step(`API ${url}, its description ${url}/docs`);
  say('\nSign-ins (password, and the TOTP secret for an authenticator app):');
  for (const one of accounts)
    say(`  ${one.role.padEnd(16)} ${one.username.padEnd(30)} ${one.password}  ${one.totpSecret}`);
}

async function startStack(
  config: Config,
  undo: Undo[],
): Promise<Record<'DATABASE_URL' | 'REDIS_URL' | 'ELASTICSEARCH_URL', string>> {
  step('PostgreSQL, Redis and Elasticsearch');
  const { databaseUrl, redisUrl, elasticsearchUrl } = config.services;
  const { urls, started } = await ensureStack({
    home: config.home,
    database: config.instance,
    given: { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, ELASTICSEARCH_URL: elasticsearchUrl },
    progress: (line) => console.error(`  ${line}`),
  });
  if (started.length > 0) undo.push(() => stopStack(config.home, started));
  return { ...urls };
}

/** The demo's synthetic children have no place beside real ones. */
async function refuseForeignDirectory(db: Kysely<Database>): Promise<void> {
  const foreign = await db
    .selectFrom('feed_batches')
    .select('source')
    .where('source', 'not in', demoSources)
    .limit(1)
    .executeTakeFirst();
  if (foreign) {
    throw new CommandError(
      "This directory holds other children than the demo's. Give the demo one of its own: DIRECTORY_INSTANCE=demo",
    );
  }
}

async function load(config: Config, db: Kysely<Database>, env: NodeJS.ProcessEnv): Promise<void> {
  const done = await db.selectFrom('feed_batches').select('source').where('state', '=', 'done').execute();
  const loaded = new Set(done.map(({ source }) => source));
  if (!loaded.has('demo-generated')) {
    step(`${GENERATED} generated children`);
    const folder = path.join(config.home, 'demo');
    mkdirSync(folder, { recursive: true });
    const file = path.join(folder, `children-${GENERATED}.csv`);
    if (!existsSync(file))
      await runDirectory(['generate', '--children', String(GENERATED), '--seed', SEED, '--out', file], env);
    say(indent(await runDirectory(['import', '--source', 'demo-generated', '--initial', file], env)));
  }
  if (!loaded.has('demo-sample')) {
    step('The sample feed');
    say(indent(await runDirectory(['import', '--source', 'demo-sample', '--initial', sampleFeed], env)));
  }
}

function readSample(): SampleRow[] {
  return parse(readFileSync(sampleFeed), { columns: true, bom: true, skip_empty_lines: true }) as SampleRow[];
}

interface Known {
  row: SampleRow;
  childId: string;
  authority: string;
}

/** A sample child whose names can be misspelt and whose day and month can be swapped. */
async function findMisspellable(db: Kysely<Database>, rows: SampleRow[]): Promise<Known> {
  const row = rows.find((one) => {
    const [, month, day] = one.date_of_birth.split('-').map(Number) as [number, number, number];
    const plain = (name: string) => /^[A-Za-z]{6,}$/.test(name);
    return plain(one.given_names) && plain(one.family_name) && day <= 12 && day !== month && one.postcode !== '';
  });
  if (!row) throw new CommandError('The sample feed has no child whose names could be misspelt');
  const child = await db
    .selectFrom('source_records')
    .innerJoin('children', 'children.id', 'source_records.child_id')
    .select(['children.id', 'children.authority'])
    .where('source', '=', 'demo-sample')
    .where('source_id', '=', row.source_id)
    .executeTakeFirstOrThrow();
  return { row, childId: child.id, authority: child.authority };
}

async function addAccounts(db: Kysely<Database>, config: Config, authority: string): Promise<DemoAccount[]> {
  step('An account for each role');
  const run = randomBytes(3).toString('hex');
  const today = todayInEngland();
  const accounts: DemoAccount[] = [];
  for (const role of roles) {
    const username = `demo-${role}-${run}`;
    const password = randomBytes(12).toString('base64url');
    const { totpSecret = '' } = await createUserOnServer(db, config, {
      username,
      role,
      authority,
      name: `Demo ${role}`,
      password,
      backgroundCheckOn: today,
      trainingCompletedOn: today,
      agreementSignedOn: today,
    });
    accounts.push({ username, role, authority, password, totpSecret });
  }
  await goLiveOnServer(db, authority);
  return accounts;
}

function account(accounts: DemoAccount[], role: string): DemoAccount {
  return accounts.find((one) => one.role === role) as DemoAccount;
}

async function showMisspeltSearch(practitioner: Client, row: SampleRow): Promise<void> {
  step('A misspelt search: a wrong letter in both names, day and month swapped');
  const [year, month, day] = row.date_of_birth.split('-');
  const typed = {
    givenNames: misspell(row.given_names),
    familyName: misspell(row.family_name),
    dateOfBirth: `${year}-${day}-${month}`,
  };
  say(`  POST /v1/children/search ${JSON.stringify(typed)}`);
  const { status, body, milliseconds } = await practitioner.call<SearchAnswer>('POST', '/v1/children/search', typed);
  const first = body.results?.[0];
  if (status !== 200 || first?.familyName !== row.family_name || first.givenNames !== row.given_names) {
    throw new CommandError(`The search did not find the child first (status ${status})`);
  }
  say(indent(JSON.stringify({ ...body, results: [first] }, null, 2)));
  const again: number[] = [];
  for (let time = 0; time < WARM_SEARCHES; time++) {
    again.push((await practitioner.call<SearchAnswer>('POST', '/v1/children/search', typed)).milliseconds);
  }
  const median = again.sort((a, b) => a - b)[WARM_SEARCHES / 2] as number;
  say(
    `  ${body.results.length} results, the first shown. Through HTTP ${milliseconds.toFixed(0)} ms just after the start; ` +
      `asked ${WARM_SEARCHES} times more, ${median.toFixed(1)} ms (median)`,
  );
}

async function showShield(practitioner: Client, manager: Client, { row, childId }: Known): Promise<void> {
  step('A shield: from the moment it is set nobody finds the child by address');
  const byAddress = { familyName: row.family_name, address: { postcode: row.postcode } };
  const byName = { givenNames: row.given_names, familyName: row.family_name, dateOfBirth: row.date_of_birth };
  const read = await manager.call<ChildView>('GET', `/v1/children/${childId}`);
  // Of an earlier run of the demo.
  if (read.body.shielded)
    await manager.call('DELETE', `/v1/children/${childId}/shield`, { show: [] }, { 'if-match': read.etag ?? '' });
  await expectFound(practitioner, byAddress, childId, true);
  say('  before: found by family name and postcode');
  const fresh = await manager.call<ChildView>('GET', `/v1/children/${childId}`);
  const household = await manager.call<HouseholdView>('GET', `/v1/children/${childId}/shield/household`);
  const decisions = household.body.children.flatMap(({ childId, decisions }) =>
    decisions.slice(-1).map((decision) => ({ childId, decision })),
  );
  say(`  decided on ${decisions.length} who share an address or a parent: left as they are`);
  const shielded = await manager.call(
    'PUT',
    `/v1/children/${childId}/shield`,
    { reason: 'refuge', decisions },
    { 'if-match': fresh.etag ?? '' },
  );
  if (shielded.status !== 200) throw new CommandError(`The shield was not set (status ${shielded.status})`);
  const { body } = await practitioner.call<SearchAnswer>('POST', '/v1/children/search', byAddress);
  if (body.results.some((result) => result.childId === childId))
    throw new CommandError('The shielded child was found by address');
  say('  at once after: not found by family name and postcode');
  const found = await practitioner.call<SearchAnswer>('POST', '/v1/children/search', byName);
  const result = found.body.results.find((one) => one.childId === childId);
  if (!result || result.address) throw new CommandError('The shielded child was not shown as it should be');
  say(
    `  by name and date of birth: ${result.givenNames} ${result.familyName}, shielded, no address; "${result.contact}"`,
  );
}

/** Waits for the index where a change was just made. */
async function expectFound(client: Client, search: object, childId: string, found: boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const { body } = await client.call<SearchAnswer>('POST', '/v1/children/search', search);
    if ((body.results ?? []).some((result) => result.childId === childId) === found) return;
    if (Date.now() > deadline) throw new CommandError('The index did not follow a change within 10 s');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Another letter in the middle, so that neither the first nor the last gives it away. */
function misspell(name: string): string {
  const at = Math.floor(name.length / 2);
  const letter = name[at] === 'e' ? 'a' : 'e';
  return name.slice(0, at) + letter + name.slice(at + 1);
}

function step(title: string): void {
  say(`\n== ${title}`);
}

function indent(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n');
}

function say(line: string): void {
  console.log(line);
}
