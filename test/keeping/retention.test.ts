import { sql } from 'kysely';
import t, { type Test } from 'tap';
import { v7 as uuid } from 'uuid';
import { findFacts } from '../../src/db/children.js';
import { findTraces } from '../../src/db/find-traces.js';
import { putHolder } from '../../src/db/involvements.js';
import { findRuns } from '../../src/db/retention.js';
import { drawChildren } from '../../src/generator/population.js';
import { createRedis } from '../../src/queues/index-queue.js';
import { createRetentionQueue, scheduleRetention } from '../../src/queues/retention-queue.js';
import { readAlias, writeAlias } from '../../src/search/aliases.js';
import { newestMapping } from '../../src/search/mappings.js';
import { type IndexDocument, projectChild } from '../../src/search/projection.js';
import { birthday, todayInEngland } from '../../src/services/child-age.js';
import { isDueForArchive, yearsBefore } from '../../src/services/keeping/days.js';
import { runRetention } from '../../src/services/keeping/retention.js';
import { startRetention } from '../../workers/retention.js';
import { bornYearsAgo, type ChildParts, openChildren, type TestChildren } from '../helpers/children.js';
import { clientFor, idsOf } from '../helpers/client.js';
import { shieldAlone } from '../helpers/household.js';
import { documentVersions } from '../helpers/indexed.js';
import { until } from '../helpers/wait.js';

const TODAY = todayInEngland();

t.test('the day by which somebody is so old is the one on which their birthday has come', async (t) => {
  for (const born of ['2008-02-28', '2008-02-29', '2008-03-01', '2010-03-01', '2010-02-28', '2012-12-31']) {
    for (const age of [1, 6, 18, 25]) {
      const due = birthday(born, age);
      t.ok(born <= yearsBefore(due, age), `${born} is ${age} on ${due}`);
      const eve = new Date(Date.parse(due) - 86_400_000).toISOString().slice(0, 10);
      t.notOk(born <= yearsBefore(eve, age), `and not on ${eve}`);
    }
  }
  t.equal(yearsBefore('2028-02-29', 18), '2010-02-28', 'who was born on 1 March is not 18 on 29 February');
});

interface Known {
  childId: string;
  dateOfBirth: string;
  consent: boolean;
  diedOn: string | null;
  shielded?: true;
  archivedIn?: number;
  destroyedIn?: number;
}

/** Generated children, some with consent to stay, some who died, some shielded. */
async function populate(directory: TestChildren, count: number): Promise<Known[]> {
  const { add, owner } = directory;
  const parts: ChildParts[] = [];
  for (const { row } of drawChildren({ seed: 20, asOf: TODAY })) {
    if (parts.length === count) break;
    parts.push({
      givenNames: row.given_names,
      familyName: row.family_name,
      dateOfBirth: row.date_of_birth,
      ...(row.address_line1 ? { addresses: [{ kind: 'home', line1: row.address_line1, town: row.town ?? '' }] } : {}),
      ...(row.parent_name ? { parents: [{ name: row.parent_name }] } : {}),
    });
  }
  const added = await add(parts);
  const known: Known[] = [];
  for (const [at, { childId }] of added.entries()) {
    const consent = at % 4 === 0;
    const diedOn = at % 11 === 5 ? yearsBefore(TODAY, at % 3) : null;
    await sql`
      update children set consent_to_25_at = ${consent ? new Date() : null}, died_on = greatest(${diedOn}::date, date_of_birth)
      where id = ${childId} and (${consent} or ${diedOn !== null})`.execute(owner);
    const { died_on } = await owner
      .selectFrom('children')
      .select('died_on')
      .where('id', '=', childId)
      .executeTakeFirstOrThrow();
    known.push({ childId, dateOfBirth: (parts[at] as ChildParts).dateOfBirth, consent, diedOn: died_on });
  }
  return known;
}

