import { sql } from 'kysely';
import pg from 'pg';
import t, { type Test } from 'tap';
import { type ChildParts, openChildren } from '../helpers/children.js';
import { clientFor } from '../helpers/client.js';
import { until } from '../helpers/wait.js';

const parts: ChildParts = {
  givenNames: 'Rosalind',
  familyName: 'Applegarth',
  dateOfBirth: '2014-10-02',
  addresses: [{ kind: 'home', line1: '2 Saddlers Yard', town: 'Thirsk', postcode: 'YO7 1PR' }],
};
const byName = { givenNames: 'Rosalind', familyName: 'Applegarth', dateOfBirth: '2014-10-02' };
const newChild = { givenNames: 'Ignatius', familyName: 'Molyneux', dateOfBirth: '2016-12-12' };

async function openWithChild(t: Test) {
  const directory = await openChildren(t);
  const [child] = await directory.add([parts]);
  await directory.index();
  const manager = clientFor(directory, await directory.caller('management-team'));
  const { childId, number } = child!;
  /** Everything that gives or changes something of a child. */
  const actions = {
    search: () => manager.search(byName),
    'exact search': () => manager.search({ ...byName, mode: 'exact' }),
    'search that finds nobody': () => manager.search({ ...byName, familyName: 'Zzyzx', dateOfBirth: '2010-01-01' }),
    'search by number': () => manager.search({ number }),
    read: () => manager.read(childId),
    'look-up': () => manager.lookUp(number),
    correction: () => manager.correct(childId, 1, { familyName: 'Hawtrey' }),
    'new address': () => manager.addAddress(childId, 1, { kind: 'second-home', postcode: 'YO7 1PS' }),
    shield: () => manager.shield(childId, 1),
    'new child': () => manager.create(newChild),
  };
  return { directory, actions };
}

t.test('the application adds to the audit log and can do nothing else with it', async (t) => {
  const { directory } = await openWithChild(t);
  for (const context of [directory.context, directory.worker]) {
    await sql`insert into audit_events (actor, action) values ('system', 'test')`.execute(context.db);
    const forbidden = [
      sql`select 1 from audit_events`,
      sql`update audit_events set action = 'another'`,
      sql`delete from audit_events`,
      sql`truncate audit_events`,
      sql`insert into audit_events (actor, action) values ('system', 'test') returning id`,
      sql`alter table audit_events disable trigger all`,
      sql`drop table audit_events`,
    ];
    for (const statement of forbidden) {
      const { sql: text } = statement.compile(context.db);
      await t.rejects(statement.execute(context.db), { code: '42501' }, text);
    }
  }
  const { rows } = await sql`show synchronous_commit`.execute(directory.context.db);
  t.same(rows, [{ synchronous_commit: 'on' }], 'what is written has reached the disk');
});

t.test('what cannot be audited is not answered and not done', async (t) => {
  const { directory, actions } = await openWithChild(t);
  const { owner } = directory;
  const state = async () => {
    const { rows } = await sql`
      select (select json_agg(c order by id) from children c) as children, (select count(*) from child_names) as names,
        (select count(*) from child_addresses) as addresses, (select count(*) from shields) as shields,
        (select count(*) from child_history) as history, (select count(*) from outbox) as outbox,
        (select count(*) from idempotency_keys) as keys, (select count(*) from matching_queue) as queue`.execute(owner);
    return rows[0];
  };
  const before = await state();
  await sql`revoke insert on audit_events from directory_api`.execute(owner);
  for (const [name, act] of Object.entries(actions)) {
    const answer = await act();
    t.match(answer, { status: 500, body: { code: 'internal' } }, name);
    t.notMatch(JSON.stringify(answer), /rosalind|applegarth|saddlers|thirsk|molyneux|hawtrey|2014-10-02/i);
  }
  t.same(await state(), before, 'nothing was changed');
  await sql`grant insert on audit_events to directory_api`.execute(owner);
  t.equal((await actions.correction()).status, 200);
  t.equal((await actions['new child']()).status, 201);
});

t.test('no answer leaves before its audit row is written', async (t) => {
  const { directory, actions } = await openWithChild(t);
  const { owner, urls } = directory;
  const gate = new pg.Client({ connectionString: urls.databaseUrl });
  await gate.connect();
  t.teardown(() => gate.end());
  const held = async () => {
    const { rows } = await sql`
      select from pg_locks where relation = 'audit_events'::regclass and not granted`.execute(owner);
    return rows.length > 0;
  };
  const counted = async () =>
    (await sql<{ n: number }>`select count(*) as n from audit_events`.execute(owner)).rows[0]!.n;
  for (const name of ['search', 'exact search', 'search that finds nobody', 'read', 'look-up', 'correction'] as const) {
    const rows = await counted();
    await gate.query('begin; lock table audit_events in exclusive mode');
    let answered = false;
    const asked = actions[name]().finally(() => {
      answered = true;
    });
    await until(held);
    t.notOk(answered, `${name} waits`);
    await gate.query('rollback');
    t.equal((await asked).status, 200);
    t.equal(await counted(), rows + 1);
  }
});
