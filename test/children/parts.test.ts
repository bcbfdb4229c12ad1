import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import t from 'tap';
import { type Answer, bornYearsAgo, openChildren, type TestChildren } from '../helpers/children.js';
import type { TestCaller } from '../helpers/directory.js';

const nobody = '01890000-0000-7000-8000-000000000000';
const known = { givenNames: 'Freya', familyName: 'Lockwood', dateOfBirth: bornYearsAgo(11) };

/** Changes one record, each time upon the version of the last answer that was good. */
async function openRecord(directory: TestChildren, caller: TestCaller, child: Partial<typeof known> = {}) {
  const [added] = await directory.add([{ ...known, ...child }]);
  const url = `/v1/children/${added!.childId}`;
  let last = await directory.call(caller, 'GET', url);
  const change = async (
    method: 'POST' | 'PATCH' | 'PUT' | 'DELETE',
    path: string,
    body?: object,
    headers: Record<string, string> = {},
  ): Promise<Answer> => {
    const tag = { 'if-match': String(last.headers.etag) };
    const answer = await directory.call(caller, method, `${url}${path}`, body, { ...tag, ...headers });
    if (answer.status < 300) last = answer;
    return answer;
  };
  return { url, childId: added!.childId, change };
}

t.test('the parts of a record', async (t) => {
  const directory = await openChildren(t);
  await directory.index();
  const manager = await directory.caller('management-team');

  t.test('are its other names, by each of which the child is found', async (t) => {
    const { url, childId, change } = await openRecord(directory, manager);
    const added = await change('POST', '/names', { kind: 'birth', familyName: '  Van  Helsdingen ' });
    t.match(added, { status: 201, headers: { etag: '"2"' } });
    t.match(added.body.names, [
      { kind: 'current', familyName: 'Lockwood', current: true },
      { kind: 'birth', givenNames: 'Freya', familyName: 'Van Helsdingen', current: false },
    ]);
    const [current, birth] = added.body.names;
    const changed = await change('PATCH', `/names/${birth.nameId}`, { kind: 'former', familyName: 'Helsdingen' });
    t.match(changed, {
      status: 200,
      body: { names: [current, { ...birth, kind: 'former', familyName: 'Helsdingen' }] },
    });
    await change('POST', '/names', { kind: 'known-as', givenNames: 'Fee' });
    const single = await change('PATCH', `/names/${birth.nameId}`, { givenNames: null });
    t.match(single.body.names[1], { givenNames: '', familyName: 'Helsdingen' });
    await directory.index();
    for (const criteria of [
      { givenNames: 'Freya', familyName: 'Lockwood' },
      { givenNames: 'Fee', familyName: 'Lockwood' },
      { familyName: 'Helsdingen', dateOfBirth: known.dateOfBirth },
    ])
      t.match((await directory.search(manager, criteria)).body.results, [{ childId, familyName: 'Lockwood' }]);

    for (const [body, path] of [
      [{ kind: 'current', familyName: 'Lee' }],
      [{ kind: 'birth' }],
      [{ kind: 'birth', familyName: '4' }],
      [{ familyName: 'Lee' }],
      [{ kind: 'birth', familyName: 'Lee', note: 'x' }],
    ] as [object, string?][])
      t.match(await change('POST', path ?? '/names', body), { status: 400, body: { code: 'invalid-request' } });
    for (const body of [{}, { kind: 'current' }, { current: true }, { familyName: null }, { familyName: '' }])
      t.match(
        await change('PATCH', `/names/${birth.nameId}`, body),
        { status: 400, body: { code: 'invalid-request' } },
        JSON.stringify(body),
      );
    const own = `/names/${current.nameId}`;
    t.match(await change('PATCH', own, { kind: 'former' }), { status: 409, body: { code: 'conflict' } });
    t.match(await change('DELETE', own), { status: 409 }, 'a child always has a current name');
    t.match(await change('DELETE', `/names/${birth.nameId}`), { status: 200, body: { names: [current, {}] } });
    t.match(await change('PATCH', `/names/${birth.nameId}`, { kind: 'birth' }), { status: 404 });
    t.equal((await directory.call(manager, 'GET', url)).body.names.length, 2);
  });

  t.test('are its parents and carers', async (t) => {
    const { change } = await openRecord(directory, manager, { givenNames: 'Ottilie' });
    const parent = { name: 'Rowena Lockwood', relationship: 'mother', phone: '01632 960001', email: 'r@example.org' };
    const added = await change('POST', '/parents', parent);
    t.match(added, { status: 201, body: { parents: [parent] } });
    const path = `/parents/${added.body.parents[0].parentId}`;
    t.match(await change('PATCH', path, { name: ' Rowena  Hale ', phone: null }), {
      status: 200,
      body: { parents: [{ ...parent, name: 'Rowena Hale', phone: null }] },
    });
    for (const relationship of ['Mother', 'foster carer', "mother's partner", 'belle-mère', ''])
      t.match(await change('PATCH', path, { relationship }), { status: 200, body: { parents: [{ relationship }] } });
    for (const relationship of ['not to be let in', 'aunt; drinks', 'aunt 2', ' aunt', 'aunt\n'])
      t.match(await change('PATCH', path, { relationship }), { status: 400 }, 'a note is no relationship');
    for (const body of [{}, { name: null }, { name: '' }, { phone: 'call me' }, { notes: 'x' }, { parentId: nobody }])
      t.match(await change('PATCH', path, body), { status: 400 }, JSON.stringify(body));
    for (const body of [{}, { name: 'Una', responsibility: true }, { phone: '01632 960001' }])
      t.match(await change('POST', '/parents', body), { status: 400 }, JSON.stringify(body));
    t.match(await change('DELETE', path), { status: 200, body: { parents: [] } });
    for (const [method, body] of [['PATCH', { name: 'Una' }], ['DELETE']] as ['PATCH' | 'DELETE', object?][])
      t.match(await change(method, path, body), { status: 404, body: { code: 'not-found' } });
  });

  t.test('are no more than anyone has', async (t) => {
    const { change } = await openRecord(directory, manager, { givenNames: 'Tryphena' });
    const additions: Record<string, object> = {
      names: { kind: 'birth', familyName: 'Lee' },
      addresses: { kind: 'former', town: 'Ripon' },
      parents: { name: 'Una Lee' },
      services: { kind: 'other', name: 'The Club' },
    };
    for (const [part, body] of Object.entries(additions)) {
      let answer = await change('POST', `/${part}`, body);
      while (answer.status === 201 && answer.body[part].length < 60) answer = await change('POST', `/${part}`, body);
      t.match(answer, { status: 409, body: { code: 'conflict' } }, part);
    }
  });

  t.test('are the services it uses', async (t) => {
    const { change } = await openRecord(directory, manager, { givenNames: 'Perdita' });
    const school = { kind: 'educational-setting', name: 'Hill School', phone: '01632 960002' };
    await change('POST', '/services', school);
    const added = await change('POST', '/services', {
      kind: 'gp-practice',
      name: ' The  Surgery',
      email: 's@example.org',
    });
    t.match(added, { status: 201, body: { services: [school, { kind: 'gp-practice', name: 'The Surgery' }] } });
    t.strictSame(added.body.sensitiveService, false);
    const path = `/services/${added.body.services[1].serviceId}`;
    t.match(await change('PATCH', path, { name: 'Larch Surgery', email: null }), {
      status: 200,
      body: { services: [school, { kind: 'gp-practice', name: 'Larch Surgery', email: null, sensitive: null }] },
    });
    for (const body of [
      { kind: 'palace', name: 'x' },
      { kind: 'other', name: ' - ' },
      { kind: 'other', name: 'x', notes: 'x' },
      { kind: 'other', name: 'x', sensitive: true },
      { kind: 'other', name: 'x', sensitive: { kind: 'mental-health' } },
      { kind: 'other', name: 'x', sensitive: { kind: 'mental-health', basis: 'hearsay' } },
      { kind: 'other', name: 'x', sensitive: { kind: 'mental-health', basis: 'consent', note: 'x' } },
      { kind: 'gp-practice', name: 'x', sensitive: { kind: 'mental-health', basis: 'consent' } },
    ])
      t.match(await change('POST', '/services', body), { status: 400, body: { code: 'invalid-request' } });
    t.match(await change('PATCH', path, { basis: 'consent' }), { status: 400 }, 'it is not a sensitive one');
    t.match(await change('DELETE', `${path}/consent`), { status: 404 }, 'nor held by consent');
    t.match(await change('DELETE', path), { status: 200, body: { services: [school] } });
    t.match(await change('PATCH', path, { name: 'x' }), { status: 404 });
    t.match(await change('DELETE', path), { status: 404 });
  });

  t.test('are the consent to stay to 25, and the day of death', async (t) => {
    const { childId, change } = await openRecord(directory, manager, { givenNames: 'Sunniva' });
    t.match(await change('PUT', '/consent-to-25'), { status: 200, body: { consentTo25: true, version: 2 } });
    t.match(await change('PUT', '/consent-to-25', {}), { status: 200 }, 'an empty body is as good as none');
    t.match(await change('PUT', '/consent-to-25', { note: 'x' }), { status: 400 });
    const older = bornYearsAgo(20);
    t.match(await change('PATCH', '', { dateOfBirth: bornYearsAgo(25) }), {
      status: 422,
      body: { code: 'not-a-child' },
    });
    t.match(await change('PATCH', '', { dateOfBirth: older }), { status: 200, body: { dateOfBirth: older } });
    t.match(await change('PATCH', '', { dateOfBirth: bornYearsAgo(12) }), { status: 200 });
    t.match(await change('DELETE', '/consent-to-25'), { status: 200, body: { consentTo25: false } });
    t.match(await change('PATCH', '', { dateOfBirth: older }), { status: 422 }, 'an adult, without the consent');

    t.match(await change('PATCH', '', { diedOn: '2025-01-31' }), { status: 200, body: { diedOn: '2025-01-31' } });
    for (const diedOn of ['2099-01-01', '2010-01-01', 'yesterday', ''])
      t.match(await change('PATCH', '', { diedOn }), { status: 400, body: { code: 'invalid-request' } }, diedOn);
    t.match(await change('PATCH', '', { diedOn: null, gender: 'female' }), {
      status: 200,
      body: { diedOn: null, gender: 'female' },
    });
    const history = await directory.owner
      .selectFrom('child_history')
      .select(['version', 'changed_by', 'reason', sql<string>`change->>'action'`.as('action')])
      .where('child_id', '=', childId)
      .where('version', '>', 1)
      .orderBy('version')
      .execute();
    t.strictSame(
      history,
      [
        ...['record-consent-to-25', 'record-consent-to-25', 'correct-child', 'correct-child'],
        ...['withdraw-consent-to-25', 'correct-child', 'correct-child'],
      ].map((action, at) => ({ version: at + 2, changed_by: manager.userId, reason: 'direct-work', action })),
      'each change is on record with who and why',
    );
  });
});

