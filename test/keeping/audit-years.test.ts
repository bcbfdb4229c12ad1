import { type Kysely, sql } from 'kysely';
import t, { type Test } from 'tap';
import { cutAuditLog, findLastSeal, findUnsealed, insertSeal } from '../../src/db/audit-chain.js';
import type { Database } from '../../src/db/schema.js';
import { EMPTY_SNAPSHOT, GENESIS, hashRow, headOf, linkAfter } from '../../src/services/audit/chain.js';
import { exportHeads } from '../../src/services/audit/export-heads.js';
import { publicKeyOf } from '../../src/services/audit/head-signature.js';
import { readHeads } from '../../src/services/audit/heads-file.js';
import { sealRows } from '../../src/services/audit/seal-rows.js';
import { verifyChain } from '../../src/services/audit/verify.js';
import { runRetention } from '../../src/services/keeping/retention.js';
import { openSealerDatabase } from '../../workers/seal-audit.js';
import { openDirectory } from '../helpers/directory.js';

const KEY = 'a key that signs the heads in this test';

/** Months ago, in the middle of the month. */
function monthsAgo(months: number): string {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - months, 15, 12)).toISOString();
}

/** A seal as it was made at that time: a chain that is years old cannot be waited for. */
async function sealAsOf(owner: Kysely<Database>, at: string, rows: number): Promise<void> {
  for (let row = 0; row < rows; row++) {
    await sql`
      insert into audit_events (at, actor, action, child_ids)
      values (${at}::timestamptz - interval '1 second', 'system', 'test', array[gen_random_uuid()])`.execute(owner);
  }
  await owner.transaction().execute(async (trx) => {
    const last = await findLastSeal(trx);
    const { rows: found, snapshot } = await findUnsealed(trx, last?.snapshot ?? EMPTY_SNAPSHOT, 1_000);
    const fromPosition = (last?.toPosition ?? 0) + 1;
    let link = last?.head ?? GENESIS;
    const entries = found.map((row, index) => {
      link = linkAfter(link, hashRow(row));
      return { position: fromPosition + index, eventId: row.id, link };
    });
    const sealedAt = at.replace(/\.(\d{3})Z$/, '.$1000Z');
    const toPosition = fromPosition + found.length - 1;
    const seal = {
      seal: (last?.seal ?? 0) + 1,
      fromPosition,
      toPosition,
      previousHead: last?.head ?? GENESIS,
      snapshot,
      sealedAt,
    };
    await insertSeal(trx, { ...seal, head: headOf(seal, link) }, entries);
  });
}

/** A log of seven years and more: each seal so many months old, with three rows. */
async function openOld(t: Test, ages: number[]) {
  const directory = await openDirectory(t, { env: { AUDIT_HEADS_KEY: KEY } });
  const { owner, config } = directory;
  const sealer = openSealerDatabase(directory.context);
  t.teardown(() => sealer.destroy());
  for (const age of ages) await sealAsOf(owner, monthsAgo(age), 3);
  await exportHeads(sealer, config.audit.headsFile, KEY);
  const worker = await directory.openContext({ role: 'directory_worker' });
  const verify = () => verifyChain(owner, { publicKey: publicKeyOf(KEY), heads: readHeads(config.audit.headsFile) });
  return { ...directory, sealer, worker, verify };
}

async function countRows({ owner }: { owner: Kysely<Database> }) {
  const { rows } = await sql`
    select (select count(*)::int from audit_events where action = 'test') as events, (select count(*)::int from audit_chain) as places,
      (select count(*)::int from audit_seals) as seals`.execute(owner);
  return rows[0];
}

