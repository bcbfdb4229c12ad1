import { sql } from 'kysely';
import t from 'tap';
import { todayInEngland } from '../../src/services/child-age.js';
import { type Answer, bornYearsAgo, openChildren, type TestChildren } from '../helpers/children.js';
import type { TestCaller } from '../helpers/directory.js';

const nobody = '01890000-0000-7000-8000-000000000000';
const known = { givenNames: 'Freya', familyName: 'Lockwood', dateOfBirth: bornYearsAgo(11) };
const today = todayInEngland();
const daysAgo = (days: number) => new Date(Date.parse(today) - days * 86_400_000).toISOString().slice(0, 10);

type Method = 'POST' | 'PATCH' | 'PUT' | 'DELETE';

/** Somebody's changes to one child, each upon the version that they read just before. */
function changesOf(directory: TestChildren, childId: string) {
  const url = `/v1/children/${childId}`;
  const read = (caller: TestCaller) => directory.call(caller, 'GET', url);
  const change = async (caller: TestCaller, method: Method, path: string, body?: object): Promise<Answer> => {
    const { headers } = await read(caller);
    return directory.call(caller, method, `${url}${path}`, body, { 'if-match': String(headers.etag ?? '"1"') });
  };
  return { read, change };
}

async function openPeople(directory: TestChildren) {
  const organisation = { name: 'Ripon Children Centre', sector: 'social-care' as const };
  return {
    nurse: await directory.caller('practitioner', { name: 'Nia Nurse', organisation }),
    worker: await directory.caller('practitioner', { name: 'Wes Worker', authority: 'Southmere' }),
    team: await directory.caller('management-team', { name: 'Own Team' }),
    elsewhere: await directory.caller('management-team', { name: 'Other Team', authority: 'Southmere' }),
  };
}

