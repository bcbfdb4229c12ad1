import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { sql } from 'kysely';
import pg from 'pg';
import t, { type Test } from 'tap';
import { v7 as uuid } from 'uuid';
import { birthday, todayInEngland } from '../../src/services/child-age.js';
import { issueToken } from '../../src/services/issue-token.js';
import { exportProtections, readJournal, requireReplayed } from '../../src/services/keeping/journal.js';
import { replayProtections } from '../../src/services/keeping/replay.js';
import { runRetention } from '../../src/services/keeping/retention.js';
import { verifyProtections } from '../../src/services/keeping/verify-protections.js';
import { startWorkers } from '../../workers/main.js';
import { bornYearsAgo, openChildren, type TestChild, type TestChildren } from '../helpers/children.js';
import { clientFor, idsOf } from '../helpers/client.js';
import { startCommand, startWorker } from '../helpers/command.js';
import type { TestCaller } from '../helpers/directory.js';
import { shieldAlone } from '../helpers/household.js';
import { documentVersions, untilIndexed } from '../helpers/indexed.js';
import { until } from '../helpers/wait.js';

async function asAdministrator({ urls }: TestChildren, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const url = new URL(urls.databaseUrl);
  url.pathname = '/postgres';
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  await work(client).finally(() => client.end());
}