/** What the domain says, worked out otherwise than the program does: by birthdays, forward. */
function shouldBeArchived({ dateOfBirth, consent, diedOn, shielded }: Known, day: string): boolean {
  if (shielded) return birthday(dateOfBirth, 18) <= day;
  return birthday(dateOfBirth, consent ? 25 : 18) <= day || (diedOn !== null && birthday(diedOn, 1) <= day);
}

t.test('over ten years each child is archived and destroyed in its year, and the index follows', async (t) => {
  const directory = await openChildren(t);
  const { worker, owner, index } = directory;
  const known = await populate(directory, 160);
  const manager = await directory.caller('management-team');
  const practitioner = clientFor(directory, await directory.caller('practitioner'));
  for (const one of known.slice(0, 8)) {
    t.equal((await shieldAlone(directory, manager, one.childId, 1)).status, 200, 'a shield stands');
    one.shielded = true;
  }
  await index();
  const before = new Map(
    (
      await findFacts(
        owner,
        known.map((one) => one.childId),
      )
    ).map((one) => [one.childId, one]),
  );

  for (let year = 0; year <= 10; year++) {
    const today = birthday(TODAY, year);
    const newlyArchived = known.filter((one) => one.archivedIn === undefined && shouldBeArchived(one, today));
    const newlyDestroyed = known.filter((one) => one.destroyedIn === undefined && (one.archivedIn ?? year) <= year - 6);
    const dry = await runRetention(worker, { today, dryRun: true });
    const run = await runRetention(worker, { today });
    for (const one of newlyArchived) one.archivedIn = year;
    for (const one of newlyDestroyed) one.destroyedIn = year;

    const archivedNow = run.archivedAt18 + run.archivedAt25 + run.archivedAfterDeath;
    t.equal(archivedNow, newlyArchived.length, `year ${year}: ${archivedNow} archived`);
    t.equal(run.destroyed, newlyDestroyed.length, `year ${year}: ${run.destroyed} destroyed`);
    const { runId: _, startedAt, endedAt, dryRun, ...foreseen } = dry;
    t.match(run, foreseen, 'as the dry run foresaw');
    await index();
    const rows = await owner.selectFrom('children').select(['id', 'archived_at']).execute();
    const expected = known.filter((one) => one.destroyedIn === undefined);
    t.strictSame(rows.map(({ id }) => id).sort(), expected.map((one) => one.childId).sort());
    const living = expected.filter((one) => one.archivedIn === undefined).map((one) => one.childId);
    t.strictSame(
      rows
        .filter((row) => row.archived_at === null)
        .map(({ id }) => id)
        .sort(),
      living.sort(),
    );
    t.strictSame(
      [...(await documentVersions(directory)).keys()].sort(),
      living,
      'the index holds those who live here still',
    );
    await checkNames(t, directory, living);
    const gone = newlyArchived.find((one) => one.diedOn === null);
    if (gone) await checkUnfindable(t, directory, before.get(gone.childId), practitioner, manager);
  }
  t.ok(known.filter((one) => one.destroyedIn !== undefined).length > 20, 'there was something to see');
  t.ok(
    known.some((one) => one.consent && one.archivedIn !== undefined),
    'also by consent',
  );
  t.ok(
    known.some((one) => one.archivedIn === undefined),
    'and some who stay',
  );
  t.strictSame(
    await runRetention(worker, { today: birthday(TODAY, 10) }).then(({ destroyed, archivedAt18 }) => ({
      destroyed,
      archivedAt18,
    })),
    { destroyed: 0, archivedAt18: 0 },
    'a second run finds nothing to do',
  );
  t.equal((await findRuns(directory.context.db, 100)).length, 23, 'each is on the report');
  t.notMatch(
    directory.logged(),
    new RegExp(
      [...before.values()]
        .map((one) => one.names[0]?.familyName)
        .filter((name) => (name?.length ?? 0) > 7)
        .join('|'),
    ),
  );
});

