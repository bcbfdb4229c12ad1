import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Kysely, sql, type Transaction } from 'kysely';
import t from 'tap';
import { findChainEntries, findSeals } from '../../src/db/audit-chain.js';
import type { Database } from '../../src/db/schema.js';
import { GENESIS, hashRow, headOf, linkAfter } from '../../src/services/audit/chain.js';
import { exportHeads } from '../../src/services/audit/export-heads.js';
import { readHeads } from '../../src/services/audit/heads-file.js';
import { sealBatch, sealRows } from '../../src/services/audit/seal-rows.js';
import { type Fault, verifyChain } from '../../src/services/audit/verify.js';
import { openSealerDatabase } from '../../workers/seal-audit.js';
import { seeded } from '../helpers/children.js';
import { openDirectory } from '../helpers/directory.js';

/** AUDIT_TAMPERINGS=1000 is the long form; AUDIT_SEED tells which ones. */
const TAMPERINGS = Number(process.env.AUDIT_TAMPERINGS ?? 120);
const SEED = Number(process.env.AUDIT_SEED ?? 1);
const ROWS = 200;

type Owner = Transaction<Database>;

/** What a tampering has to be found as, and where: the event or the position, if one row is named. */
interface Expected {
  faults: Fault[];
  eventId?: number;
  position?: number;
}

/** As an owner may who has read this very code. */
interface Tampering {
  name: string;
  tamper(owner: Owner, random: Random): Promise<Expected>;
}

interface Random {
  /** From 1 to `most`. */
  upTo(most: number): number;
  pick<T>(values: readonly T[]): T;
}

const columns: Record<string, string> = {
  id: 'id = id + 1000000',
  at: `at = at + interval '1 microsecond'`,
  actor: `actor = 'system', user_id = null`,
  user_id: 'user_id = gen_random_uuid()',
  role: `role = role || 's'`,
  organisation_id: 'organisation_id = gen_random_uuid()',
  authority: 'authority = null',
  on_behalf_of: 'on_behalf_of = gen_random_uuid()',
  action: `action = 'searches'`,
  reason: `reason = case reason when 'safeguarding' then 'direct-work' else 'safeguarding' end`,
  child_ids: `child_ids = array_append(child_ids, gen_random_uuid())`,
  request_id: `request_id = request_id || ' '`,
  details: `details = details || '{"results": 1}'`,
  written_in: `written_in = '7'`,
};

const edits: Tampering[] = Object.entries(columns).map(([column, change]) => ({
  name: `${column} edited`,
  async tamper(owner, random) {
    const { position, eventId } = await placeAt(owner, random.upTo(ROWS));
    await sql`update audit_events set ${sql.raw(change)} where id = ${eventId}`.execute(owner);
    // Whoever gives a row another id takes the row away.
    return { faults: [column === 'id' ? 'removed' : 'edited'], position, eventId };
  },
}));

