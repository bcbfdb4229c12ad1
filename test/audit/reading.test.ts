import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { sql } from 'kysely';
import t from 'tap';
import { exportHeads } from '../../src/services/audit/export-heads.js';
import { sealRows } from '../../src/services/audit/seal-rows.js';
import { openSealerDatabase } from '../../workers/seal-audit.js';
import { bornYearsAgo, openChildren } from '../helpers/children.js';
import { clientFor } from '../helpers/client.js';
import { startCommand } from '../helpers/command.js';
import { until } from '../helpers/wait.js';

const born = { dateOfBirth: '2014-10-02' };

t.test('who looked at a child is told to its own management team and to auditors', async (t) => {
  const directory = await openChildren(t);
  const { call, caller, owner } = directory;
  const people = [
    { givenNames: 'Rosalind', familyName: 'Applegarth', ...born },
    { givenNames: 'Crispin', familyName: 'Holloway', ...born },
    { givenNames: 'Old', familyName: 'Timer', ...born },
  ];
  const [open, shielded, archived] = await directory.add(people);
  await sql`update children set archived_at = now() where id = ${archived!.childId}`.execute(owner);
  const practitioner = await caller('practitioner', {
    name: 'Petra Practitioner',
    organisation: { name: 'Northvale School', sector: 'education' },
  });
  const own = await caller('management-team');
  const elsewhere = await caller('management-team', { authority: 'Southmere' });
  const nowhere = await caller('management-team', { authority: 'Westley' });
  await sql`update users set authority = null where id = ${nowhere.userId}`.execute(owner);
  const auditor = await caller('auditor');
  await clientFor(directory, own).shield(shielded!.childId, 1);
  for (const child of [open, shielded]) await clientFor(directory, practitioner).read(child!.childId);
  const accesses = (who: typeof own, childId: string, query = '') =>
    call(who, 'GET', `/v1/children/${childId}/accesses${query}`);

  const told = await accesses(own, open!.childId);
  t.equal(told.status, 200);
  t.match(told.body.accesses, [
    {
      actor: 'user',
      userId: practitioner.userId,
      name: 'Petra Practitioner',
      organisation: 'Northvale School',
      role: 'practitioner',
      action: 'read',
      reason: 'direct-work',
    },
  ]);
  t.match((await accesses(auditor, open!.childId)).body.accesses, [
    { action: 'read-accesses', userId: own.userId },
    { action: 'read', userId: practitioner.userId },
  ]);
  t.match((await accesses(own, shielded!.childId)).body.accesses, [{ action: 'read' }, { action: 'shield' }]);
  t.match((await accesses(own, archived!.childId)).status, 200);

  const none = await accesses(elsewhere, randomUUID());
  t.match(none, { status: 404, body: { code: 'not-found' } });
  const plain = ({ status, body, headers }: typeof none) => {
    const { 'x-request-id': _, date, ...rest } = headers;
    return { status, body: { ...body, requestId: '' }, headers: rest };
  };
  for (const child of [open, shielded, archived])
    t.strictSame(plain(await accesses(elsewhere, child!.childId)), plain(none), 'another team hears of nobody');
  t.equal((await accesses(nowhere, open!.childId)).status, 401, 'whose authority was taken away has to sign in again');
  const traces = await owner
    .selectFrom('audit_events')
    .select(['action', 'child_ids', 'details'])
    .where('user_id', '=', elsewhere.userId)
    .execute();
  t.strictSame(traces, Array(4).fill({ action: 'read-accesses-not-found', child_ids: [], details: {} }));

  const unknown = await accesses(auditor, randomUUID());
  t.match(unknown, { status: 200, body: { accesses: [] } }, 'the log may hold what the directory has destroyed');

  const pages: unknown[] = [];
  for (let query = '?limit=2'; query !== ''; ) {
    const { body } = await accesses(auditor, open!.childId, query);
    pages.push(...body.accesses);
    if (body.nextCursor) t.match(body.nextCursor, /^\d{16}-1$/, 'a moment, and no number of an event');
    query = body.nextCursor ? `?limit=2&cursor=${body.nextCursor}` : '';
  }
  const all = (await accesses(auditor, open!.childId, '?limit=100')).body.accesses;
  t.strictSame(
    pages.filter((one) => (one as { action: string }).action === 'read'),
    all.filter((one: { action: string }) => one.action === 'read'),
  );
});