async function checkNames(t: Test, { owner }: TestChildren, living: string[]): Promise<void> {
  const { rows } = await sql<{ part: string; name: string; children: number }>`
    select f.part, f.name, f.children from name_frequencies f
    where f.children <> (select count(*) from child_names n where n.child_id = any(${living}::uuid[]) and n.kind = 'current'
      and not exists (select from shields s where s.child_id = n.child_id and s.lifted_at is null)
      and f.name = any(string_to_array(case f.part when 'given' then n.given_key else n.family_key end, ' ')))`.execute(
    owner,
  );
  t.strictSame(rows, [], 'a name counts who bears it openly and lives here still');
}

async function checkUnfindable(
  t: Test,
  directory: TestChildren,
  child: Awaited<ReturnType<typeof findFacts>>[number] | undefined,
  practitioner: ReturnType<typeof clientFor>,
  manager: Parameters<TestChildren['call']>[0],
): Promise<void> {
  if (!child) throw new Error('the child was never there');
  const name = child.names.find(({ kind }) => kind === 'current');
  const criteria = { givenNames: name?.givenNames, familyName: name?.familyName, dateOfBirth: child.dateOfBirth };
  for (const mode of ['fuzzy', 'exact']) {
    const answer = await practitioner.search({ ...criteria, mode });
    t.notOk(answer.status === 200 && idsOf(answer).includes(child.childId), `an archived child is not found (${mode})`);
  }
  t.equal((await practitioner.read(child.childId)).status, 404);
  t.equal((await practitioner.lookUp(child.number)).status, 404);
  t.equal(
    (await directory.call(manager, 'GET', `/v1/children/${child.childId}`)).status,
    200,
    'but by its management team',
  );
}

const marked: ChildParts = {
  givenNames: 'Quillenna Zephra',
  familyName: 'Vantongeren',
  dateOfBirth: bornYearsAgo(17),
  gender: 'female',
  otherNames: [{ kind: 'former', givenNames: 'Quillenna', familyName: 'Oxburrowe' }],
  addresses: [{ kind: 'home', line1: '7 Wexcombe Strand', line2: 'Flat Zulu', town: 'Tidworthy', postcode: 'QX9 4ZZ' }],
  parents: [{ name: 'Ysolde Vantongeren', phone: '01632 960887', email: 'ysolde@vantongeren.example' }],
  services: [{ kind: 'gp-practice', name: 'Wexcombe Surgery' }],
};