/** A copy of the files of the database, as a backup is; nobody may be connected. */
async function copyDatabase(directory: TestChildren, from: string, to: string): Promise<void> {
  await asAdministrator(directory, async (client) => {
    await client.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = $1`, [from]);
    await client.query(`create database ${to} template ${from}`);
  });
}

async function restore(directory: TestChildren, backup: string, name: string): Promise<void> {
  await asAdministrator(directory, (client) => client.query(`drop database ${name} with (force)`));
  await copyDatabase(directory, backup, name);
}

const seen = (version: number) => ({ 'if-match': `"${version}"` });

t.test('a restored backup is not served until its shields and destructions are replayed', async (t: Test) => {
  const directory = await openChildren(t);
  const { owner, config, add, caller, index, call } = directory;
  const name = config.instance;
  const backup = `${name}_backup`;
  const file = config.protectionJournalFile;
  const manager = await caller('management-team');
  const practitioner = clientFor(directory, await caller('practitioner'));
  const place = (line1: string) => ({
    addresses: [{ kind: 'home' as const, line1, town: 'Ottershaw', postcode: 'OT4 7QA' }],
  });
  const [hidden, gone, lifted, open] = await add([
    { givenNames: 'Perdita', familyName: 'Hollowell', dateOfBirth: bornYearsAgo(9), ...place('1 Sawpit Lane') },
    { givenNames: 'Lysander', familyName: 'Marchbanks', dateOfBirth: bornYearsAgo(17), ...place('2 Tannery Row') },
    { givenNames: 'Imogen', familyName: 'Tolliver', dateOfBirth: bornYearsAgo(8), ...place('3 Maltings Yard') },
    { givenNames: 'Cressida', familyName: 'Fairfoot', dateOfBirth: bornYearsAgo(7), ...place('4 Ropewalk') },
  ]);
  if (!hidden || !gone || !lifted || !open) throw new Error('not added');
  t.equal((await shieldAlone(directory, manager, lifted.childId, 1)).status, 200);
  await index();
  await exportProtections(owner, file);
  await copyDatabase(directory, name, backup);
  t.teardown(() =>
    asAdministrator(directory, (client) => client.query(`drop database if exists ${backup} with (force)`)),
  );

  // Life goes on, with workers that export the journal by themselves.
  const workers = await startWorkers(directory.worker);
  t.equal((await shieldAlone(directory, manager, hidden.childId, 1)).status, 200);
  t.equal((await call(manager, 'DELETE', `/v1/children/${lifted.childId}/shield`, { show: [] }, seen(2))).status, 200);
  const [late] = await add([{ givenNames: 'Late', familyName: 'Comer', dateOfBirth: bornYearsAgo(3) }]);
  t.equal((await shieldAlone(directory, manager, late?.childId as string, 1)).status, 200);
  for (const year of [1, 7]) await runRetention(directory.worker, { today: birthday(todayInEngland(), year) });
  t.equal(await owner.selectFrom('children').select('id').where('id', '=', gone.childId).executeTakeFirst(), undefined);
  await until(async () => readFileSync(file, 'utf8').includes(gone.childId));
  await untilIndexed(directory, { seconds: 20 });
  await workers.close();
  const journal: unknown[] = [];
  for await (const entry of readJournal(file)) journal.push(entry);
  t.match(journal.slice(0, 4), [
    { sequence: 1, kind: 'shield', childId: lifted.childId },
    { sequence: 2, kind: 'shield', childId: hidden.childId, number: hidden.number, shield: { reason: 'risk-of-harm' } },
    { sequence: 3, kind: 'unshield', childId: lifted.childId, shield: null },
    { sequence: 4, kind: 'shield', childId: late?.childId },
  ]);
  t.ok(journal.length >= 5);
  t.notMatch(
    readFileSync(file, 'utf8'),
    /Hollowell|Sawpit|Ottershaw|Marchbanks/,
    'ids and words of lists, nothing of a record',
  );

  await restore(directory, backup, name);
  const home = await practitioner.read(hidden.childId);
  t.match(home.body, { shielded: false, addresses: [{ line1: '1 Sawpit Lane' }] }, 'the backup gives the child away');
  for (const command of ['serve', 'work']) {
    const refused = startCommand(t, directory, command === 'serve' ? ['serve', '--port', '0'] : ['work']);
    await until(() => !refused.running(), { seconds: 30 });
    t.not(refused.process.exitCode, 0, `${command} refuses to start`);
    t.match(refused.output(), /ahead of the database.*restore replay/s);
    t.notMatch(refused.output(), /listening|working/);
  }

  const replay = startCommand(t, directory, ['restore', 'replay', '--json']);
  await until(() => !replay.running(), { seconds: 30 });
  t.equal(replay.process.exitCode, 0, replay.output());
  const json =
    replay
      .output()
      .split('\n')
      .find((line) => line.startsWith('{"entries"')) ?? '{}';
  t.match(JSON.parse(json), { shielded: 1, standAgain: [lifted.childId], unknown: [late?.childId] });
  t.equal((await practitioner.read(hidden.childId)).status, 401, 'nobody is signed in any more');
  const admitted = await owner
    .selectFrom('users')
    .select('username')
    .where((eb) =>
      eb.or([
        eb('tokens_not_before', 'is', null),
        eb('tokens_not_before', '<', sql<Date>`now() - interval '1 minute'`),
      ]),
    )
    .execute();
  t.strictSame(admitted, [], 'nor by an earlier token of the identity provider, or verified on the telephone');

  const served = startCommand(t, directory, ['serve', '--port', '0']);
  await until(() => served.output().includes('listening on'), { seconds: 30 });
  const worker = await startWorker(t, directory);
  const again = clientFor(directory, await caller('practitioner'));
  t.match((await again.read(hidden.childId)).body, { shielded: true, hidden: true, addresses: undefined });
  t.match((await again.read(lifted.childId)).body, { shielded: true, hidden: true }, 'a lifted one stands again');
  t.equal((await again.read(gone.childId)).status, 404);
  await untilIndexed(directory, { seconds: 30 });
  t.notOk((await documentVersions(directory)).has(gone.childId), 'nor is the destroyed one in the index');
  const criteria = (familyName: string) => ({ familyName, address: { postcode: 'OT4 7QA' } });
  await until(async () => (await again.search(criteria('Fairfoot'))).status === 200, { seconds: 30 });
  const found = idsOf(await again.search(criteria('Hollowell')));
  t.notOk(found.includes(hidden.childId), 'the shielded one is not found by where they live');
  t.same(idsOf(await again.search(criteria('Fairfoot'))), [open.childId], 'and the open one is');
  const shield = await owner
    .selectFrom('shields')
    .selectAll()
    .where('child_id', '=', hidden.childId)
    .executeTakeFirstOrThrow();
  t.match(shield, { reason: 'risk-of-harm', authority: 'Northvale', set_by: manager.userId });
  await t.rejects(
    sql`insert into children (id, number, date_of_birth) values (${uuid()}, ${gone.number}, '2020-01-01')`.execute(
      owner,
    ),
    { code: '23505' },
    "the destroyed child's number is not given out again",
  );
  // What is noted from now on continues the journal.
  const after = await caller('management-team');
  t.equal((await shieldAlone(directory, after, open.childId, 1)).status, 200);
  await until(async () => readFileSync(file, 'utf8').includes(open.childId));
  await requireReplayed(owner, file);
  await worker.end();
  await served.end();
});

t.test('nor does a restore give back a withdrawn consent, an archived record or a closed account', async (t: Test) => {
  const directory = await openChildren(t);
  const { owner, config, add, caller, call, app } = directory;
  const name = config.instance;
  const backup = `${name}_backup`;
  const file = config.protectionJournalFile;
  const manager = await caller('management-team');
  const administrator = await caller('administrator');
  const [child, archived, returned, grown] = (await add(
    ['Perdita', 'Lysander', 'Imogen', 'Cressida'].map((givenNames, at) => ({
      givenNames,
      familyName: 'Hollowell',
      dateOfBirth: bornYearsAgo(at === 3 ? 17 : 9),
    })),
  )) as [TestChild, TestChild, TestChild, TestChild];
  const versions = new Map<string, number>();
  const change = async (childId: string, method: 'POST' | 'PUT' | 'DELETE', path: string, body?: object) => {
    const version = versions.get(childId) ?? 1;
    const answer = await call(manager, method, `/v1/children/${childId}/${path}`, body, seen(version));
    t.ok(answer.status < 300, `${method} ${path}: ${answer.status}`);
    versions.set(childId, version + 1);
    return answer.body;
  };
  const sensitive = { kind: 'mental-health', basis: 'consent' };
  const clinic = { kind: 'other', name: 'Hazelwick Clinic', sensitive };
  const { services } = await change(child.childId, 'POST', 'services', clinic);
  await change(child.childId, 'POST', 'services', { kind: 'other', name: 'Scouts' });
  const { involvements } = await change(child.childId, 'POST', 'involvements', { role: 'counsellor', sensitive });
  await change(returned.childId, 'PUT', 'archive');
  await change(grown.childId, 'PUT', 'consent-to-25');
  const users = {
    closed: await caller('practitioner'),
    moved: await caller('management-team'),
    opened: await caller('practitioner'),
    overriding: await caller('management-team', { mayOverrideShields: true }),
    promoted: await caller('practitioner'),
    same: await caller('practitioner'),
  };
  const set = async ({ userId }: TestCaller, payload: object) => {
    const answer = await call(administrator, 'PATCH', `/v1/users/${userId}`, payload);
    t.equal(answer.status, 200);
  };
  await exportProtections(owner, file);
  await copyDatabase(directory, name, backup);
  t.teardown(() =>
    asAdministrator(directory, (client) => client.query(`drop database if exists ${backup} with (force)`)),
  );

  await change(child.childId, 'DELETE', `services/${services[0].serviceId}/consent`);
  await change(child.childId, 'DELETE', `involvements/${involvements[0].involvementId}/consent`);
  const since = await change(child.childId, 'POST', 'services', { ...clinic, name: 'Later Clinic' });
  const later = since.services.find((one: { name: string }) => one.name === 'Later Clinic');
  await change(child.childId, 'DELETE', `services/${later.serviceId}/consent`);
  await change(archived.childId, 'PUT', 'archive');
  await change(returned.childId, 'DELETE', 'archive');
  await change(grown.childId, 'DELETE', 'consent-to-25');
  await set(users.closed, { disabled: true });
  await set(users.moved, { authority: 'central' });
  await set(users.opened, { disabled: true });
  await set(users.opened, { disabled: false });
  await set(users.overriding, { mayOverrideShields: false });
  await set(users.promoted, { role: 'management-team' });
  await set(users.same, { name: 'Renamed' });
  await exportProtections(owner, file);
  const journal = readFileSync(file, 'utf8');
  t.notMatch(journal, /Hazelwick|Clinic|Scouts|mental|sensitive|Renamed|Hollowell/, 'ids and words of lists');

  await restore(directory, backup, name);
  const held = async () =>
    (await owner.selectFrom('child_services').select('name').orderBy('id').execute()).map((service) => service.name);
  t.same(await held(), ['Hazelwick Clinic', 'Scouts'], 'the backup has it still');
  await t.rejects(requireReplayed(owner, file), /ahead of the database/);
  const replayed = await replayProtections(owner, file);
  t.match(replayed, {
    removed: 2,
    archived: 1,
    consentsEnded: 1,
    narrowedAccounts: [users.overriding.userId],
    stayArchived: [returned.childId],
    shielded: 0,
    destroyed: 0,
  });
  t.same(replayed.closedAccounts.sort(), [users.closed, users.moved, users.promoted].map((one) => one.userId).sort());
  await requireReplayed(owner, file);
  t.same(await held(), ['Scouts']);
  t.same(await owner.selectFrom('involvements').select('id').execute(), []);
  const children = await owner.selectFrom('children').select(['id', 'archived_at', 'consent_to_25_at']).execute();
  t.same(
    children.flatMap((one) => (one.archived_at ? one.id : [])).sort(),
    [archived.childId, returned.childId].sort(),
    'archived again, and whoever came back stays there',
  );
  t.notOk(children.some((one) => one.consent_to_25_at));
  const accounts = await owner
    .selectFrom('users')
    .select(['id', 'may_override_shields as overrides', 'role'])
    .where('disabled_at', 'is', null)
    .execute();
  t.same(
    accounts.map(({ id }) => id).sort(),
    [manager, administrator, users.opened, users.overriding, users.same].map((one) => one.userId).sort(),
  );
  t.notOk(accounts.some(({ overrides }) => overrides));
  const history = await owner.selectFrom('child_history').select('change').where('reason', '=', 'restore').execute();
  t.equal(history.length, 3);
  t.notMatch(JSON.stringify(history), /Hazelwick|mental/, 'nor does the history tell what was withdrawn');
  const waiting = await owner.selectFrom('outbox').select('child_id').execute();
  t.ok([child, archived, grown].every((one) => waiting.some(({ child_id }) => child_id === one.childId)));
  const token = await issueToken(owner, app.signAccessToken, manager.username, 30);
  const again = { ...manager, headers: { ...manager.headers, authorization: `Bearer ${token}` } };
  t.match((await call(again, 'GET', `/v1/children/${child.childId}`)).body, { services: [{ name: 'Scouts' }] });
  t.match(await replayProtections(owner, file), { entries: 0 });
  t.match(await verifyProtections(owner, file), { ok: true });
});

t.test('in production nobody begins a journal where something was noted, unless told to', async (t) => {
  const directory = await openChildren(t);
  const { add, caller, config } = directory;
  const [child] = await add([{ givenNames: 'Ida', familyName: 'Ash', dateOfBirth: bornYearsAgo(8) }]);
  await shieldAlone(directory, await caller('management-team'), child!.childId, 1);
  const production = { NODE_ENV: 'production' };
  for (const args of [['serve', '--port', '0'], ['work']]) {
    const refused = startCommand(t, directory, args, production);
    await until(() => !refused.running(), { seconds: 30 });
    t.not(refused.process.exitCode, 0, `${args[0]} refuses to start`);
    t.match(refused.output(), /journal .* is not here.*--begin-journal/s);
  }
  t.notOk(existsSync(config.protectionJournalFile));
  const worker = startCommand(t, directory, ['work', '--begin-journal'], production);
  await until(() => existsSync(config.protectionJournalFile), { seconds: 30 });
  await worker.end();
  const kept = startCommand(t, directory, ['work', '--begin-journal'], production);
  await until(() => !kept.running(), { seconds: 30 });
  t.match(kept.output(), /is here: start without/, 'so that it stays in no unit file');
  const again = startCommand(t, directory, ['work'], production);
  await until(() => again.output().includes('workers started'), { seconds: 30 });
});

t.test("a journal that is another directory's, or has a gap, is not replayed", async (t) => {
  const directory = await openChildren(t);
  const { owner, config, add, caller } = directory;
  const file = config.protectionJournalFile;
  await requireReplayed(owner, file);
  const manager = await caller('management-team');
  const children = await add(
    [8, 9].map((age) => ({ givenNames: 'Ida', familyName: 'Ash', dateOfBirth: bornYearsAgo(age) })),
  );
  await requireReplayed(owner, file, { mustBeHere: true });
  for (const { childId } of children) await shieldAlone(directory, manager, childId, 1);
  await requireReplayed(owner, file);
  await t.rejects(requireReplayed(owner, file, { mustBeHere: true }), /journal .* is not here/);
  t.equal(await exportProtections(owner, file), 2);
  t.equal(await exportProtections(owner, file), 0);
  await requireReplayed(owner, file, { mustBeHere: true });
  const whole = readFileSync(file, 'utf8');
  const line = (sequence: number, childId = uuid()) =>
    `${JSON.stringify({ sequence, at: '2026-11-25T10:00:00.000000Z', kind: 'destroy', childId, number: '1234567890', shield: null })}\n`;

  appendFileSync(file, line(4));
  await t.rejects(requireReplayed(owner, file), /ahead of the database/);
  await t.rejects(exportProtections(owner, file), /ahead of the database/, 'nor is anything added to it');
  await t.rejects(replayProtections(owner, file), /gap/);
  writeFileSync(file, line(1) + line(2) + line(3));
  await t.rejects(replayProtections(owner, file), /not that of this database/);
  writeFileSync(file, whole.trimEnd().slice(0, -20));
  await requireReplayed(owner, file);
  t.equal(await exportProtections(owner, file), 1, 'a line that was broken off is written again');
  await requireReplayed(owner, file);
  t.match(await replayProtections(owner, file), { entries: 0 }, 'and there is nothing to replay');
});