t.test('which other authority has looked at a child is told to auditors alone', async (t) => {
  const directory = await openChildren(t);
  const { call, caller } = directory;
  const [sibling] = await directory.add([{ givenNames: 'Ada', familyName: 'Wren', dateOfBirth: bornYearsAgo(9) }]);
  const of = `/v1/children/${sibling!.childId}`;
  const [own, elsewhere] = [
    await caller('management-team'),
    await caller('management-team', { authority: 'Eastmoor' }),
  ];
  const nurse = await caller('practitioner', { authority: 'Southmere' });
  for (const reader of [own, elsewhere, nurse]) t.equal((await call(reader, 'GET', of)).status, 200);
  const readers = async (asker: typeof own) => {
    const { body } = await call(asker, 'GET', `${of}/accesses`);
    return body.accesses
      .filter(({ action }: { action: string }) => action === 'read')
      .map(({ userId, name, role }: { userId: string | null; name: string | null; role: string }) => [
        userId,
        name !== null,
        role,
      ]);
  };
  const told = [
    [nurse.userId, true, 'practitioner'],
    [elsewhere.userId, true, 'management-team'],
    [own.userId, true, 'management-team'],
  ];
  t.strictSame(await readers(await caller('auditor')), told);
  t.strictSame(await readers(own), [told[0], [null, false, 'management-team'], told[2]]);
  const { body } = await call(own, 'POST', `${of}/subject-access`, { requestedBy: 'child' });
  t.strictSame(
    body.accesses
      .filter(({ action }: { action: string }) => action === 'read')
      .map(({ role, by }: { role: string; by: { name: string } | null }) => [role, Boolean(by?.name)]),
    [
      ['practitioner', true],
      ['management-team', false],
      ['management-team', true],
    ],
  );
});

t.test('that a household listed a child is told to auditors alone', async (t) => {
  const directory = await openChildren(t);
  const { call, caller, add } = directory;
  const home = { kind: 'home' as const, line1: '4 Mill Lane', town: 'Penhallow', postcode: 'PH4 2LD' };
  const [child, sibling] = await add(
    [7, 9].map((age) => ({
      givenNames: 'Ada',
      familyName: 'Wren',
      dateOfBirth: bornYearsAgo(age),
      addresses: [home],
    })),
  );
  const own = await caller('management-team');
  const household = await call(own, 'GET', `/v1/children/${child!.childId}/shield/household`);
  t.match(household, { status: 200, body: { children: [{ childId: sibling!.childId }] } });
  const of = `/v1/children/${sibling!.childId}`;
  const reads = ({ body }: typeof household) =>
    body.accesses.filter(({ action }: { action: string }) => action === 'read');
  t.equal(reads(await call(await caller('auditor'), 'GET', `${of}/accesses`)).length, 1);
  t.strictSame(reads(await call(own, 'GET', `${of}/accesses`)), []);
  t.strictSame(reads(await call(own, 'POST', `${of}/subject-access`, { requestedBy: 'child' })), []);
});

