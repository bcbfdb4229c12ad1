import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Kysely, sql } from 'kysely';
import pg from 'pg';
import t, { type Test } from 'tap';
import { findUnsealedAge, type SealedLook } from '../../src/db/audit-chain.js';
import { locks } from '../../src/db/locks.js';
import type { Database } from '../../src/db/schema.js';
import { createBurstWatch } from '../../src/services/audit/bursts.js';
import { ChainRewrittenError, exportHeads } from '../../src/services/audit/export-heads.js';
import { publicKeyOf, signHead } from '../../src/services/audit/head-signature.js';
import { readHeads } from '../../src/services/audit/heads-file.js';
import { sealRows } from '../../src/services/audit/seal-rows.js';
import { verifyChain } from '../../src/services/audit/verify.js';
import { startWorkers } from '../../workers/main.js';
import { createAlerts, openSealerDatabase, startSealer } from '../../workers/seal-audit.js';
import { serveMetrics } from '../../workers/serve-metrics.js';
import { openDirectory, type TestDirectory } from '../helpers/directory.js';
import { until } from '../helpers/wait.js';

const FORBIDDEN = { code: '42501' };

async function openSealed(t: Test, env: NodeJS.ProcessEnv = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), 'heads-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'deep', 'heads.ndjson');
  const directory = await openDirectory(t, { env: { AUDIT_HEADS_FILE: file, ...env } });
  const sealer = openSealerDatabase(directory.context);
  t.teardown(() => sealer.destroy());
  const client = async () => {
    const opened = new pg.Client({ connectionString: directory.urls.databaseUrl });
    await opened.connect();
    t.teardown(() => opened.end());
    return opened;
  };
  return { ...directory, sealer, file, client, verify: (options = {}) => verifyChain(directory.owner, options) };
}

const write = (db: Kysely<Database>, action = 'test') =>
  sql`insert into audit_events (actor, action) values ('system', ${action})`.execute(db);
const WRITE = `insert into audit_events (actor, action) values ('system', 'test')`;

/** Actions in the order of the chain. */
async function sealedActions({ owner }: Pick<TestDirectory, 'owner'>): Promise<string[]> {
  const { rows } = await sql<{ action: string }>`
    select action from audit_chain c join audit_events e on e.id = c.event_id order by position`.execute(owner);
  return rows.map((row) => row.action);
}