t.test('a destroyed child is in no table, index or variant; what is left is the number', async (t) => {
  const directory = await openChildren(t);
  const { worker, owner, add, index, call, config } = directory;
  const [other, child] = await add([
    { givenNames: 'Quillenna', familyName: 'Burridge', dateOfBirth: bornYearsAgo(5) },
    marked,
  ]);
  if (!child || !other) throw new Error('not added');
  const { childId, number } = child;
  const manager = await directory.caller('management-team');
  const practitioner = await directory.caller('practitioner', {
    organisation: { name: 'A school', sector: 'education' },
  });
  const seen = (version: number, key?: string) => ({
    'if-match': `"${version}"`,
    ...(key ? { 'idempotency-key': key } : {}),
  });
  // All that a life in the directory leaves behind.
  const of = `/v1/children/${childId}`;
  const steps: [Parameters<typeof call>[0], 'POST' | 'PATCH' | 'PUT', string, object, boolean?][] = [
    [practitioner, 'POST', `${of}/involvements`, { role: 'teacher' }, true],
    [manager, 'POST', `${of}/addresses`, { kind: 'second-home', line1: '9 Wexcombe Strand', town: 'Tidworthy' }, true],
    [manager, 'PATCH', of, { familyName: 'Vantongeren-Oxburrowe' }],
    [manager, 'PUT', `${of}/shield`, { reason: 'risk-of-harm', decisions: [] }],
  ];
  for (const [at, [caller, method, url, body, keyed]] of steps.entries()) {
    const { status, body: answer } = await call(
      caller,
      method,
      url,
      body,
      seen(at + 1, keyed ? `key-${at}` : undefined),
    );
    t.ok(status < 300, `${method} ${url.split('/').at(-1)}: ${status} ${answer?.detail ?? ''}`);
  }
  const record = await owner
    .selectFrom('involvements')
    .select('id')
    .where('child_id', '=', childId)
    .executeTakeFirstOrThrow();
  await owner.transaction().execute((trx) => putHolder(trx, 'lead_professionals', childId, record.id, TODAY));
  const row = JSON.stringify({ given_names: 'Quillenna', family_name: 'Vantongeren', childId });
  await sql`insert into sources (name) values ('census')`.execute(owner);
  const batch = uuid();
  await sql`insert into source_records values ('census', 'vantongeren-1', ${childId}, ${batch}, '\\x00')`.execute(
    owner,
  );
  for (const [decision, linked, candidates] of [
    ['link', childId, '{}'],
    [null, null, `{${childId}}`],
    [null, null, '{}'],
  ]) {
    await sql`
      insert into matching_queue (id, source, source_id, row, candidate_ids, decision, child_id)
      values (${uuid()}, 'api', ${uuid()}, ${row}::jsonb, ${candidates}::uuid[], ${decision}, ${linked})`.execute(
      owner,
    );
  }
  await sql`insert into dead_letters (id, child_id, version, reason) values (${uuid()}, ${childId}, 1, 'test')`.execute(
    owner,
  );
  await index();

  const facts = await findFacts(owner, [childId, other.childId]);
  const shielded = facts.find((one) => one.childId === childId);
  if (!shielded) throw new Error('not there');
  const mapping = newestMapping(config);
  const variants = [projectChild(shielded, mapping), projectChild({ ...shielded, shielded: false }, mapping)];
  const values = [
    childId,
    number,
    'Quillenna Zephra',
    'Vantongeren',
    'Oxburrowe',
    'Wexcombe',
    'Tidworthy',
    'QX9 4ZZ',
    'QX94ZZ',
    'Ysolde',
    '960887',
    'vantongeren-1',
    'Flat Zulu',
  ];
  const traced = (await findTraces(owner, values)).map(({ table }) => table);
  for (const table of [
    'children',
    'child_names',
    'child_addresses',
    'child_parents',
    'child_services',
    'involvements',
    'lead_professionals',
    'child_history',
    'shields',
    'source_records',
    'matching_queue',
    'idempotency_keys',
    'name_frequencies',
    'dead_letters',
    'audit_events',
    'protections',
  ])
    t.ok(traced.includes(table), `beforehand there is a trace in ${table}, so the look finds it`);

  await runRetention(worker, { today: birthday(TODAY, 1) });
  await index();
  t.same(
    (await findTraces(owner, ['Vantongeren'])).some(({ table }) => table === 'name_frequencies'),
    false,
    'its last bearer archived, a name is no name',
  );
  const run = await runRetention(worker, { today: birthday(TODAY, 7) });
  t.equal(run.destroyed, 1);
  await index();

  const left = await findTraces(owner, values);
  t.strictSame(
    left.map(({ table }) => table),
    ['audit_events', 'destroyed_numbers', 'protections'],
  );
  const words = values.filter((value) => value !== childId && value !== number);
  t.strictSame(await findTraces(owner, words), [], 'the log, too, has but its id and number');
  const { rows: destroyed } = await sql`
    select child_ids, details from audit_events where action = 'destroy-children'`.execute(owner);
  t.strictSame(destroyed, [{ child_ids: [childId], details: { numbers: [number] } }]);

  const others = facts.filter((one) => one.childId !== childId).flatMap((one) => projectChild(one, mapping) ?? []);
  await directory.context.elasticsearch.indices.refresh({ index: writeAlias(config.instance) });
  for (const document of variants) {
    for (const [field, given] of Object.entries(document ?? {}) as [keyof IndexDocument, unknown][]) {
      // Shared by everybody alike, and says nothing of anyone.
      if (['shielded', 'version', 'bucket', 'check', 'gender'].includes(field)) continue;
      for (const value of [given].flat() as string[]) {
        const { count } = await directory.context.elasticsearch.count({
          index: readAlias(config.instance),
          query: { term: { [field]: value } },
        });
        const sharing = others.filter((one) => [one[field]].flat().includes(value as never)).length;
        t.equal(count, sharing, `${field}: in the index for whoever else has it`);
      }
    }
  }

  await t.rejects(
    sql`insert into children (id, number, date_of_birth) values (${childId}, ${'1'.repeat(10)}, ${TODAY})`.execute(
      owner,
    ),
    { code: '23505' },
    'its id does not come back',
  );
  await t.rejects(
    sql`insert into children (id, number, date_of_birth) values (${uuid()}, ${number}, ${TODAY})`.execute(owner),
    { code: '23505' },
    'nor its number',
  );
  t.equal((await call(manager, 'GET', of)).status, 404);
});