t.test('an involvement', async (t) => {
  const directory = await openChildren(t);
  const { nurse, worker, team, elsewhere } = await openPeople(directory);
  const [child] = await directory.add([known]);
  const { read, change } = changesOf(directory, child!.childId);
  const idsOf = ({ body }: Answer) => body.involvements.map((one: { involvementId: string }) => one.involvementId);

  const declared = await change(nurse, 'POST', '/involvements', { role: 'school-nurse', phone: '01632 960010' });
  const [nursing] = idsOf(declared);

  t.test('is declared by who works with the child, in their own name', async (t) => {
    t.match(declared, { status: 201, headers: { etag: '"2"' } });
    const shown = [
      {
        involvementId: nursing,
        userId: nurse.userId,
        practitioner: 'Nia Nurse',
        organisation: 'Ripon Children Centre',
        role: 'school-nurse',
        phone: '01632 960010',
        email: null,
        additional: false,
        startedOn: today,
        endedOn: null,
        sensitive: null,
      },
    ];
    for (const caller of [nurse, worker, team, elsewhere])
      t.strictSame((await read(caller)).body.involvements, shown, 'and seen by everyone who reads the record');
    t.match(await change(nurse, 'POST', '/involvements', { role: 'school-nurse' }), { status: 409 }, 'once');
    const second = { role: 'social-worker', additional: true, startedOn: '2024-01-31', email: 'wes@example.org' };
    t.match(await change(worker, 'POST', '/involvements', second), {
      status: 201,
      body: { involvements: [{}, { ...second, practitioner: 'Wes Worker', organisation: 'Southmere' }] },
    });
    t.match(await change(elsewhere, 'POST', '/involvements', { role: 'other' }), { status: 201 });
    for (const body of [
      {},
      { role: 'friend of the family' },
      { role: 'teacher', notes: 'x' },
      { role: 'teacher', organisation: 'Police' },
      { role: 'teacher', userId: worker.userId },
      { role: 'teacher', phone: 'after six' },
      { role: 'teacher', startedOn: '2024-02-30' },
      { role: 'teacher', startedOn: '2024-02-02', endedOn: '2024-02-01' },
      { role: 'teacher', sensitive: { kind: 'mental-health' } },
    ])
      t.match(await change(nurse, 'POST', '/involvements', body), { status: 400, body: { code: 'invalid-request' } });
  });

  t.test("is changed and ended by who declared it or by the child's management team", async (t) => {
    const path = `/involvements/${nursing}`;
    for (const caller of [worker, elsewhere]) {
      for (const [method, body] of [['PATCH', { endedOn: today }], ['DELETE']] as [Method, object?][])
        t.match(await change(caller, method, path, body), { status: 403, body: { code: 'forbidden' } });
      t.match(await change(caller, 'DELETE', `${path}/consent`), { status: 403 });
    }
    t.match(await change(nurse, 'PATCH', path, { phone: null, additional: true, role: 'nurse' }), {
      status: 200,
      body: { involvements: [{ involvementId: nursing, phone: null, additional: true, role: 'nurse' }, {}, {}] },
    });
    t.match(await change(team, 'PATCH', path, { endedOn: today }), {
      status: 200,
      body: { involvements: [{ endedOn: today }, {}, {}] },
    });
    t.match(await change(nurse, 'PATCH', path, { startedOn: '2099-01-01' }), { status: 400 }, 'it would end before');
    for (const body of [{}, { note: 'x' }, { organisation: 'x' }, { startedOn: null }, { basis: 'consent' }])
      t.match(await change(nurse, 'PATCH', path, body), { status: 400, body: { code: 'invalid-request' } });
    t.match(await change(nurse, 'PATCH', `/involvements/${nobody}`, { endedOn: today }), { status: 404 });
    t.match(await change(nurse, 'PATCH', path, { endedOn: null }), { status: 200 }, 'and taken up again');
  });

  t.test('is declared for a practitioner by the management team alone', async (t) => {
    const [sister] = await directory.add([{ ...known, givenNames: 'Iris' }]);
    const { change } = changesOf(directory, sister!.childId);
    const body = { role: 'teacher', username: nurse.username };
    for (const caller of [worker, elsewhere, nurse])
      t.match(await change(caller, 'POST', '/involvements', body), { status: 403, body: { code: 'forbidden' } });
    t.match(await change(team, 'POST', '/involvements', body), {
      status: 201,
      body: { involvements: [{ practitioner: 'Nia Nurse', organisation: 'Ripon Children Centre' }] },
    });
    const auditor = await directory.caller('auditor');
    // An account that does not stand gets no token.
    await t.rejects(directory.caller('practitioner', { username: 'untrained', trainingCompletedOn: null }));
    for (const username of [auditor.username, 'untrained', 'never-was'])
      t.match(await change(team, 'POST', '/involvements', { ...body, username }), {
        status: 400,
        body: { code: 'invalid-request', errors: [{ path: '/username' }] },
      });
  });

  t.test('is hidden a year after its end', async (t) => {
    const path = `/involvements/${nursing}`;
    t.match(await change(nurse, 'PATCH', path, { startedOn: '2015-01-01', endedOn: daysAgo(360) }), { status: 200 });
    t.ok(idsOf(await read(worker)).includes(nursing));
    await change(nurse, 'PATCH', path, { endedOn: daysAgo(370) });
    for (const caller of [nurse, worker, team, elsewhere]) t.notOk(idsOf(await read(caller)).includes(nursing));
    t.match(await change(nurse, 'PATCH', path, { endedOn: null }), { status: 404 }, 'and cannot be changed');
    t.match(await change(team, 'DELETE', path), { status: 404 });
    t.match(
      await directory.owner.selectFrom('involvements').select('id').where('id', '=', nursing).execute(),
      [{ id: nursing }],
      'but kept',
    );
  });

  t.test('that was declared in error is removed', async (t) => {
    const [own] = (await read(worker)).body.involvements.filter(
      (one: { userId: string }) => one.userId === worker.userId,
    );
    const removed = await change(worker, 'DELETE', `/involvements/${own.involvementId}`);
    t.match(removed, { status: 200 });
    t.notOk(idsOf(removed).includes(own.involvementId));
    t.match(await change(worker, 'DELETE', `/involvements/${own.involvementId}`), { status: 404 });
  });
});