t.test('whole months go after six years, their signed head stays, and the chain verifies from there', async (t) => {
  const directory = await openOld(t, [90, 84, 74, 73, 72, 71, 30, 2]);
  const { worker, sealer, verify, config, context, owner } = directory;
  t.match(await verify(), { ok: true, complete: true, checked: 24, headsCompared: 8 });

  const dry = await runRetention(worker, { today: '2026-11-25', dryRun: true });
  t.equal(dry.auditRows, 12, 'the month that ended less than six years ago is not counted');
  t.same(await countRows(directory), { events: 24, places: 24, seals: 8 });

  t.equal((await runRetention(worker, { today: '2026-11-25' })).auditRows, 12);
  t.same(await countRows(directory), { events: 12, places: 12, seals: 5 }, 'and the last of their seals stays');
  await sealRows(sealer);
  await exportHeads(sealer, config.audit.headsFile, KEY);
  t.match(await verify(), { ok: true, complete: true, checked: 13, headsCompared: 6, fromPosition: 13 });
  t.match(await verifyChain(context.auditorDb, { latest: 5 }), { ok: true, complete: false });

  t.equal(await cutAuditLog(worker.db, 50), 0, 'nothing more, whatever day the job is told');
  t.equal((await runRetention(worker, { today: '2099-01-01' })).auditRows, 0, 'the database goes by its own clock');
  const { rows } = await sql`select action, details from audit_events where action = 'cut-audit-log'`.execute(owner);
  t.strictSame(rows, [{ action: 'cut-audit-log', details: { events: 12 } }]);
});

t.test('it goes on where it was broken off', async (t) => {
  const directory = await openOld(t, [90, 84, 74, 30]);
  const { worker, verify } = directory;
  t.equal(await cutAuditLog(worker.db, 1), 3);
  t.match(await verify(), { ok: true, checked: 9, fromPosition: 4 });
  t.equal(await cutAuditLog(worker.db, 1), 3);
  t.equal(await cutAuditLog(worker.db, 50), 3);
  t.equal(await cutAuditLog(worker.db, 50), 0);
  t.match(await verify(), { ok: true, checked: 3, fromPosition: 10 });
});

t.test('nobody passes off rows that they removed as rows that were kept long enough', async (t) => {
  const { owner, verify, worker, config } = await openOld(t, [90, 84, 30, 20, 2]);
  await cutAuditLog(worker.db, 50);
  t.match(await verify(), { ok: true });
  const attempt = async (why: string, expected: object, ...statements: ReturnType<typeof sql>[]) => {
    await owner
      .transaction()
      .execute(async (trx) => {
        for (const statement of statements) await statement.execute(trx);
        t.match(
          await verifyChain(trx, { publicKey: publicKeyOf(KEY), heads: readHeads(config.audit.headsFile) }),
          { ok: false, firstBroken: expected },
          why,
        );
        throw new Error('undone');
      })
      .catch((error: Error) => t.equal(error.message, 'undone'));
  };
  await attempt(
    'a cut of younger rows',
    { fault: 'removed', seal: 3 },
    sql`delete from audit_events where id <= 9`,
    sql`delete from audit_chain where position <= 9`,
    sql`delete from audit_seals where seal < 3`,
    sql`insert into audit_cuts (seal, to_position, head, events) select seal, to_position, head, 3 from audit_seals where seal = 3`,
  );
  await attempt(
    'the same with a seal that claims to be old',
    { fault: 'rewritten', seal: 3 },
    sql`delete from audit_events where id <= 9`,
    sql`delete from audit_chain where position <= 9`,
    sql`update audit_seals set sealed_at = sealed_at - interval '9 years', head = sha256('x') where seal = 3`,
    sql`delete from audit_seals where seal < 3`,
    sql`insert into audit_cuts (seal, to_position, head, events) select seal, to_position, head, 3 from audit_seals where seal = 3`,
  );
  await attempt('a cut whose seal is gone', { fault: 'removed' }, sql`delete from audit_seals where seal <= 3`);
  await attempt('a cut taken back', { fault: 'removed', seal: 1 }, sql`delete from audit_cuts`);
  await attempt(
    'an old row put back',
    { fault: 'inserted' },
    sql`insert into audit_events (id, at, actor, action, written_in) overriding system value
      values (2, now() - interval '7 years', 'system', 'test', '3')`,
  );
  await t.rejects(
    sql`delete from audit_events`.execute(worker.db),
    { code: '42501' },
    'the worker has no right but this',
  );
  await t.rejects(sql`insert into audit_cuts values (1, 1, sha256(''), 1)`.execute(worker.db), { code: '42501' });
});