t.test('an auditor reads the log by child, user and time, and that is in the log before the answer', async (t) => {
  const { call, caller, owner } = await openChildren(t);
  const auditor = await caller('auditor');
  const [user, other] = [randomUUID(), randomUUID()];
  const [child, sibling] = [randomUUID(), randomUUID()];
  for (let index = 0; index < 10; index++) {
    await sql`
      insert into audit_events (at, actor, user_id, role, action, reason, child_ids, details)
      values (timestamptz '2026-01-01T00:00:00Z' + ${Math.floor(index / 2)} * interval '1 hour', 'user', ${index < 6 ? user : other}, 'practitioner',
        'search', 'direct-work', ${index % 3 === 0 ? [child, sibling] : [sibling]}::uuid[], '{"results": 1, "fields": ["familyName"]}')`.execute(
      owner,
    );
  }
  const ask = (query: Record<string, string>) => call(auditor, 'GET', `/v1/audit/events?${new URLSearchParams(query)}`);
  const idsOf = ({ body }: Awaited<ReturnType<typeof ask>>) =>
    body.events
      .filter((event: { action: string }) => event.action === 'search')
      .map((event: { eventId: number }) => event.eventId);
  const first = idsOf(await ask({ user })).at(-1);
  const at = (index: number) => first + index;

  t.strictSame(idsOf(await ask({ child })), [9, 6, 3, 0].map(at), 'the latest first');
  t.strictSame(idsOf(await ask({ child, user })), [3, 0].map(at));
  t.strictSame(
    idsOf(await ask({ from: '2026-01-01T01:00:00Z', to: '2026-01-01T04:00:00+01:00' })),
    [5, 4, 3, 2].map(at),
    'from a moment to before another',
  );
  const { body } = await ask({ user, limit: '1' });
  t.match(body.events, [
    {
      eventId: at(5),
      at: '2026-01-01T02:00:00.000Z',
      actor: 'user',
      userId: user,
      role: 'practitioner',
      organisationId: null,
      action: 'search',
      reason: 'direct-work',
      childIds: [sibling],
      details: { results: 1, fields: ['familyName'] },
      sealed: false,
    },
  ]);
  const paged: number[] = [];
  for (let cursor = ''; ; ) {
    const page = await ask({ child: sibling, limit: '3', ...(cursor ? { cursor } : {}) });
    paged.push(...idsOf(page));
    cursor = page.body.nextCursor;
    if (!cursor) break;
  }
  t.strictSame(paged, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0].map(at), 'two of the same moment are neither lost nor doubled');

  const [last] = await owner.selectFrom('audit_events').selectAll().orderBy('id', 'desc').limit(1).execute();
  t.match(last, { user_id: auditor.userId, action: 'read-audit', reason: 'direct-work', child_ids: [sibling] });
  for (const query of [
    { children: child },
    { child: 'x' },
    { user: '1' },
    { from: 'yesterday' },
    { from: '2026-02-30T00:00:00Z' },
    { from: '2016-12-31T23:59:60Z' },
    { to: '2026-01-01T00:00:00+23:00' },
    { to: '0000-01-01T00:00:00Z' },
    { cursor: '1' },
    { cursor: '1-1-1' },
    { limit: '0' },
    { limit: '101' },
  ] as Record<string, string>[])
    t.match(await ask(query), { status: 400, body: { code: 'invalid-request' } }, JSON.stringify(query));
  t.match(await ask({ cursor: `${'9'.repeat(17)}-${'9'.repeat(18)}` }), { status: 200 });

  await sql`revoke insert on audit_events from directory_api`.execute(owner);
  const refused = await ask({ child });
  t.match(refused, { status: 500, body: { code: 'internal' } }, 'what cannot be audited is not told');
  t.notMatch(JSON.stringify(refused.body), new RegExp(child));
});

t.test('the chain is verified by an auditor and on the command line', async (t) => {
  const directory = await openChildren(t);
  const { call, caller, owner, context, config } = directory;
  const auditor = await caller('auditor');
  const sealer = openSealerDatabase(context);
  t.teardown(() => sealer.destroy());
  const commandLine = async (...args: string[]) => {
    const command = startCommand(t, directory, ['audit', 'verify', ...args]);
    await until(() => !command.running(), { seconds: 60 });
    await command.end();
    return { code: command.process.exitCode, output: command.output() };
  };
  await sealRows(sealer);
  const verification = () => call(auditor, 'GET', '/v1/audit/verification');
  t.match(await verification(), { status: 200, body: { ok: true, firstBroken: null, headsCompared: 0 } });
  t.match(await commandLine(), { code: 0, output: /No exported heads.*whole: \d+ rows/s });
  t.match(await commandLine('--heads', '/nowhere/heads.ndjson'), { code: 2, output: /no file of heads/ });
  await sealRows(sealer);
  await exportHeads(sealer, config.audit.headsFile, '');
  t.ok(existsSync(config.audit.headsFile));
  const { body } = await verification();
  t.match(body, { ok: true, seals: 2, headsCompared: 2, complete: true });
  const asked = owner
    .selectFrom('audit_events')
    .select('details')
    .where('action', '=', 'verify-audit')
    .orderBy('id', 'desc');
  t.strictSame(await asked.executeTakeFirst(), { details: { ok: true, checked: body.checked } }, 'on record');

  await sql`update audit_events set role = 'auditor' where id = 1`.execute(owner);
  const broken = { fault: 'edited', eventId: 1, position: 1, seal: 1 };
  t.match(await verification(), { status: 200, body: { ok: false, checked: 0, firstBroken: broken } });
  const { code, output } = await commandLine('--json');
  t.equal(code, 1);
  t.match(JSON.parse(output), { ok: false, checked: 0, firstBroken: broken });
  t.match(await commandLine(), { code: 1, output: /first broken: audit event 1, position 1, seal 1: edited/ });
});