t.test('a worker tells how much it has sealed', async (t) => {
  const { context, openContext } = await openSealed(t);
  const worker = await openContext({ role: 'directory_worker' });
  const { port, close } = await serveMetrics(worker, 0);
  t.teardown(close);
  const get = (path: string, method = 'GET') => fetch(`http://127.0.0.1:${port}${path}`, { method });
  const running = startSealer(worker);
  t.teardown(() => running.close());
  await write(context.db);
  const told = await until(async () => {
    const text = await (await get('/metrics')).text();
    return /^audit_sealed_rows_total [1-9]/m.test(text) && text;
  });
  t.match(told, /process_cpu_seconds_total/);
  t.match(told, /# TYPE audit_alerts_total counter/);
  t.match(await (await get('/health/live')).json(), { status: 'live' });
  t.equal((await get('/')).status, 404);
  t.equal((await get('/metrics', 'POST')).status, 405);
  const other = await openContext({ role: 'directory_worker' });
  await t.rejects(serveMetrics(other, port), { name: 'CommandError', message: /is taken/ });
  const closed = await serveMetrics({ ...(await openContext()), config: { ...worker.config, production: true } }, 0);
  t.teardown(() => closed.close());
  t.equal(
    (await fetch(`http://127.0.0.1:${closed.port}/metrics`)).status,
    401,
    'in production to nobody without the token',
  );
});

t.test('a worker that relays and checks the index seals as well', async (t) => {
  const { context, openContext, owner, file } = await openSealed(t);
  const worker = await openContext({ role: 'directory_worker' });
  const leading = async () => {
    const { rows } = await sql`
      select from pg_locks where locktype = 'advisory' and granted and objid = ${locks.relaying}
        and database = (select oid from pg_database where datname = current_database())`.execute(owner);
    return rows.length > 0;
  };
  const running = await startWorkers(worker);
  t.teardown(() => running.close());
  await until(leading);
  await write(context.db, 'while it leads');
  await until(async () => (await sealedActions({ owner })).includes('while it leads'));
  await until(() => existsSync(file) && readFileSync(file, 'utf8').length > 0);
  const unsealed = await worker.metrics.getSingleMetricAsString('audit_oldest_unsealed_seconds');
  t.match(unsealed, /^audit_oldest_unsealed_seconds \d/m);
});

t.test('how long a row waits for its seal is told', async (t) => {
  const { context, sealer } = await openSealed(t);
  const age = () => findUnsealedAge(context.auditorDb);
  t.equal(await age(), 0);
  await write(context.db);
  await until(async () => (await age()) > 0.05);
  await sealRows(sealer);
  t.equal(await age(), 0);
});

t.test('the roles that write the log choose neither time nor id, and only the sealer seals', async (t) => {
  const { context, openContext, sealer } = await openSealed(t);
  const worker = await openContext({ role: 'directory_worker' });
  for (const { db } of [context, worker]) {
    await write(db);
    for (const statement of [
      sql`insert into audit_events (actor, action, at) values ('system', 'test', now() - interval '1 day')`,
      sql`insert into audit_events (actor, action, id) overriding system value values ('system', 'test', 5000)`,
      sql`insert into audit_events (actor, action, written_in) values ('system', 'test', '7')`,
      sql`select setval(pg_get_serial_sequence('audit_events', 'id'), 1)`,
      sql`select 1 from audit_chain`,
      sql`select 1 from audit_seals`,
      sql`insert into audit_chain values (1, 1, sha256(''))`,
      sql`insert into audit_seals values (1, 1, 1, sha256(''), '1:1:', now(), sha256(''))`,
    ]) {
      await t.rejects(statement.execute(db), FORBIDDEN, statement.compile(db).sql);
    }
  }
  t.match(await sealRows(sealer), { sealed: 2 });
  for (const table of ['audit_events', 'audit_chain', 'audit_seals'].map((name) => sql.table(name))) {
    for (const statement of [sql`delete from ${table}`, sql`truncate ${table}`])
      await t.rejects(statement.execute(sealer), FORBIDDEN, statement.compile(sealer).sql);
  }
  await t.rejects(sql`update audit_events set reason = 'audit'`.execute(sealer), FORBIDDEN);
  await t.rejects(sql`update audit_chain set link = link`.execute(sealer), FORBIDDEN);
  await t.rejects(sql`update audit_seals set head = head`.execute(sealer), FORBIDDEN);
  await sql`select 1 from audit_events, audit_chain, audit_seals`.execute(context.auditorDb);
  for (const statement of [
    sql`delete from audit_events`,
    sql`insert into audit_events (actor, action) values ('system', 'test')`,
    sql`insert into audit_chain values (3, 3, sha256(''))`,
  ])
    await t.rejects(statement.execute(context.auditorDb), FORBIDDEN);
});

t.test('a row that commits late is sealed, and one that is rolled back leaves no hole', async (t) => {
  const directory = await openSealed(t);
  const { context, sealer, client, verify } = directory;
  const [late, later, never] = [await client(), await client(), await client()];
  for (const one of [late, later, never]) await one.query('begin');
  await late.query(WRITE.replace('test', 'late'));
  await never.query(WRITE.replace('test', 'never'));
  await later.query(WRITE.replace('test', 'later'));
  await write(context.db, 'first');
  t.match(await sealRows(sealer), { sealed: 1, more: false });
  await never.query('rollback');
  await write(context.db, 'second');
  t.match(await sealRows(sealer), { sealed: 1 });
  t.match(await verify(), { ok: true, checked: 2 }, 'what is not committed is not missed');
  await late.query('commit');
  t.match(await sealRows(sealer), { sealed: 1 });
  await later.query('commit');
  await write(context.db, 'third');
  t.match(await sealRows(sealer), { sealed: 2 });
  t.same(await sealRows(sealer), { sealed: 0, more: false });
  t.strictSame(await sealedActions(directory), ['first', 'second', 'late', 'later', 'third']);
  t.match(await verify(), { ok: true, checked: 5, waiting: 0 });
});

t.test(
  'a batch too large for one seal is sealed by several, and nothing that commits meanwhile is missed',
  async (t) => {
    const directory = await openSealed(t);
    const { context, sealer, client, verify } = directory;
    const late = await client();
    await late.query('begin');
    await late.query(WRITE.replace('test', 'late'));
    for (let index = 0; index < 7; index++) await write(context.db, `row ${index}`);
    t.match(await sealRows(sealer, { largest: 3 }), { sealed: 3, more: true });
    await late.query('commit');
    const sealed: unknown[] = [];
    for (let more = true; more; ) {
      const done = await sealRows(sealer, { largest: 3 });
      sealed.push(done?.sealed);
      more = done?.more ?? false;
    }
    t.strictSame(sealed, [3, 2]);
    t.match((await sealedActions(directory)).sort(), ['late', ...[0, 1, 2, 3, 4, 5, 6].map((index) => `row ${index}`)]);
    t.match(await verify(), { ok: true, checked: 8, seals: 3 });
  },
);

t.test('sealers that work at once make one chain', async (t) => {
  const { context, sealer, verify } = await openSealed(t);
  const another = openSealerDatabase(context);
  t.teardown(() => another.destroy());
  let writing = true;
  const seal = async (db: Kysely<Database>) => {
    let sealed = 0;
    while (writing) sealed += (await sealRows(db))?.sealed ?? 0;
    return sealed;
  };
  const sealing = Promise.all([seal(sealer), seal(another)]);
  await Promise.all(
    [1, 2, 3, 4].map(async () => {
      for (let index = 0; index < 50; index++) await write(context.db);
    }),
  );
  writing = false;
  const sealed = await sealing;
  const rest = (await sealRows(sealer))?.sealed ?? 0;
  t.equal(sealed[0] + sealed[1] + rest, 200, `each row once: ${sealed}`);
  t.match(await verify(), { ok: true, checked: 200, waiting: 0 });
});

t.test('while one seals another leaves it alone', async (t) => {
  const { context, sealer } = await openSealed(t);
  const another = openSealerDatabase(context);
  t.teardown(() => another.destroy());
  await write(context.db);
  await sealRows(sealer, {
    afterwards: async () => void t.equal(await sealRows(another), undefined, 'and does not wait'),
  });
});

t.test('rows of a restored log are sealed on, where transactions are numbered from lower again', async (t) => {
  const directory = await openSealed(t);
  const { context, owner, sealer, verify } = directory;
  await write(context.db);
  await sealRows(sealer);
  // A server that has done much more than this one made the seal.
  await sql`alter table audit_events alter id set generated by default`.execute(owner);
  await sql`delete from audit_chain`.execute(owner);
  await sql`delete from audit_seals`.execute(owner);
  await sql`update audit_events set written_in = '900000000000'`.execute(owner);
  await sql`insert into audit_seals values (1, 1, 1, sha256(''), '900000000001:900000000001:', now(), sha256('head'))`.execute(
    owner,
  );
  await sql`insert into audit_chain values (1, 1, sha256('link'))`.execute(owner);
  await write(context.db, 'after');
  t.match(await sealRows(sealer), { sealed: 1 });
  await write(context.db, 'again');
  t.match(await sealRows(sealer), { sealed: 1 });
  t.strictSame(await sealedActions(directory), ['test', 'after', 'again']);
  t.match(await verify({ latest: 1 }), { ok: true, complete: false }, 'and that is no insertion');
});

t.test('the log is verified from a seal onwards, and within a time', async (t) => {
  const { context, owner, sealer, verify } = await openSealed(t);
  for (let index = 0; index < 10; index++) {
    await write(context.db);
    await sealRows(sealer);
  }
  t.match(await verify({ latest: 4 }), { ok: true, checked: 4, complete: false, fromPosition: 7 });
  t.match(await verify({ latest: 10 }), { ok: true, checked: 10, complete: true, fromPosition: 1 });
  t.match(await verify({ withinMs: 0 }), { ok: true, checked: 0, complete: false });
  await sql`update audit_events set action = 'edited' where id = 3`.execute(owner);
  t.match(await verify({ latest: 4 }), { ok: true }, 'what is before is taken as given');
  t.match(await verify(), {
    ok: false,
    checked: 2,
    firstBroken: { fault: 'edited', position: 3, eventId: 3, seal: 3 },
  });
});

t.test('a row that nobody seals is reported', async (t) => {
  const { context, owner, verify } = await openSealed(t);
  await write(context.db);
  t.match(await verify(), { ok: true, waiting: 1 }, 'it has been waiting for no time');
  await sql`update audit_events set at = at - interval '1 minute'`.execute(owner);
  t.match(await verify(), { ok: false, firstBroken: { fault: 'unsealed', eventId: 1 } });
});

t.test('heads are exported once, go on after half a line, and are signed', async (t) => {
  const { context, owner, sealer, file, verify } = await openSealed(t);
  const key = 'a key that only the tests know, long enough';
  const publicKey = publicKeyOf(key);
  for (const expected of [1, 1]) {
    await write(context.db);
    await sealRows(sealer);
    t.equal(await exportHeads(sealer, file, key), expected);
    t.equal(await exportHeads(sealer, file, key), 0);
  }
  appendFileSync(file, '{"seal":3,"he');
  await write(context.db);
  await sealRows(sealer);
  t.equal(await exportHeads(sealer, file, key), 1);
  t.match(await verify({ heads: readHeads(file), publicKey }), { ok: true, headsCompared: 3 });
  t.match(await verify({ heads: readHeads(file), publicKey: publicKeyOf(`${key}!`) }), {
    ok: false,
    firstBroken: { fault: 'signature', seal: 1 },
  });

  const lines = readFileSync(file, 'utf8').split('\n');
  const head = JSON.parse(lines[1]!);
  writeFileSync(file, [lines[0], JSON.stringify({ ...head, head: 'ab'.repeat(32) }), lines[2], lines[3]].join('\n'));
  t.match(await verify({ heads: readHeads(file), publicKey }), { firstBroken: { fault: 'signature', seal: 2 } });
  t.notMatch(JSON.stringify(lines), publicKey, 'the file holds no key');
  const { signature, ...unsigned } = JSON.parse(lines[0]!);
  t.match(signHead(key, unsigned), signature);
  t.not(signHead(publicKey, unsigned), signature, 'and the public key signs nothing');
  t.match(await verify({ heads: readHeads(file) }), { firstBroken: { fault: 'rewritten', seal: 2 } });

  await sql`delete from audit_seals where seal = 3`.execute(owner);
  const before = readFileSync(file, 'utf8');
  await t.rejects(exportHeads(sealer, file, key), ChainRewrittenError);
  t.equal(readFileSync(file, 'utf8'), before, 'the evidence is left as it is');
});

t.test('a worker seals within a second, exports each head, and goes on after a failure', async (t) => {
  const directory = await openSealed(t);
  const { openContext, owner, context, file, verify, logged } = directory;
  const worker = await openContext({ role: 'directory_worker' });
  const running = startSealer(worker);
  t.teardown(() => running.close());
  const sealed = async () => (await sealedActions(directory)).length;
  await sql`revoke insert on audit_seals from directory_sealer`.execute(owner);
  await write(context.db);
  await until(() => /sealing the audit log failed/.test(logged()));
  await sql`grant insert on audit_seals to directory_sealer`.execute(owner);
  await until(async () => (await sealed()) === 1);
  for (let index = 0; index < 20; index++) {
    await write(context.db);
    await until(async () => (await sealed()) === 2 + index, { every: 20 });
  }
  const { rows } = await sql<{ longest: number }>`
    select max(extract(epoch from s.sealed_at - e.at))::float8 as longest from audit_events e
    join audit_chain c on c.event_id = e.id join audit_seals s on c.position between s.from_position and s.to_position
    where e.id > 1`.execute(owner);
  t.ok(rows[0]!.longest < 1, `the last after ${rows[0]!.longest} s`);
  await until(async () => (await verify({ heads: readHeads(file) })).headsCompared === 21);
  await running.close();
  t.equal(await sealRows(directory.sealer).then((done) => done?.sealed), 0);
});

t.test('a burst raises one alert, whoever seals', async (t) => {
  const { context, openContext, owner, sealer, caller } = await openSealed(t, {
    AUDIT_ALERT_EMPTY_SEARCHES: '5',
    AUDIT_ALERT_CHILDREN: '5',
  });
  const [hasty, calm] = [await caller('practitioner'), await caller('practitioner')];
  const watchers = await Promise.all(
    [1, 2].map(async () => createAlerts(await openContext({ role: 'directory_worker' }))),
  );
  const look = (userId: string, action: string, children: string[], outcome: string) =>
    sql`insert into audit_events (actor, user_id, action, child_ids, details)
      values ('user', ${userId}, ${action}, ${children}::uuid[], ${JSON.stringify({ outcome })})`.execute(context.db);
  const child = (number: number) => `00000000-0000-4000-8000-00000000000${number}`;
  let turn = 0;
  const seal = async () => {
    const alerts = watchers[turn++ % 2]!;
    await sealRows(sealer, { afterwards: (trx) => alerts.raise(trx) });
  };
  const alerts = async () =>
    (
      await sql<{ action: string; details: unknown }>`
        select action, details from audit_events where action like 'alert-%' order by id`.execute(owner)
    ).rows;

  for (let index = 0; index < 4; index++) {
    await look(hasty.userId, 'search', [], 'none');
    await look(calm.userId, 'search', [child(1), child(index + 2)], 'match');
    await seal();
  }
  t.strictSame(await alerts(), []);
  await look(hasty.userId, 'search', [], 'too-many-matches');
  await look(calm.userId, 'read', [child(1)], '');
  for (let index = 0; index < 3; index++) await seal();
  const empty = { action: 'alert-empty-searches', details: { userId: hasty.userId, count: 5, minutes: 10 } };
  t.strictSame(await alerts(), [empty], 'the child again and again is no burst');
  for (let index = 2; index < 6; index++) await look(calm.userId, 'read', [child(index)], '');
  await look(hasty.userId, 'search', [], 'none');
  for (let index = 0; index < 3; index++) await seal();
  const children = { action: 'alert-many-children', details: { userId: calm.userId, count: 5, minutes: 10 } };
  t.strictSame(await alerts(), [empty, children], 'and after an alert the count begins anew');
  t.match(await verifyChain(owner), { ok: true });
});

t.test('whatever gives a record away counts towards a burst, of who asks and of whom they ask for', async (t) => {
  const child = (number: number) => `00000000-0000-4000-8000-00000000000${number}`;
  const operator = 'operator';
  const practitioner = 'practitioner';
  const seen = (action: string, number: number, onBehalfOf: string | null = null): SealedLook => ({
    position: number,
    at: number,
    userId: operator,
    onBehalfOf,
    action,
    childIds: number < 1 ? [] : [child(number)],
    outcome: null,
    alertedUserId: null,
  });
  const limits = { minutes: 10, emptySearches: 3, children: 3, childrenShown: 0 };
  const many = (userId: string) => ({ userId, action: 'alert-many-children', count: 3 });
  const observed = (looks: SealedLook[]) => createBurstWatch(limits).observe(looks);
  for (const action of ['declare-involvement', 'subject-access', 'shield-override', 'read-accesses', 'verify-locked'])
    t.strictSame(observed([seen('read', 1), seen('read', 2), seen(action, 3)]), [many(operator)], action);
  t.strictSame(observed([1, 2, 3, 4].map((number) => seen('create-child', number))), [], 'not who is brought in');
  t.strictSame(
    observed([1, 2, 3].map((number) => seen('search', number, practitioner))),
    [many(operator), many(practitioner)],
    'a telephone hides nobody',
  );
  const nobody = ['read-not-found', 'subject-access-not-found', 'read-accesses-not-found'].map((action) =>
    seen(action, 0),
  );
  t.strictSame(observed(nobody), [{ userId: operator, action: 'alert-empty-searches', count: 3 }]);
});

t.test('every child that an answer shows counts, each once: lists of fifty are a burst as well', async (t) => {
  const child = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
  const page = (position: number, from: number, size: number, action = 'search'): SealedLook => ({
    position,
    at: position * 60_000,
    userId: 'collector',
    onBehalfOf: null,
    action,
    childIds: Array.from({ length: size }, (_, at) => child(from + at)),
    outcome: 'candidates',
    alertedUserId: null,
  });
  const limits = { minutes: 10, emptySearches: 3, children: 60, childrenShown: 300 };
  const collected = { userId: 'collector', action: 'alert-many-shown', count: 300 };
  const pages = (count: number, size: number, step = size) =>
    Array.from({ length: count }, (_, at) => page(at, at * step, size));
  const watch = createBurstWatch(limits);
  t.strictSame(watch.observe(pages(5, 50)), []);
  t.strictSame(watch.observe([page(5, 250, 50)]), [collected], 'the sixth page of fifty');
  watch.raised(collected as Parameters<typeof watch.raised>[0]);
  t.strictSame(watch.observe([page(6, 300, 50)]), [], 'after which the count begins anew');
  const another = createBurstWatch(limits);
  another.observe(pages(5, 50));
  const told = { ...page(5, 0, 0, 'alert-many-shown'), userId: null, alertedUserId: 'collector' };
  t.strictSame(another.observe([told, page(6, 250, 50)]), [], 'also where another worker has raised it');
  t.strictSame(createBurstWatch(limits).observe(pages(10, 50, 0)), [], 'the same fifty again and again are no burst');
  t.strictSame(createBurstWatch(limits).observe(pages(30, 10)), [], 'nor is a search a minute, all day');
  t.strictSame(
    createBurstWatch(limits).observe(pages(6, 50).map((look) => ({ ...look, action: 'create-child' }))),
    [],
    'nor who is brought in',
  );
});