t.test('a run that is broken off is gone on with, and two at once do nothing twice', async (t) => {
  const { worker, owner, add } = await openChildren(t);
  const parts = Array.from({ length: 1_200 }, (_, at) => ({
    givenNames: 'Anna',
    familyName: `Thistle${'abcdefghij'[at % 10]}`,
    dateOfBirth: bornYearsAgo(17),
  }));
  await add(parts);
  const stopping = new AbortController();
  let batches = 0;
  // Stopped by whatever first looks whether it is, after a batch.
  const signal = new Proxy(stopping.signal, {
    get(target, key) {
      if (key === 'aborted' && batches++ === 1) stopping.abort();
      return Reflect.get(target, key, target);
    },
  });
  const on = birthday(TODAY, 1);
  const broken = await runRetention(worker, { today: on, signal });
  t.match(broken, { state: 'failed', archivedAt18: 500, destroyed: 0 });
  const runs = await Promise.all([runRetention(worker, { today: on }), runRetention(worker, { today: on })]);
  const rest = runs.map((run) => run.archivedAt18).reduce((sum, one) => sum + one);
  t.equal(rest, 700);
  const { rows } = await sql`
    select count(*)::int as history, count(distinct child_id)::int as children from child_history where reason = 'retention'`.execute(
    owner,
  );
  t.strictSame(rows, [{ history: 1_200, children: 1_200 }]);
  const { rows: audited } = await sql<{ children: number }>`
    select sum(cardinality(child_ids))::int as children from audit_events where action = 'archive-children'`.execute(
    owner,
  );
  t.equal(audited[0]?.children, 1_200, 'each in the log');
});

t.test('what signing in and verifying leave behind goes with the night, and nothing that is of use', async (t) => {
  const { worker, owner, caller, add } = await openChildren(t);
  const [fresh, old] = [await caller('practitioner'), await caller('call-centre')];
  const [today, yesterday] = (await add(
    [8, 9].map((age) => ({ givenNames: 'Ida', familyName: 'Ash', dateOfBirth: bornYearsAgo(age) })),
  )) as { childId: string }[];
  await sql`update sessions set expires_at = now() - interval '25 hours' where user_id = ${old.userId}`.execute(owner);
  await sql`
    insert into spent_refresh_tokens (token_hash, session_id) select id::text, id from sessions`.execute(owner);
  await sql`
    insert into sign_in_failures (user_id, source, failures, locked_until, failed_at)
    values (${fresh.userId}, 'today', 1, null, now()), (${fresh.userId}, 'waits', 9, now() + interval '1 minute', now() - interval '2 days'),
      (${old.userId}, 'gone', 5, now() - interval '2 days', now() - interval '2 days')`.execute(owner);
  await sql`
    insert into practitioner_verifications (id, operator_id, practitioner_id, verified_at)
    values (${uuid()}, ${old.userId}, ${fresh.userId}, now()), (${uuid()}, ${old.userId}, ${fresh.userId}, now() - interval '2 days')`.execute(
    owner,
  );
  await sql`
    insert into verification_attempts (child_id, day, failed, failed_visibly)
    values (${today?.childId}, ${TODAY}, 5, 5), (${yesterday?.childId}, ${TODAY}::date - 2, 5, 5)`.execute(owner);
  await sql`
    insert into idempotency_keys (user_id, route, key, body_hash, created_at)
    values (${fresh.userId}, 'test', 'young', '', now() - interval '29 days'), (${fresh.userId}, 'test', 'old', '', now() - interval '31 days')`.execute(
    owner,
  );
  const left = async () => {
    const tables = ['sessions', 'spent_refresh_tokens', 'sign_in_failures', 'practitioner_verifications'];
    return Promise.all(
      [...tables, 'verification_attempts', 'idempotency_keys'].map(async (table) => {
        const { rows } = await sql<{ count: number }>`select count(*)::int as count from ${sql.table(table)}`.execute(
          owner,
        );
        return rows[0]?.count;
      }),
    );
  };
  t.strictSame(await left(), [2, 2, 3, 2, 2, 2]);
  await runRetention(worker, { today: TODAY, dryRun: true });
  t.strictSame(await left(), [2, 2, 3, 2, 2, 2], 'not by a dry run');
  await runRetention(worker, { today: TODAY });
  t.strictSame(await left(), [1, 1, 2, 1, 1, 1]);
  await t.rejects(sql`delete from sessions`.execute(worker.db), { code: '42501' }, 'workers end no session');
});