t.test('two people who change one record at once', async (t) => {
  const directory = await openChildren(t);
  const managers = [await directory.caller('management-team'), await directory.caller('management-team')];
  const [child] = await directory.add([known]);
  const url = `/v1/children/${child!.childId}`;
  const requests: [path: string, part: string, bodies: [object, object]][] = [
    [
      'names',
      'names',
      [
        { kind: 'birth', familyName: 'One' },
        { kind: 'birth', familyName: 'Two' },
      ],
    ],
    ['parents', 'parents', [{ name: 'One' }, { name: 'Two' }]],
    [
      'services',
      'services',
      [
        { kind: 'other', name: 'One' },
        { kind: 'other', name: 'Two' },
      ],
    ],
    ['involvements', 'involvements', [{ role: 'teacher' }, { role: 'nurse' }]],
  ];
  for (const [path, part, bodies] of requests) {
    const read = await directory.call(managers[0]!, 'GET', url);
    const tag = { 'if-match': String(read.headers.etag) };
    const answers = await Promise.all(
      bodies.map((body, at) => directory.call(managers[at]!, 'POST', `${url}/${path}`, body, tag)),
    );
    t.strictSame(answers.map(({ status }) => status).sort(), [201, 412], `${path}: one wins, the other reads again`);
    const after = (await directory.call(managers[0]!, 'GET', url)).body;
    t.equal(after.version, read.body.version + 1);
    t.equal(after[part].length, read.body[part].length + 1);
    const loser = answers.findIndex(({ status }) => status === 412);
    const again = await directory.call(managers[loser]!, 'POST', `${url}/${path}`, bodies[loser], {
      'if-match': `"${after.version}"`,
    });
    t.match(again, { status: 201 });
    t.equal(again.body[part].length, read.body[part].length + 2, 'and nothing is lost');
  }
});