for (const [path, part] of [
  ['/lead-professional', 'leadProfessional'],
  ['/caf-indicator', 'cafIndicator'],
] as const) {
  t.test(`${part}: one practitioner at a time`, async (t) => {
    const directory = await openChildren(t);
    const { nurse, worker, team, elsewhere } = await openPeople(directory);
    const [child, other] = await directory.add([known, { ...known, givenNames: 'Ned' }]);
    const { read, change } = changesOf(directory, child!.childId);
    const declare = async (caller: TestCaller, role: string, body: object = {}) => {
      const answer = await change(caller, 'POST', '/involvements', { role, ...body });
      return answer.body.involvements.find(
        (one: { userId: string; role: string }) => one.userId === caller.userId && one.role === role,
      ).involvementId as string;
    };
    const nursing = await declare(nurse, 'nurse', { phone: '01632 960010' });
    const working = await declare(worker, 'social-worker');
    t.equal((await read(worker)).body[part], null);
    t.match(await change(nurse, 'DELETE', path), { status: 404 });

    t.match(await change(nurse, 'PUT', path, { involvementId: working }), { status: 403 }, "not by another's work");
    t.match(await change(nurse, 'PUT', path, { involvementId: nobody }), { status: 404 });
    for (const body of [{}, { involvementId: nursing, notes: 'x' }, { involvementId: nursing, assessment: {} }])
      t.match(await change(nurse, 'PUT', path, body), { status: 400, body: { code: 'invalid-request' } });
    const elsewhereWork = (await changesOf(directory, other!.childId).change(nurse, 'POST', '/involvements', {
      role: 'nurse',
    })) as Answer;
    t.match(
      await change(nurse, 'PUT', path, { involvementId: elsewhereWork.body.involvements[0].involvementId }),
      { status: 404 },
      'nor by work with another child',
    );

    t.match(await change(nurse, 'PUT', path, { involvementId: nursing }), { status: 200 });
    for (const caller of [worker, team, elsewhere])
      t.strictSame(
        (await read(caller)).body[part],
        {
          involvementId: nursing,
          userId: nurse.userId,
          practitioner: 'Nia Nurse',
          organisation: 'Ripon Children Centre',
          role: 'nurse',
          phone: '01632 960010',
          email: null,
          since: today,
        },
        'seen by everyone who reads the record',
      );
    for (const caller of [worker, elsewhere])
      t.match(await change(caller, 'DELETE', path), { status: 403 }, 'no other practitioner ends it');
    t.match(await change(worker, 'PUT', path, { involvementId: working }), { status: 409, body: { code: 'conflict' } });
    t.match(
      await change(team, 'PUT', path, { involvementId: working }),
      { status: 200, body: { [part]: { practitioner: 'Wes Worker' } } },
      'the management team gives it to another',
    );
    t.match(await change(nurse, 'DELETE', path), { status: 403 });
    t.match(await change(worker, 'DELETE', path), { status: 200, body: { [part]: null } });
    const rows = await directory.owner
      .selectFrom(part === 'leadProfessional' ? 'lead_professionals' : 'caf_indicators')
      .select('child_id')
      .execute();
    t.strictSame(rows, []);

    // At the same moment, upon the same version.
    const tag = { 'if-match': String((await read(nurse)).headers.etag) };
    const url = `/v1/children/${child!.childId}${path}`;
    const answers = await Promise.all([
      directory.call(nurse, 'PUT', url, { involvementId: nursing }, tag),
      directory.call(worker, 'PUT', url, { involvementId: working }, tag),
    ]);
    t.strictSame(answers.map(({ status }) => status).sort(), [200, 412], 'of two who want it at once one has it');
    const winner = answers.find(({ status }) => status === 200)!.body[part];
    t.match((await read(team)).body[part], winner);

    await change(team, 'PUT', path, { involvementId: nursing });
    t.match(await change(team, 'PATCH', `/involvements/${nursing}`, { startedOn: daysAgo(20), endedOn: daysAgo(1) }), {
      status: 200,
      body: { [part]: part === 'leadProfessional' ? null : { practitioner: 'Nia Nurse' } },
    });
    t.match(
      await change(nurse, 'PUT', path, { involvementId: nursing }),
      { status: 409 },
      'not by work that has ended',
    );
    t.match(await change(worker, 'PUT', path, { involvementId: working }), {
      status: 200,
      body: { [part]: { practitioner: 'Wes Worker' } },
    });
    t.match(await change(worker, 'DELETE', `/involvements/${working}`), { status: 200, body: { [part]: null } });
  });
}