t.test('the schedule runs it by the worker, on the day of its clock', async (t) => {
  const directory = await openChildren(t);
  const { worker, config, urls, owner, add } = directory;
  await add([{ ...marked, dateOfBirth: bornYearsAgo(17) }]);
  const [producing, consuming] = [createRedis(urls.redisUrl, 'producer'), createRedis(urls.redisUrl, 'worker')];
  const queue = createRetentionQueue(producing, config.instance);
  const running = startRetention(worker, queue, consuming, () => birthday(TODAY, 1));
  t.teardown(async () => {
    await running.close();
    await queue.close();
    producing.disconnect();
    consuming.disconnect();
  });
  const scheduler = await until(async () => (await queue.getJobSchedulers())[0]);
  t.match(scheduler, { pattern: '0 30 2 * * *', tz: 'Europe/London' });
  await scheduleRetention(queue);
  t.equal((await queue.getJobSchedulers()).length, 1, 'once, however often it is asked for');
  const next = await until(async () => (await queue.getDelayed())[0]);
  t.same(next.data, {}, 'a job says nothing');
  await next.promote();
  await until(async () => (await findRuns(worker.db, 1))[0]?.state === 'done');
  t.match(await findRuns(worker.db, 5), [{ on: birthday(TODAY, 1), archivedAt18: 1, state: 'done' }]);
  t.ok(await owner.selectFrom('children').select('id').where('archived_at', 'is not', null).executeTakeFirst());
});

t.test('whoever is due is due by the same rule that keeps them in the archive', async (t) => {
  const child = { dateOfBirth: '2000-05-06', diedOn: null, consentTo25: false, shielded: false };
  t.equal(isDueForArchive(child, '2018-05-05'), false);
  t.equal(isDueForArchive(child, '2018-05-06'), true);
  t.equal(isDueForArchive({ ...child, consentTo25: true }, '2018-05-06'), false);
  t.equal(isDueForArchive({ ...child, consentTo25: true }, '2025-05-06'), true);
  t.equal(isDueForArchive({ ...child, diedOn: '2010-01-01' }, '2010-12-31'), false);
  t.equal(isDueForArchive({ ...child, diedOn: '2010-01-01' }, '2011-01-01'), true);
  for (const hidden of [{}, { consentTo25: true }, { diedOn: '2010-01-01' }]) {
    const shielded = { ...child, ...hidden, shielded: true };
    t.equal(isDueForArchive(shielded, '2018-05-05'), false, 'a shielded one by the date of birth');
    t.equal(isDueForArchive(shielded, '2018-05-06'), true, 'and nothing else');
  }
});