const others: Tampering[] = [
  {
    name: 'a row removed',
    async tamper(owner, random) {
      const place = await placeAt(owner, random.upTo(ROWS));
      await sql`delete from audit_events where id = ${place.eventId}`.execute(owner);
      return { faults: ['removed'], ...place };
    },
  },
  {
    name: 'a row removed with its place',
    async tamper(owner, random) {
      const { position, eventId } = await placeAt(owner, random.upTo(ROWS));
      await sql`delete from audit_events where id = ${eventId}`.execute(owner);
      await sql`delete from audit_chain where position = ${position}`.execute(owner);
      return { faults: ['removed'], position };
    },
  },
  {
    name: 'a row removed and the gap closed',
    async tamper(owner, random) {
      const { position, eventId } = await placeAt(owner, random.upTo(ROWS - 1));
      await sql`delete from audit_events where id = ${eventId}`.execute(owner);
      await sql`delete from audit_chain where position = ${position}`.execute(owner);
      await shiftPlaces(owner, position, -1);
      return { faults: ['edited', 'reordered'], position };
    },
  },
  {
    name: 'a row inserted among the sealed ones, without a place',
    async tamper(owner, random) {
      const { eventId } = await placeAt(owner, random.upTo(ROWS));
      const inserted = await copyRow(owner, eventId, sql`written_in`);
      return { faults: ['inserted'], eventId: inserted };
    },
  },
  {
    name: 'a row inserted with a place of its own',
    async tamper(owner, random) {
      const { position, eventId } = await placeAt(owner, random.upTo(ROWS));
      const inserted = await copyRow(owner, eventId, sql`written_in`);
      await shiftPlaces(owner, position - 1, 1);
      await sql`insert into audit_chain (position, event_id, link) values (${position}, ${inserted}, ${GENESIS})`.execute(
        owner,
      );
      return { faults: ['edited', 'reordered'], eventId: inserted, position };
    },
  },
  {
    name: 'a row appended with a place, without a seal',
    async tamper(owner, random) {
      const { eventId } = await placeAt(owner, random.upTo(ROWS));
      const inserted = await copyRow(owner, eventId, sql`written_in`);
      await sql`insert into audit_chain (position, event_id, link) values (${ROWS + 1}, ${inserted}, ${GENESIS})`.execute(
        owner,
      );
      return { faults: ['inserted'], eventId: inserted, position: ROWS + 1 };
    },
  },
  {
    name: 'the contents of two rows exchanged',
    async tamper(owner, random) {
      const [one, other] = await twoPlaces(owner, random);
      const contents = 'at, action, child_ids, request_id, user_id, details';
      await sql`
        update audit_events e set (${sql.raw(contents)}) = (
          select ${sql.raw(contents)} from audit_events o where o.id = case e.id when ${one.eventId} then ${other.eventId}::bigint else ${one.eventId} end)
        where id in (${one.eventId}, ${other.eventId})`.execute(owner);
      return { faults: ['edited'], ...one };
    },
  },
  {
    name: 'the ids of two rows exchanged',
    async tamper(owner, random) {
      const [one, other] = await twoPlaces(owner, random);
      for (const [from, to] of [
        [one.eventId, -1],
        [other.eventId, one.eventId],
        [-1, other.eventId],
      ])
        await sql`update audit_events set id = ${to} where id = ${from}`.execute(owner);
      return { faults: ['edited'], ...one };
    },
  },
  {
    name: 'two rows in the place of each other',
    async tamper(owner, random) {
      const [one, other] = await twoPlaces(owner, random);
      await exchangePlaces(owner, one, other);
      return { faults: ['reordered'], position: one.position, eventId: other.eventId };
    },
  },
  {
    name: 'two places exchanged with their links',
    async tamper(owner, random) {
      const [one, other] = await twoPlaces(owner, random);
      for (const [from, to] of [
        [one.position, ROWS * 2],
        [other.position, one.position],
        [ROWS * 2, other.position],
      ])
        await sql`update audit_chain set position = ${to} where position = ${from}`.execute(owner);
      return { faults: ['reordered'], position: one.position, eventId: other.eventId };
    },
  },
  {
    name: 'a link edited',
    async tamper(owner, random) {
      const place = await placeAt(owner, random.upTo(ROWS));
      await sql`update audit_chain set link = ${GENESIS} where position = ${place.position}`.execute(owner);
      return { faults: ['edited'], ...place };
    },
  },
  ...[
    `sealed_at = sealed_at - interval '1 microsecond'`,
    `snapshot = '1:1:'`,
    `previous_head = decode(repeat('ab', 32), 'hex')`,
    `head = decode(repeat('cd', 32), 'hex')`,
    'seal = seal + 1000',
  ].map((change) => ({
    name: `a seal's ${change.split(' ')[0]} edited`,
    async tamper(owner: Owner, random: Random): Promise<Expected> {
      const seals = await findSeals(owner, 0, 1_000);
      await sql`update audit_seals set ${sql.raw(change)} where seal = ${random.upTo(seals.length)}`.execute(owner);
      return { faults: ['seal', 'removed', 'truncated', 'inserted'] };
    },
  })),
  {
    name: 'the end cut off',
    async tamper(owner, random) {
      await cutOff(owner, random.upTo((await findSeals(owner, 0, 1_000)).length));
      return { faults: ['truncated'] };
    },
  },
  {
    name: 'the end cut off and other rows sealed in its stead',
    async tamper(owner, random) {
      const last = await placeAt(owner, ROWS);
      const inserted = await copyRow(owner, last.eventId, sql`written_in`);
      await cutOff(owner, 1 + random.upTo((await findSeals(owner, 0, 1_000)).length - 1));
      t.match(await sealBatch(owner, ROWS), { sealed: 1 }, `as if ${inserted} had been the next`);
      return { faults: ['rewritten'] };
    },
  },
  {
    name: 'everything removed',
    async tamper(owner) {
      await cutOff(owner, 1);
      return { faults: ['truncated'] };
    },
  },
  ...(['edited', 'removed', 'reordered'] as const).map((how) => ({
    name: `a row ${how} and the chain rewritten from there`,
    async tamper(owner: Owner, random: Random): Promise<Expected> {
      const [one, other] = await twoPlaces(owner, random);
      if (how === 'edited')
        await sql`update audit_events set ${sql.raw(random.pick(Object.values(columns).slice(3, 12)))} where id = ${one.eventId}`.execute(
          owner,
        );
      if (how === 'reordered') await exchangePlaces(owner, one, other);
      if (how === 'removed') {
        await sql`delete from audit_events where id = ${one.eventId}`.execute(owner);
        await sql`delete from audit_chain where position = ${one.position}`.execute(owner);
        await shiftPlaces(owner, one.position, -1);
      }
      await rewriteChain(owner);
      if (how === 'edited') t.match(await verifyChain(owner), { ok: true }, 'which then agrees with itself');
      // A row that comes into a later seal was there before: that shows even without the exported heads.
      return { faults: ['rewritten', 'inserted'] };
    },
  })),
];