t.test('a sensitive service', async (t) => {
  const directory = await openChildren(t);
  const { owner } = directory;
  const { nurse, worker, team, elsewhere } = await openPeople(directory);
  const clinic = { kind: 'other', name: 'Hazelwick Clinic', phone: '01632 960055' };
  const consented = { kind: 'mental-health', basis: 'consent' };
  const [one, two] = await directory.add([known, { ...known, givenNames: 'Ned' }]);
  const first = changesOf(directory, one!.childId);
  const second = changesOf(directory, two!.childId);

  // Two children who differ in which sensitive services there are.
  await first.change(worker, 'POST', '/involvements', { role: 'social-worker' });
  await second.change(worker, 'POST', '/involvements', { role: 'social-worker' });
  const declared = await first.change(nurse, 'POST', '/involvements', {
    role: 'counsellor',
    phone: '01632 960077',
    sensitive: consented,
  });
  const service = await second.change(team, 'POST', '/services', {
    ...clinic,
    sensitive: { kind: 'sexual-health', basis: 'significant-harm' },
  });
  const counselling = declared.body.involvements[1].involvementId as string;
  const serviceId = service.body.services[0].serviceId as string;

  t.test('is shown as a fact alone', async (t) => {
    t.match(declared, { status: 201, body: { sensitiveService: true, involvements: [{}, { sensitive: consented }] } });
    t.match(service, { status: 201, body: { sensitiveService: true, services: [clinic] } });
    for (const caller of [worker, elsewhere]) {
      const answers = [await first.read(caller), await second.read(caller)];
      const [shown, other] = answers.map(({ body }) => {
        const { childId: _childId, number: _number, names: _names, ...same } = body;
        const involvements = same.involvements.map(
          ({ involvementId: _id, ...rest }: { involvementId: string }) => rest,
        );
        return { ...same, involvements };
      });
      t.strictSame(shown, other, 'whichever it is, it looks the same');
      t.match(shown, { sensitiveService: true, services: [], involvements: [{ role: 'social-worker' }] });
      t.equal(shown.involvements.length, 1);
      t.notMatch(JSON.stringify(answers), /Hazelwick|Nia|counsellor|mental|sexual|harm|"consent"|960055|960077/);
    }
  });

  t.test("to all but the child's management team and who declared it", async (t) => {
    for (const caller of [team, nurse])
      t.match((await first.read(caller)).body, {
        sensitiveService: true,
        involvements: [{}, { practitioner: 'Nia Nurse', sensitive: consented }],
      });
    t.match((await second.read(team)).body.services, [{ ...clinic, sensitive: { basis: 'significant-harm' } }]);
    t.match((await second.read(nurse)).body, { sensitiveService: true, services: [], involvements: [{}] });
  });

  t.test('nor do writes tell of it', async (t) => {
    for (const caller of [worker, elsewhere]) {
      for (const [method, path, body] of [
        ['PATCH', '', { endedOn: today }],
        ['DELETE', ''],
        ['DELETE', '/consent'],
      ] as [Method, string, object?][]) {
        const answers = await Promise.all(
          [counselling, nobody].map((id) => first.change(caller, method, `/involvements/${id}${path}`, body)),
        );
        const [hidden, absent] = answers.map(({ status, body: { requestId: _id, ...rest } }) => ({ status, rest }));
        t.match(hidden, { status: 404 });
        t.strictSame(hidden, absent, 'one that is hidden is answered like one that is not there');
      }
    }
    for (const path of ['/lead-professional', '/caf-indicator'])
      for (const caller of [nurse, team])
        t.match(
          await first.change(caller, 'PUT', path, { involvementId: counselling }),
          { status: 409 },
          'whom everyone would see cannot hold it by sensitive work',
        );
  });

  t.test('is held by consent or by a decision, and goes when consent is withdrawn', async (t) => {
    t.match(await first.change(nurse, 'PATCH', `/involvements/${counselling}`, { basis: 'significant-harm' }), {
      status: 200,
      body: { involvements: [{}, { sensitive: { kind: 'mental-health', basis: 'significant-harm' } }] },
    });
    for (const [{ change }, path] of [
      [first, `/involvements/${counselling}`],
      [second, `/services/${serviceId}`],
    ] as const) {
      t.match(await change(team, 'DELETE', `${path}/consent`), { status: 409 }, 'a decision is no consent');
      t.match(await change(team, 'PATCH', path, { basis: 'consent' }), { status: 200 });
    }
    t.match(
      await second.change(team, 'PATCH', `/services/${serviceId}`, { kind: 'gp-practice' }),
      { status: 400 },
      'it cannot turn into a universal one',
    );
    t.match(await second.change(nurse, 'DELETE', `/services/${serviceId}/consent`), { status: 403 });
    t.match(await first.change(nurse, 'DELETE', `/involvements/${counselling}/consent`), {
      status: 200,
      body: { sensitiveService: false, involvements: [{ role: 'social-worker' }] },
    });
    t.match(await second.change(team, 'DELETE', `/services/${serviceId}/consent`), {
      status: 200,
      body: { sensitiveService: false, services: [] },
    });
    for (const caller of [nurse, worker, team]) {
      t.match((await first.read(caller)).body, { sensitiveService: false, involvements: [{}] });
      t.match((await second.read(caller)).body, { sensitiveService: false, services: [] });
    }
    for (const [{ change }, path] of [
      [first, `/involvements/${counselling}`],
      [second, `/services/${serviceId}`],
    ] as const)
      t.match(await change(team, 'DELETE', `${path}/consent`), { status: 404 });

    // Nor is it anywhere else: not in the history, not among what was audited.
    const everything: string[] = [];
    for (const table of [
      'child_services',
      'involvements',
      'child_history',
      'audit_events',
      'idempotency_keys',
      'outbox',
    ]) {
      const { rows } = await sql`select to_jsonb(r) as row from ${sql.table(table)} r`.execute(owner);
      everything.push(JSON.stringify(rows));
    }
    t.match(everything.join(), /remove-involvement.*remove-service/s, 'that something was removed is on record');
    t.notMatch(everything.join(), /Hazelwick|counsellor|mental|sexual|significant|960055|960077|"[^"]*withdraw/);
  });
});