t.test('a request that adds a part and is repeated with its key', async (t) => {
  const directory = await openChildren(t);
  const manager = await directory.caller('management-team');
  const [child, other] = await directory.add([known, { ...known, givenNames: 'Ned' }]);
  const url = `/v1/children/${child!.childId}`;
  const additions: Record<string, [object, object]> = {
    names: [
      { kind: 'birth', familyName: 'One' },
      { kind: 'birth', familyName: 'Two' },
    ],
    addresses: [
      { kind: 'home', town: 'Ripon' },
      { kind: 'home', town: 'Leeds' },
    ],
    parents: [{ name: 'One' }, { name: 'Two' }],
    services: [
      { kind: 'other', name: 'One' },
      { kind: 'other', name: 'Two' },
    ],
    involvements: [{ role: 'teacher' }, { role: 'nurse' }],
  };
  let version = 1;
  for (const [part, [body, otherBody]] of Object.entries(additions)) {
    const headers = { 'if-match': `"${version}"`, 'idempotency-key': 'one-key' };
    const before = (await directory.call(manager, 'GET', url)).body[part].length;
    const answers = await Promise.all(
      [1, 2, 3].map(() => directory.call(manager, 'POST', `${url}/${part}`, body, headers)),
    );
    version += 1;
    for (const answer of answers) {
      t.match(answer, { status: 201, body: { version } }, `${part}: is answered as the first time`);
      t.equal(answer.body[part].length, before + 1, 'and adds nothing twice');
    }
    t.match(
      await directory.call(manager, 'POST', `${url}/${part}`, otherBody, headers),
      { status: 409, body: { code: 'conflict' } },
      'nor is it taken for another request',
    );
    t.match(
      await directory.call(manager, 'POST', `/v1/children/${other!.childId}/${part}`, body, headers),
      { status: 409 },
      'or for another child',
    );
  }
  const kept = await directory.owner.selectFrom('idempotency_keys').select('body_hash').execute();
  const guesses = [child, other].flatMap((one) =>
    Object.values(additions).flatMap(([body]) =>
      [body, [one!.childId, body]].map((text) => createHash('sha256').update(JSON.stringify(text)).digest('hex')),
    ),
  );
  t.equal(kept.length, Object.keys(additions).length);
  t.notOk(
    kept.some(({ body_hash: hash }) => guesses.includes(hash.toString('hex'))),
    'nobody finds out by the table what was in it',
  );
  const stale = { 'if-match': '"1"', 'idempotency-key': 'two' };
  t.match(await directory.call(manager, 'POST', `${url}/parents`, { name: 'Three' }, stale), { status: 412 });
  t.match(
    await directory.call(
      manager,
      'POST',
      `${url}/parents`,
      { name: 'Three' },
      { ...stale, 'if-match': `"${version}"` },
    ),
    { status: 201 },
    'a key that came to nothing is free again',
  );
});