t.test('no tampering with sealed rows stays unseen', async (t) => {
  const { context, owner } = await openDirectory(t);
  const folder = mkdtempSync(path.join(tmpdir(), 'heads-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'heads.ndjson');
  const sealer = openSealerDatabase(context);
  t.teardown(() => sealer.destroy());
  const generator = seeded(SEED);
  const random: Random = {
    upTo: (most) => 1 + Math.floor(generator() * most),
    pick: (values) => values[Math.floor(generator() * values.length)]!,
  };

  for (let written = 0; written < ROWS; ) {
    const batch = Math.min(random.upTo(20), ROWS - written);
    await writeRows(context.db, batch);
    t.match(await sealRows(sealer), { sealed: batch, more: false });
    written += batch;
  }
  await exportHeads(sealer, file, '');
  const verify = (db: Kysely<Database>) => verifyChain(db, { heads: readHeads(file) });
  t.match(await verify(owner), { ok: true, checked: ROWS, firstBroken: null, waiting: 0, complete: true });
  await sql`alter table audit_events alter id set generated by default`.execute(owner);

  const all = [...edits, ...others];
  let found = 0;
  let named = 0;
  let toBeNamed = 0;
  for (let index = 0; index < TAMPERINGS; index++) {
    // Each kind once, then any.
    const { name, tamper } = all[index] ?? random.pick(all);
    const { where, faults, firstBroken } = await undone(owner, async (trx) => {
      const { faults, ...where } = await tamper(trx, random);
      return { where, faults, ...(await verify(trx)) };
    });
    const told = `${name}: ${JSON.stringify(firstBroken)}`;
    if (!firstBroken) {
      t.fail(`${name}: not found`);
      continue;
    }
    found += 1;
    if (!faults.includes(firstBroken.fault)) t.fail(`${told}, and not ${faults.join(' or ')}`);
    if (Object.keys(where).length === 0) continue;
    toBeNamed += 1;
    if (Object.entries(where).every(([key, value]) => firstBroken[key as 'position'] === value)) named += 1;
    else t.fail(`${told}, and not ${JSON.stringify(where)}`);
  }
  t.equal(found, TAMPERINGS, 'all were found');
  t.equal(named, toBeNamed, 'and where one row is broken it is named');
  t.comment(`${found} of ${TAMPERINGS} tamperings found; ${named} of ${toBeNamed} named by their row`);
});

class Undone extends Error {}

/** Does it in a transaction that is rolled back. */
async function undone<T>(owner: Kysely<Database>, work: (trx: Owner) => Promise<T>): Promise<T> {
  let result: { value: T } | undefined;
  await owner
    .transaction()
    .execute(async (trx) => {
      result = { value: await work(trx) };
      throw new Undone();
    })
    .catch((error: unknown) => {
      if (!(error instanceof Undone)) throw error;
    });
  return result!.value;
}

t.test('a row that is inserted with an older time is found when it has been sealed', async (t) => {
  const { context, owner } = await openDirectory(t);
  const sealer = openSealerDatabase(context);
  t.teardown(() => sealer.destroy());
  await writeRows(context.db, 3);
  await sealRows(sealer);
  await sql`insert into audit_events (actor, action, at) values ('system', 'test', now() - interval '1 hour')`.execute(
    owner,
  );
  await sealRows(sealer);
  const { firstBroken } = await verifyChain(owner);
  t.match(firstBroken, { fault: 'inserted', position: 4, eventId: 4 });
});

async function writeRows(db: Kysely<Database>, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    await sql`
      insert into audit_events (actor, user_id, role, organisation_id, authority, action, reason, child_ids, request_id, details)
      values ('user', ${randomUUID()}, 'practitioner', ${randomUUID()}, 'Northvale', 'search', 'direct-work',
        ${[randomUUID(), randomUUID()]}::uuid[], ${randomUUID()}, '{"fields": ["familyName"], "results": 2, "mode": "fuzzy"}')`.execute(
      db,
    );
  }
}

interface Place {
  position: number;
  eventId: number;
}

async function placeAt(owner: Owner, position: number): Promise<Place> {
  const [entry] = await findChainEntries(owner, position - 1, 1);
  return { position, eventId: entry!.eventId };
}

/** Two different ones, in order. */
async function twoPlaces(owner: Owner, random: Random): Promise<[Place, Place]> {
  const first = random.upTo(ROWS - 1);
  return [await placeAt(owner, first), await placeAt(owner, first + random.upTo(ROWS - first))];
}

async function exchangePlaces(owner: Owner, one: Place, other: Place): Promise<void> {
  await sql`update audit_chain set event_id = -event_id where position in (${one.position}, ${other.position})`.execute(
    owner,
  );
  await sql`
    update audit_chain set event_id = case position when ${one.position} then ${other.eventId}::bigint else ${one.eventId} end
    where position in (${one.position}, ${other.position})`.execute(owner);
}

async function shiftPlaces(owner: Owner, after: number, by: number): Promise<void> {
  await sql`update audit_chain set position = position + 1000000 where position > ${after}`.execute(owner);
  await sql`update audit_chain set position = position - 1000000 + ${by}::int where position > 1000000`.execute(owner);
}

async function copyRow(
  owner: Owner,
  eventId: number,
  writtenIn: ReturnType<typeof sql>,
  at: ReturnType<typeof sql> = sql`at`,
): Promise<number> {
  const { rows } = await sql<{ id: number }>`
    insert into audit_events (at, actor, user_id, role, action, child_ids, details, written_in)
    select ${at}, actor, user_id, role, action, child_ids, details, ${writtenIn} from audit_events where id = ${eventId}
    returning id`.execute(owner);
  return rows[0]!.id;
}

async function cutOff(owner: Owner, fromSeal: number): Promise<void> {
  const position = sql`(select from_position from audit_seals where seal = ${fromSeal})`;
  await sql`delete from audit_events where id in (select event_id from audit_chain where position >= ${position})`.execute(
    owner,
  );
  await sql`delete from audit_chain where position >= ${position}`.execute(owner);
  await sql`delete from audit_seals where seal >= ${fromSeal}`.execute(owner);
}

/** Computes every link and head anew, as whoever has the database and this code can. */
async function rewriteChain(owner: Owner): Promise<void> {
  const entries = await findChainEntries(owner, 0, ROWS * 2);
  let head: Buffer = GENESIS;
  for (const seal of await findSeals(owner, 0, 1_000)) {
    let link: Buffer = head;
    const rows = entries.filter((entry) => entry.position >= seal.fromPosition && entry.position <= seal.toPosition);
    for (const { position, row } of rows) {
      link = linkAfter(link, hashRow(row!));
      await sql`update audit_chain set link = ${link} where position = ${position}`.execute(owner);
    }
    const toPosition = rows.at(-1)?.position ?? seal.toPosition;
    const changed = { ...seal, toPosition, previousHead: head };
    head = headOf(changed, link);
    await sql`
      update audit_seals set previous_head = ${changed.previousHead}, to_position = ${toPosition}, head = ${head}
      where seal = ${seal.seal}`.execute(owner);
  }
}