/** All that practitioners may do to the record of a child whom nothing hides. */
const ownWork = (involvementId: string): [Method, string, object?][] => [
  ['POST', '/involvements', { role: 'teacher' }],
  ['POST', '/involvements', { role: 'teacher', username: 'practitioner-1' }],
  ['PATCH', `/involvements/${involvementId}`, { endedOn: today }],
  ['PATCH', `/involvements/${nobody}`, { endedOn: today }],
  ['DELETE', `/involvements/${involvementId}`],
  ['DELETE', `/involvements/${involvementId}/consent`],
  ['PUT', '/lead-professional', { involvementId }],
  ['PUT', '/caf-indicator', { involvementId: nobody }],
  ['DELETE', '/lead-professional'],
  ['DELETE', '/caf-indicator'],
];

t.test('an archived child has no work that a practitioner could know of', async (t) => {
  const directory = await openChildren(t);
  const { nurse, team, elsewhere } = await openPeople(directory);
  const [child] = await directory.add([known]);
  const { change } = changesOf(directory, child!.childId);
  const declared = await change(nurse, 'POST', '/involvements', { role: 'nurse' });
  const { involvementId } = declared.body.involvements[0];
  await sql`update children set archived_at = now()`.execute(directory.owner);
  for (const caller of [nurse, elsewhere]) {
    for (const [method, path, body] of ownWork(involvementId))
      t.match(await change(caller, method, path, body), { status: 404, body: { detail: 'No such child' } });
  }
  t.match(await change(team, 'PATCH', `/involvements/${involvementId}`, { endedOn: today }), { status: 200 });
});