t.test('a part is changed upon the version that was read, and of a child that there is', async (t) => {
  const directory = await openChildren(t);
  const manager = await directory.caller('management-team');
  const practitioner = await directory.caller('practitioner');
  const [child, destroyed] = await directory.add([known, { ...known, givenNames: 'Ned' }]);
  await sql`
    insert into destroyed_numbers (number, child_id, version) values (${destroyed!.number}, ${destroyed!.childId}, 2)`.execute(
    directory.owner,
  );
  await sql`delete from children where id = ${destroyed!.childId}`.execute(directory.owner);
  const changes: ['POST' | 'PATCH' | 'PUT' | 'DELETE', string, object?][] = [
    ['POST', '/names', { kind: 'birth', familyName: 'Lee' }],
    ['PATCH', `/names/${nobody}`, { kind: 'birth' }],
    ['DELETE', `/names/${nobody}`],
    ['POST', '/parents', { name: 'Una' }],
    ['PATCH', `/parents/${nobody}`, { name: 'Una' }],
    ['DELETE', `/parents/${nobody}`],
    ['POST', '/services', { kind: 'other', name: 'The Club' }],
    ['PATCH', `/services/${nobody}`, { kind: 'other' }],
    ['DELETE', `/services/${nobody}`],
    ['DELETE', `/services/${nobody}/consent`],
    ['POST', '/involvements', { role: 'teacher' }],
    ['PATCH', `/involvements/${nobody}`, { additional: true }],
    ['DELETE', `/involvements/${nobody}`],
    ['DELETE', `/involvements/${nobody}/consent`],
    ['PUT', '/lead-professional', { involvementId: nobody }],
    ['DELETE', '/lead-professional'],
    ['PUT', '/caf-indicator', { involvementId: nobody }],
    ['DELETE', '/caf-indicator'],
    ['PUT', '/consent-to-25'],
    ['DELETE', '/consent-to-25'],
  ];
  for (const [method, path, body] of changes) {
    const ask = (childId: string, headers: Record<string, string>, caller = manager) =>
      directory.call(caller, method, `/v1/children/${childId}${path}`, body, headers);
    const what = `${method} ${path}`;
    t.match(await ask(child!.childId, {}), { status: 428, body: { code: 'version-required' } }, what);
    t.match(await ask(child!.childId, { 'if-match': '"9"' }), { status: 412, body: { code: 'stale-version' } }, what);
    for (const childId of [destroyed!.childId, nobody])
      t.match(await ask(childId, { 'if-match': '"1"' }), { status: 404, body: { code: 'not-found' } }, what);
    if (/involvements|lead|caf/.test(path))
      t.match(await ask(destroyed!.childId, { 'if-match': '"1"' }, practitioner), { status: 404 }, what);
  }
  t.match((await directory.call(manager, 'GET', `/v1/children/${child!.childId}`)).body, { version: 1 });
  t.match(await directory.call(manager, 'GET', `/v1/children/${destroyed!.childId}`), { status: 404 });
  t.match(await directory.call(manager, 'POST', '/v1/children/lookup', { number: destroyed!.number }), { status: 404 });
});
