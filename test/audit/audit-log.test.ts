import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import t from 'tap';
import type { Access } from '../../src/caller.js';
import { createAuditLog } from '../../src/db/audit-log.js';
import { openDirectory } from '../helpers/directory.js';
import { until } from '../helpers/wait.js';

const access: Access = {
  caller: {
    userId: randomUUID(),
    name: 'Somebody',
    role: 'practitioner',
    organisationId: randomUUID(),
    authority: 'Northvale, "the" {old} \\ one',
    mayOverrideShields: false,
    sessionId: randomUUID(),
  },
  reason: 'direct-work',
  requestId: 'request',
};

t.test('events that come at the same moment are written together, each as it would be alone', async (t) => {
  const { context, owner } = await openDirectory(t);
  const log = createAuditLog(context.db);
  const ids = Array.from({ length: 3 }, () => randomUUID());
  const looks = Array.from({ length: 200 }, (_, at) => ({
    action: `look-${at}`,
    childIds: ids.slice(0, at % 4),
    details: { results: at % 4, outcome: at % 2 ? 'match' : null, fields: ['a,b', '"c"'] },
  }));
  await Promise.all(
    looks.map(async (look, at) => {
      const asker = at % 3 === 0 ? { ...access, onBehalfOf: { ...access.caller, userId: ids[0] as string } } : access;
      await log.record(asker, look);
      const { rows } = await sql`select from audit_events where action = ${look.action}`.execute(owner);
      if (rows.length !== 1) throw new Error(`${look.action} was said to be written and is not`);
    }),
  );
  const rows = await owner.selectFrom('audit_events').selectAll().execute();
  t.equal(rows.length, looks.length);
  t.ok(
    new Set(rows.map((row) => (row as unknown as { written_in: string }).written_in)).size < 100,
    'in fewer transactions',
  );
  for (const [at, look] of looks.entries()) {
    const row = rows.find(({ action }) => action === look.action);
    t.match(row, {
      actor: 'user',
      user_id: access.caller.userId,
      role: 'practitioner',
      organisation_id: access.caller.organisationId,
      authority: access.caller.authority,
      on_behalf_of: at % 3 === 0 ? ids[0] : null,
      reason: 'direct-work',
      request_id: 'request',
      details: look.details,
    });
    t.strictSame(row?.child_ids, look.childIds);
  }
});

t.test('an event that cannot be written fails alone, and one that is not on disk is not said to be', async (t) => {
  const { context, owner } = await openDirectory(t);
  const log = createAuditLog(context.db);
  const record = (action: string, childIds: string[] = []) =>
    log.record(access, { action, childIds }).then(
      () => 'written',
      (error: Error) => error.name,
    );
  t.strictSame(await Promise.all([record('first'), record('wrong', ['no id']), record('second'), record('third')]), [
    'written',
    'error',
    'written',
    'written',
  ]);
  await sql`revoke insert on audit_events from directory_api`.execute(owner);
  t.strictSame(new Set(await Promise.all([record('a'), record('b'), record('c')])), new Set(['error']));
  await sql`grant insert on audit_events to directory_api`.execute(owner);
  t.equal(await record('fourth'), 'written', 'and it goes on');
  const rows = await owner.selectFrom('audit_events').select('action').orderBy('id').execute();
  t.strictSame(rows.map(({ action }) => action).sort(), ['first', 'fourth', 'second', 'third']);
});

t.test(
  'who waits while PostgreSQL does not answer is told with those whose rows it had, and not kept waiting again',
  async (t) => {
    const { context, owner } = await openDirectory(t);
    const log = createAuditLog(context.db);
    const record = (action: string) =>
      log.record(access, { action, childIds: [] }).then(
        () => 'written',
        (error: unknown) => error,
      );
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    let locked = () => {};
    const isLocked = new Promise<void>((resolve) => {
      locked = resolve;
    });
    const holding = owner.transaction().execute(async (trx) => {
      await sql`lock table audit_events in exclusive mode`.execute(trx);
      locked();
      await released;
    });
    await isLocked;
    const first = record('first');
    const stuck = () =>
      sql<{ pid: number }>`
      select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
          and query_start < clock_timestamp() - interval '1.2 seconds'`.execute(owner);
    const pid = await until(async () => (await stuck()).rows[0]?.pid);
    const second = record('second');
    await sql`select pg_terminate_backend(${pid})`.execute(owner);
    const error = await first;
    t.type(error, Error);
    t.equal(await second, error, 'with the same error, while the table is locked');
    release();
    await holding;
    // The connection that was ended may be lent out once more before its end is noticed.
    await until(async () => (await record('third')) === 'written');
  },
);