t.test('a shield keeps practitioners out of the work with a child, their own too', async (t) => {
  const directory = await openChildren(t);
  const { nurse, worker, team, elsewhere } = await openPeople(directory);
  const [child] = await directory.add([known]);
  const { read, change } = changesOf(directory, child!.childId);
  const declared = await change(nurse, 'POST', '/involvements', { role: 'nurse' });
  const { involvementId } = declared.body.involvements[0];
  const url = `/v1/children/${child!.childId}`;
  const keyed = { 'if-match': '"2"', 'idempotency-key': 'one-key' };
  t.match(await directory.call(worker, 'POST', `${url}/involvements`, { role: 'teacher' }, keyed), { status: 201 });
  t.match(await change(nurse, 'PUT', '/lead-professional', { involvementId }), { status: 200 });
  t.match(await change(team, 'PUT', '/shield', { reason: 'refuge' }), { status: 200 });

  for (const caller of [nurse, worker, elsewhere]) {
    const { body, headers } = await read(caller);
    t.strictSame(
      Object.keys(body).sort(),
      ['childId', 'contact', 'dateOfBirth', 'gender', 'hidden', 'names', 'number', 'shielded'],
      'nothing of it is shown',
    );
    t.notOk('etag' in headers);
    for (const version of [1, 4, 5, 6]) {
      for (const [method, path, payload] of ownWork(involvementId)) {
        const answer = await directory.call(caller, method, `${url}${path}`, payload, { 'if-match': `"${version}"` });
        t.equal(answer.status, 403, `${method} ${path} ${version}`);
        t.equal(
          answer.body.detail,
          "Only a management team of the child's own authority may change the record",
          'whatever there is, and whatever was sent',
        );
      }
    }
  }
  const { rows } = await sql<{ action: string; count: number }>`
    select action, count(*)::int as count from audit_events where action like '%-refused' group by action order by action`.execute(
    directory.owner,
  );
  t.match(
    rows,
    [
      { action: 'change-involvement-refused', count: 24 },
      { action: 'declare-involvement-refused', count: 24 },
      { action: 'delete-caf-indicator-refused', count: 12 },
      { action: 'delete-lead-professional-refused', count: 12 },
      { action: 'put-caf-indicator-refused', count: 12 },
      { action: 'put-lead-professional-refused', count: 12 },
      { action: 'remove-involvement-refused', count: 24 },
    ],
    'but who tried is on record',
  );
  t.match(
    await directory.call(worker, 'POST', `${url}/involvements`, { role: 'teacher' }, keyed),
    { status: 403 },
    'nor is a request answered again that was made before the shield',
  );
  t.match(await change(team, 'POST', '/involvements', { role: 'midwife', username: worker.username }), {
    status: 201,
    body: { involvements: [{}, {}, { practitioner: 'Wes Worker' }], leadProfessional: { practitioner: 'Nia Nurse' } },
  });
  t.match(await change(team, 'PATCH', `/involvements/${involvementId}`, { endedOn: today }), { status: 200 });
});
