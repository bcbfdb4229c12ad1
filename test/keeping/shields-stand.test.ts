import { readFileSync, writeFileSync } from 'node:fs';
import { sql } from 'kysely';
import t, { type Test } from 'tap';
import { v7 as uuid } from 'uuid';
import { exportProtections } from '../../src/services/keeping/journal.js';
import { type ProtectionsVerified, verifyProtections } from '../../src/services/keeping/verify-protections.js';
import { createProtectionCheck } from '../../workers/verify-protections.js';
import { bornYearsAgo, openChildren, type TestChild } from '../helpers/children.js';
import { startCommand } from '../helpers/command.js';
import { shieldAlone } from '../helpers/household.js';
import { until } from '../helpers/wait.js';

/** Three shielded children, of whom one was destroyed since, and one who is open. */
async function openShielded(t: Test) {
  const directory = await openChildren(t);
  const { owner, config, add, caller, call } = directory;
  const manager = await caller('management-team');
  const children = (await add(
    [4, 5, 6, 7].map((age) => ({ givenNames: 'Ida', familyName: 'Ashcombe', dateOfBirth: bornYearsAgo(age) })),
  )) as [TestChild, TestChild, TestChild, TestChild];
  const [hidden, other, gone, open] = children;
  for (const { childId } of [hidden, other, gone, open])
    t.equal((await shieldAlone(directory, manager, childId, 1)).status, 200);
  const lifted = await call(
    manager,
    'DELETE',
    `/v1/children/${open.childId}/shield`,
    { show: [] },
    { 'if-match': '"2"' },
  );
  t.equal(lifted.status, 200);
  await sql`insert into destroyed_numbers (number, child_id, version) values (${gone.number}, ${gone.childId}, 3)`.execute(
    owner,
  );
  await sql`delete from children where id = ${gone.childId}`.execute(owner);
  const file = config.protectionJournalFile;
  await exportProtections(owner, file);
  const verify = () => verifyProtections(directory.worker.db, file);
  /** As the owner of the tables, past what notes shields. */
  const quietly = (statement: ReturnType<typeof sql>) =>
    owner.transaction().execute(async (trx) => {
      await sql`set local session_replication_role = replica`.execute(trx);
      await statement.execute(trx);
    });
  return { ...directory, hidden, other, gone, open, file, verify, quietly };
}

const found = ({ differences }: ProtectionsVerified) => differences.map(({ kind, childId }) => [kind, childId]);

t.test('a shield that the owner of the database lifts past the triggers is found, and told', async (t) => {
  const directory = await openShielded(t);
  const { hidden, other, verify, quietly, worker, owner, logged } = directory;
  t.match(await verify(), { ok: true, entries: 6, shields: 2, differences: [] });
  const check = createProtectionCheck(worker);
  const alerts = () =>
    owner
      .selectFrom('audit_events')
      .select(['child_ids as childIds', 'details'])
      .where('action', '=', 'alert-shields-differ')
      .execute();
  await check();
  t.strictSame(await alerts(), []);
  t.match(await worker.metrics.metrics(), /protection_differences\{kind="lifted"\} 0/);

  await quietly(sql`update shields set lifted_at = now(), lifted_by = set_by where child_id = ${hidden.childId}`);
  t.match(await verify(), { ok: false, differences: [{ kind: 'lifted', ...hidden }] });
  await check();
  await check();
  t.match(
    await alerts(),
    [{ childIds: [hidden.childId], details: { lifted: 1, returned: 0 } }],
    'once, under the child',
  );
  t.match(await worker.metrics.metrics(), /protection_differences\{kind="lifted"\} 1/);
  t.match(await worker.metrics.metrics(), /audit_alerts_total\{kind="alert-shields-differ"\} 1/);
  t.match(logged(), hidden.childId);
  t.notMatch(logged(), /Ashcombe/);
  await quietly(sql`delete from shields where child_id = ${other.childId}`);
  t.same(
    found(await verify()).sort(),
    [
      ['lifted', hidden.childId],
      ['lifted', other.childId],
    ].sort(),
  );
  await check();
  t.equal((await alerts()).length, 2, 'what is new is an alert of its own');

  const command = startCommand(t, directory, ['shields', 'verify', '--json']);
  await until(() => !command.running(), { seconds: 30 });
  t.equal(command.process.exitCode, 1, command.output());
  const told = JSON.parse(
    command
      .output()
      .split('\n')
      .find((line) => line.startsWith('{"ok"')) ?? '{}',
  );
  t.match(told, { ok: false, shields: 0 });
  t.equal(told.differences.length, 2);
  const words = startCommand(t, directory, ['shields', 'verify']);
  await until(() => !words.running(), { seconds: 30 });
  t.match(words.output(), `child ${hidden.childId}, number ${hidden.number}: lifted`);
  const nowhere = startCommand(t, directory, ['shields', 'verify', '--journal', '/nowhere/journal']);
  await until(() => !nowhere.running(), { seconds: 30 });
  t.equal(nowhere.process.exitCode, 2);
});

t.test('whoever changes what was noted as well, or the journal, is found by the other', async (t) => {
  const { hidden, verify, quietly } = await openShielded(t);
  await quietly(sql`update shields set lifted_at = now(), lifted_by = set_by where child_id = ${hidden.childId}`);
  await quietly(sql`update protections set kind = 'unshield' where child_id = ${hidden.childId}`);
  t.same(found(await verify()), [['entry-changed', hidden.childId]]);
  await quietly(sql`delete from protections where child_id = ${hidden.childId}`);
  t.same(found(await verify()), [['entry-changed', hidden.childId]], 'or removes it');

  const again = await openShielded(t);
  const lines = readFileSync(again.file, 'utf8').split('\n');
  writeFileSync(again.file, lines.toSpliced(1, 1).join('\n'));
  t.same(found(await again.verify()), [['journal-gap', again.other.childId]]);
  writeFileSync(again.file, lines.slice(0, 3).join('\n'));
  t.match(await again.verify(), { ok: true }, 'what was noted just now is on its way to the journal');
  await again.quietly(sql`update protections set at = now() - interval '5 minutes'`);
  t.same(found(await again.verify()), [['not-exported', again.open.childId]]);
});

t.test('a destroyed child who is there again, or whose number is free, is found', async (t) => {
  const { gone, hidden, open, verify, quietly } = await openShielded(t);
  await quietly(sql`delete from destroyed_numbers where child_id = ${gone.childId}`);
  t.same(found(await verify()), [['number-free', gone.childId]]);
  const back = uuid();
  await quietly(sql`insert into children (id, number, date_of_birth) values (${back}, ${gone.number}, '2020-01-01')`);
  t.same(found(await verify()), [
    ['returned', back],
    ['number-free', gone.childId],
  ]);
  await quietly(sql`
    insert into destroyed_numbers (number, child_id, version) values (${gone.number}, ${gone.childId}, 3),
      (${hidden.number}, ${hidden.childId}, 9)`);
  await quietly(sql`delete from children where id = ${back}`);
  await quietly(sql`update shields set child_id = ${open.childId} where child_id = ${hidden.childId}`);
  t.same(found(await verify()), [
    ['lifted', hidden.childId],
    ['not-noted', open.childId],
    ['destroyed-not-noted', hidden.childId],
  ]);
});
