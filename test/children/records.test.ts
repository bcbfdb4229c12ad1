import { sql } from 'kysely';
import t from 'tap';
import { type Answer, bornYearsAgo, openChildren, type TestChildren } from '../helpers/children.js';
import { shieldAlone } from '../helpers/household.js';

const nobody = '01890000-0000-7000-8000-000000000000';
const address = { kind: 'home', line1: '9 Mill Lane', town: 'Ripon', postcode: 'HG4 1QT' };
const tag = (answer: Answer) => ({ 'if-match': String(answer.headers.etag) });

t.test('a record is read', async (t) => {
  const directory = await openChildren(t);
  const [child] = await directory.add([
    {
      givenNames: 'Tamsin Rose',
      familyName: 'Orchard',
      dateOfBirth: '2014-03-07',
      gender: 'female',
      otherNames: [{ kind: 'birth', givenNames: 'Tamsin', familyName: 'Hollis' }],
      addresses: [
        {
          kind: 'home',
          line1: 'Flat 2',
          line2: '9 Mill Lane',
          town: 'Ripon',
          postcode: 'hg4 1qt',
          validFrom: '2020-01-02',
        },
        { kind: 'overseas', town: 'Lille', country: 'France' },
      ],
      parents: [{ name: 'Rowena Orchard', relationship: 'mother', phone: '01632 960001', email: 'rowena@example.org' }],
      services: [{ kind: 'educational-setting', name: 'Hill School' }],
    },
  ]);
  const { childId, number } = child!;
  const practitioner = await directory.caller('practitioner', { authority: 'Southmere' });

  const read = await directory.call(practitioner, 'GET', `/v1/children/${childId}`);
  t.equal(read.status, 200);
  t.equal(read.headers.etag, '"1"');
  t.match(read.headers, { 'cache-control': 'no-store' });
  const id = /^[0-9a-f-]{36}$/;
  t.match(read.body, {
    childId,
    number,
    shielded: false,
    version: 1,
    names: [
      { nameId: id, kind: 'current', givenNames: 'Tamsin Rose', familyName: 'Orchard', current: true },
      { nameId: id, kind: 'birth', givenNames: 'Tamsin', familyName: 'Hollis', current: false },
    ],
    dateOfBirth: '2014-03-07',
    gender: 'female',
    authority: 'Northvale',
    addresses: [
      {
        addressId: id,
        kind: 'home',
        line1: 'Flat 2',
        line2: '9 Mill Lane',
        town: 'Ripon',
        postcode: 'HG4 1QT',
        country: 'GB',
        validFrom: '2020-01-02',
        validTo: null,
      },
      { kind: 'overseas', line1: '', town: 'Lille', postcode: null, country: 'France' },
    ],
    parents: [
      {
        parentId: id,
        name: 'Rowena Orchard',
        relationship: 'mother',
        phone: '01632 960001',
        email: 'rowena@example.org',
      },
    ],
    services: [{ serviceId: id, kind: 'educational-setting', name: 'Hill School', phone: null }],
  });
  t.notOk('hidden' in read.body, 'nothing was left out');
  t.strictSame(
    (await directory.call(practitioner, 'POST', '/v1/children/lookup', { number })).body,
    read.body,
    'by its number just so',
  );

  t.match(await directory.call(practitioner, 'GET', `/v1/children/${nobody}`), {
    status: 404,
    body: { code: 'not-found' },
  });
  t.match(await directory.call(practitioner, 'GET', '/v1/children/42'), {
    status: 400,
    body: { code: 'invalid-request' },
  });
  const wrong = `${number.slice(0, 9)}${(Number(number[9]) + 1) % 10}`;
  t.match(await directory.call(practitioner, 'POST', '/v1/children/lookup', { number: wrong }), {
    status: 400,
    body: { code: 'invalid-request', errors: [{ path: '/number' }] },
  });
  const free = number === '9434765919' ? '4010232137' : '9434765919';
  t.match(await directory.call(practitioner, 'POST', '/v1/children/lookup', { number: free }), {
    status: 404,
    body: { code: 'not-found' },
  });

  const audited = await directory.owner
    .selectFrom('audit_events')
    .select(['action', 'child_ids', 'reason', 'user_id'])
    .where('reason', 'is not', null)
    .orderBy('id')
    .execute();
  t.match(
    audited,
    [
      { action: 'read', child_ids: [childId], reason: 'direct-work', user_id: practitioner.userId },
      { action: 'read', child_ids: [childId] },
      { action: 'read-not-found', child_ids: [] },
      { action: 'read-not-found', child_ids: [] },
    ],
    'each reading is in the audit log',
  );
});

t.test('a change is made upon the version that was read', async (t) => {
  const directory = await openChildren(t);
  const [child] = await directory.add([{ givenNames: 'Ivo', familyName: 'Lark', dateOfBirth: bornYearsAgo(9) }]);
  const url = `/v1/children/${child!.childId}`;
  const manager = await directory.caller('management-team');
  const patch = (version: string | undefined, body: object) =>
    directory.call(manager, 'PATCH', url, body, version === undefined ? {} : { 'if-match': version });

  t.match(await patch(undefined, { gender: 'male' }), { status: 428, body: { code: 'version-required' } });
  for (const stale of ['"0"', '"2"', 'W/"1"', '*', '1', '"1", "2"', '"x"', '"99999999999999999999"'])
    t.match(await patch(stale, { gender: 'male' }), { status: 412, body: { code: 'stale-version' } }, stale);
  const changed = await patch('"1"', { gender: 'male' });
  t.match(changed, { status: 200, body: { version: 2, gender: 'male' }, headers: { etag: '"2"' } });
  t.match(await patch('"1"', { gender: 'female' }), { status: 412 }, 'once is enough');

  const answers = await Promise.all(['Ivan', 'Ivor', 'Yves', 'Ives'].map((givenNames) => patch('"2"', { givenNames })));
  t.strictSame(
    answers.map(({ status }) => status).sort(),
    [200, 412, 412, 412],
    'of changes at the same moment one wins',
  );
  const read = await directory.call(manager, 'GET', url);
  t.equal(read.body.version, 3);
  t.equal(
    read.body.names.find((name: { current: boolean }) => name.current).givenNames,
    answers.find(({ status }) => status === 200)?.body.names.find((name: { current: boolean }) => name.current)
      .givenNames,
  );
});

t.test('a record is corrected', async (t) => {
  const directory = await openChildren(t);
  const [child] = await directory.add([{ givenNames: 'Freya', familyName: 'Lockwood', dateOfBirth: bornYearsAgo(11) }]);
  await directory.index();
  const url = `/v1/children/${child!.childId}`;
  const manager = await directory.caller('management-team');
  let last = await directory.call(manager, 'GET', url);
  const patch = async (body: object) => {
    const answer = await directory.call(manager, 'PATCH', url, body, tag(last));
    if (answer.status < 300) last = answer;
    return answer;
  };

  t.test('and a name that was current stays on record as a former one', async (t) => {
    const { body } = await patch({ familyName: '  Dun  More ' });
    t.strictSame(
      body.names.map(({ kind, givenNames, familyName, current }: Record<string, unknown>) => [
        kind,
        givenNames,
        familyName,
        current,
      ]),
      [
        ['former', 'Freya', 'Lockwood', false],
        ['current', 'Freya', 'Dun More', true],
      ],
    );
    t.equal((await patch({ familyName: 'Dun More' })).body.names.length, 2, 'the same name again is no new one');
    await directory.index();
    for (const familyName of ['Lockwood', 'Dunmore']) {
      const { body } = await directory.search(manager, { givenNames: 'Freya', familyName });
      t.match(body.results, [{ childId: child!.childId, familyName: 'Dun More' }], `found as ${familyName}`);
    }
  });

  t.test('not to make it that of an adult or of somebody unborn', async (t) => {
    const tomorrow = new Date(Date.now() + 2 * 86_400_000).toISOString().slice(0, 10);
    for (const dateOfBirth of [bornYearsAgo(18), bornYearsAgo(40), tomorrow, '0001-01-01', '9999-12-31'])
      t.match(
        await patch({ dateOfBirth }),
        { status: 422, body: { code: 'not-a-child', errors: [{ path: '/dateOfBirth' }] } },
        dateOfBirth,
      );
    for (const dateOfBirth of ['2013-02-29', '2013-2-3', '', null, 20130203, '2013-02-03T00:00:00Z'])
      t.match(await patch({ dateOfBirth }), { status: 400, body: { code: 'invalid-request' } }, String(dateOfBirth));
    t.match(await patch({ dateOfBirth: bornYearsAgo(17) }), { status: 200, body: { dateOfBirth: bornYearsAgo(17) } });
  });

  t.test('only in the fields that there are', async (t) => {
    const wrong = [
      {},
      { number: '9434765919' },
      { version: 9 },
      { authority: 'Southmere' },
      { shielded: false },
      { notes: 'x' },
      { gender: 'girl' },
      { givenNames: '' },
      { givenNames: '   ' },
      { givenNames: 'x'.repeat(36) },
      { givenNames: 'a b c d e f' },
      { givenNames: '4' },
      { givenNames: '\u200b' },
      { givenNames: 'A\u0000nn' },
      { familyName: 'Lee\u0007' },
      { familyName: Array(4).fill('x'.repeat(35)).join(' ') },
      { familyName: ['Lee'] },
      [],
      null,
    ];
    for (const body of wrong)
      t.match(await patch(body as object), { status: 400, body: { code: 'invalid-request' } }, JSON.stringify(body));
    t.match(await directory.call(manager, 'GET', url), { body: { version: last.body.version } }, 'and nothing changed');
    const longest = {
      givenNames: Array(5).fill('y'.repeat(35)).join(' '),
      familyName: Array(3).fill('z'.repeat(35)).join(' '),
    };
    t.match(await patch(longest), { status: 200 }, 'the longest names there may be');
  });

  t.test('with its addresses, of which several hold at once', async (t) => {
    const add = async (body: object) => {
      const answer = await directory.call(manager, 'POST', `${url}/addresses`, body, tag(last));
      if (answer.status < 300) last = answer;
      return answer;
    };
    const first = await add(address);
    t.match(first, {
      status: 201,
      body: { addresses: [{ ...address, country: 'GB', line2: '', validFrom: null, validTo: null }] },
    });
    t.equal(first.headers.etag, `"${first.body.version}"`);
    await add({
      kind: 'second-home',
      line1: ' Rose   Cottage ',
      town: 'Whitby',
      postcode: 'yo21 3jp',
      validFrom: '2024-05-01',
    });
    const third = await add({ kind: 'overseas', town: 'Lille', country: 'France', validTo: '2023-12-31' });
    t.strictSame(
      third.body.addresses.map(({ kind, line1, postcode, country }: Record<string, unknown>) => [
        kind,
        line1,
        postcode,
        country,
      ]),
      [
        ['home', '9 Mill Lane', 'HG4 1QT', 'GB'],
        ['second-home', 'Rose Cottage', 'YO21 3JP', 'GB'],
        ['overseas', '', null, 'France'],
      ],
    );
    for (const body of [
      { line1: '9 Mill Lane' },
      { kind: 'palace', line1: 'x' },
      { kind: 'home' },
      { kind: 'home', line1: '  ', town: ' ' },
      { kind: 'home', line1: 'x'.repeat(201) },
      { kind: 'home', postcode: 'EB7 5AA EB7 5AA' },
      { kind: 'home', line1: 'a\u0000b' },
      { kind: 'home', town: 'Ripon', validFrom: '2024-02-30' },
      { kind: 'home', town: 'Ripon', validFrom: '0000-01-01' },
      { kind: 'home', town: 'Ripon', validFrom: '2024-02-02', validTo: '2024-02-01' },
      { kind: 'home', town: 'Ripon', note: 'x' },
    ])
      t.match(await add(body), { status: 400, body: { code: 'invalid-request' } }, JSON.stringify(body));

    const [home, second, abroad] = third.body.addresses;
    const change = async (addressId: string, body: object) => {
      const answer = await directory.call(manager, 'PATCH', `${url}/addresses/${addressId}`, body, tag(last));
      if (answer.status < 300) last = answer;
      return answer;
    };
    const moved = await change(home.addressId, { kind: 'former', validTo: '2025-06-30', line1: ' 9  Mill Lane' });
    t.match(moved.body.addresses[0], {
      kind: 'former',
      line1: '9 Mill Lane',
      validTo: '2025-06-30',
      postcode: 'HG4 1QT',
    });
    t.match(await change(home.addressId, { validTo: null, postcode: null }), {
      status: 200,
      body: { addresses: [{ validTo: null, postcode: null }] },
    });
    t.match(
      await change(second.addressId, { validTo: '2020-01-01' }),
      { status: 400, body: { code: 'invalid-request' } },
      'it would end before it began',
    );
    t.match(
      await change(abroad.addressId, { town: ' ', country: 'GB' }),
      { status: 400, body: { code: 'invalid-request' } },
      'nothing would be left',
    );
    t.match(await change(nobody, { town: 'Leeds' }), { status: 404, body: { code: 'not-found' } });
    t.match(await change(second.addressId, {}), { status: 400 });

    const removed = await directory.call(
      manager,
      'DELETE',
      `${url}/addresses/${second.addressId}`,
      undefined,
      tag(last),
    );
    t.match(removed, { status: 200 });
    t.strictSame(
      removed.body.addresses.map(({ kind }: { kind: string }) => kind),
      ['former', 'overseas'],
    );
    t.match(await directory.call(manager, 'DELETE', `${url}/addresses/${second.addressId}`, undefined, tag(removed)), {
      status: 404,
    });
    const [other] = await directory.add([
      {
        givenNames: 'Ann',
        familyName: 'Lee',
        dateOfBirth: bornYearsAgo(5),
        addresses: [{ kind: 'home', town: 'Leeds' }],
      },
    ]);
    const { body } = await directory.call(manager, 'GET', `/v1/children/${other!.childId}`);
    t.match(
      await directory.call(
        manager,
        'DELETE',
        `${url}/addresses/${body.addresses[0].addressId}`,
        undefined,
        tag(removed),
      ),
      { status: 404 },
      "another child's address",
    );
  });
});

t.test('a child is added', async (t) => {
  const directory = await openChildren(t);
  await directory.index();
  const manager = await directory.caller('management-team');
  const dateOfBirth = bornYearsAgo(8);
  const create = (body: object, key?: string, caller = manager) =>
    directory.call(caller, 'POST', '/v1/children', body, key === undefined ? {} : { 'idempotency-key': key });
  const whole = {
    givenNames: 'Élodie',
    familyName: 'Marchetti',
    dateOfBirth,
    gender: 'female',
    otherNames: [{ kind: 'known-as', givenNames: 'Lo' }],
    addresses: [address, { kind: 'overseas', town: 'Turin', country: 'Italy' }],
    parents: [{ name: 'Carla Marchetti', phone: '01632 960002' }],
  };

  t.test('in the authority of who adds it', async (t) => {
    const { status, body, headers } = await create(whole);
    t.equal(status, 201);
    t.equal(headers.location, `/v1/children/${body.childId}`);
    t.equal(headers.etag, '"1"');
    t.match(body, {
      authority: 'Northvale',
      number: /^[0-9]{10}$/,
      names: [
        { givenNames: 'Élodie', current: true },
        { kind: 'known-as', givenNames: 'Lo', familyName: 'Marchetti' },
      ],
    });
    t.equal(body.addresses.length, 2);
    t.strictSame((await directory.call(manager, 'GET', headers.location as string)).body, body);
    await directory.index();
    t.match((await directory.search(manager, { givenNames: 'Elodie', familyName: 'Marchetti' })).body.results, [
      { childId: body.childId },
    ]);
  });

  t.test(
    'but one that resembles a child already there waits for somebody to look, whether indexed yet or not',
    async (t) => {
      for (const body of [
        { givenNames: 'Élodie', familyName: 'Marchetti', dateOfBirth },
        { givenNames: 'Elodie', familyName: 'Marchetti', dateOfBirth, gender: 'female' },
        { givenNames: 'Elodi', familyName: 'Marcheti', dateOfBirth },
      ]) {
        const answer = await create(body);
        t.match(answer, { status: 202 }, JSON.stringify(body));
        t.strictSame(answer.body, { queued: true });
        t.notOk('location' in answer.headers || 'etag' in answer.headers);
      }
      t.equal((await create({ givenNames: 'Osric', familyName: 'Penhaligon', dateOfBirth })).status, 201);
      t.equal(
        (await create({ givenNames: 'Osrik', familyName: 'Penhaligon', dateOfBirth })).status,
        202,
        'before the index knows',
      );
      const queued = await directory.owner
        .selectFrom('matching_queue')
        .select(['source', 'candidate_ids', 'quarantined'])
        .execute();
      t.equal(queued.length, 4);
      t.ok(
        queued.every(
          ({ source, candidate_ids: ids, quarantined }) => source === 'api' && ids.length === 1 && !quarantined,
        ),
      );
    },
  );

  t.test('and a twin or a brother is a child of their own', async (t) => {
    const family = { familyName: 'Smith', addresses: [address], parents: [{ name: 'Una Smith' }] };
    t.equal((await create({ ...family, givenNames: 'Daisy', dateOfBirth, gender: 'female' })).status, 201);
    await directory.index();
    // As in a directory of a million: where a name is rare, whoever bears it may be somebody already there.
    await sql`update directory_statistics set children = 1000000`.execute(directory.owner);
    await sql`delete from name_frequencies`.execute(directory.owner);
    await sql`insert into name_frequencies values ('family', 'smith', 12000), ('given', 'daisy', 3000), ('given', 'violet', 2000)`.execute(
      directory.owner,
    );
    directory.context.names.forget();
    t.equal((await create({ ...family, givenNames: 'Violet', dateOfBirth, gender: 'female' })).status, 201, 'the twin');
    t.equal(
      (await create({ ...family, givenNames: 'Hugo', dateOfBirth: bornYearsAgo(4), gender: 'male' })).status,
      201,
    );
  });

  t.test('once, however many ask at the same moment', async (t) => {
    const body = { givenNames: 'Quentin', familyName: 'Abernathy', dateOfBirth };
    const answers = await Promise.all(
      [body, body, { ...body, familyName: 'Abernathie' }, body].map((one) => create(one)),
    );
    t.strictSame(answers.map(({ status }) => status).sort(), [201, 202, 202, 202]);
    const keyed = await Promise.all(
      [1, 2, 3].map(() => create({ ...body, givenNames: 'Leopold', familyName: 'Featherstone' }, 'one-request')),
    );
    t.strictSame(
      keyed.map(({ status }) => status),
      [201, 201, 201],
      'with one key all are told of the one child',
    );
    t.equal(new Set(keyed.map(({ body }) => body.childId)).size, 1);
  });

  t.test('and a repeated request makes nothing twice', async (t) => {
    const body = { givenNames: 'Bartholomew', familyName: 'Swann', dateOfBirth };
    const first = await create(body, 'key-1');
    t.equal(first.status, 201);
    const again = await create(body, 'key-1');
    t.match(again, { status: 201, headers: { location: first.headers.location, etag: '"1"' } });
    t.strictSame(again.body, first.body);
    t.match(
      await create({ ...body, gender: 'male' }, 'key-1'),
      { status: 409, body: { code: 'conflict' } },
      'the key was for another body',
    );
    const changed = await directory.call(
      manager,
      'PATCH',
      first.headers.location as string,
      { gender: 'male' },
      tag(first),
    );
    t.match(
      await create(body, 'key-1'),
      { status: 201, body: changed.body, headers: { etag: '"2"' } },
      'told as it is today',
    );
    const colleague = await directory.caller('management-team');
    t.strictSame((await create(body, 'key-1', colleague)).body, { queued: true }, "somebody else's key is another key");
    const queued = await create(body, 'key-2');
    t.strictSame(queued.body, { queued: true });
    t.strictSame((await create(body, 'key-2')).body, { queued: true }, 'queued once');
    for (const key of ['', 'a b', 'x'.repeat(201), 'é'])
      t.match(await create(body, key), { status: 400 }, `key ${key.slice(0, 5)}`);

    const { rows } = await sql<{ action: string; count: number }>`
      select action, count(*)::int as count from audit_events where child_ids = ${[first.body.childId]}::uuid[] group by action order by action`.execute(
      directory.owner,
    );
    t.strictSame(
      rows,
      [
        { action: 'correct-child', count: 1 },
        { action: 'create-child', count: 1 },
        { action: 'create-child-replayed', count: 2 },
      ],
      'who is told again is audited again',
    );
  });

  t.test('and who is told again is told what they may know by then', async (t) => {
    const body = { givenNames: 'Perpetua', familyName: 'Inkpen', dateOfBirth, addresses: [address] };
    const first = await create(body, 'key-3');
    t.equal(first.status, 201);
    await shieldAlone(directory, manager, first.body.childId, first.body.version, 'refuge');
    await sql`insert into authorities (code, name) values ('Southmere', 'Southmere')`.execute(directory.owner);
    await sql`update children set authority = 'Southmere' where id = ${first.body.childId}`.execute(directory.owner);
    const again = await create(body, 'key-3');
    t.match(again, { status: 201, body: { hidden: true, shielded: true } });
    t.notOk(
      'addresses' in again.body || 'version' in again.body || 'etag' in again.headers,
      'the child is elsewhere now, and shielded',
    );
  });

  t.test('only a child, and only with what a record holds', async (t) => {
    const good = { givenNames: 'Ada', familyName: 'Quill', dateOfBirth };
    t.match(await create({ ...good, dateOfBirth: bornYearsAgo(18) }), { status: 422, body: { code: 'not-a-child' } });
    const wrong: object[] = [
      { dateOfBirth },
      { givenNames: 'Ada', familyName: 'Quill' },
      { ...good, notes: 'x' },
      { ...good, number: '9434765919' },
      { ...good, authority: 'Southmere' },
      { ...good, givenNames: 'Ada\u0000' },
      { ...good, givenNames: 'Ada \ud800' },
      { ...good, familyName: '🙂' },
      { ...good, addresses: [{ kind: 'home', town: 'Ripon\ud800' }] },
      { ...good, addresses: [{ kind: 'home' }] },
      { ...good, addresses: [{ kind: 'home', town: 'Ripon', validFrom: '2024-02-02', validTo: '2024-02-01' }] },
      { ...good, addresses: Array(11).fill(address) },
      { ...good, otherNames: [{ kind: 'current', givenNames: 'Eve' }] },
      { ...good, parents: [{ name: '' }] },
      { ...good, parents: [{ name: 'Una', email: 'not an address' }] },
      { ...good, parents: [{ name: 'Una', phone: 'call me' }] },
    ];
    for (const body of wrong)
      t.match(await create(body), { status: 400, body: { code: 'invalid-request' } }, JSON.stringify(body));
    t.equal(
      (await directory.search(manager, { givenNames: 'Ada', familyName: 'Quill', mode: 'exact' })).body.outcome,
      'none',
    );
    t.equal((await create({ familyName: 'Ngozi', dateOfBirth })).status, 201, 'one name is enough');
  });
});

t.test("only a management team of the child's own authority may change a record", async (t) => {
  const directory = await openChildren(t);
  const [child, archived] = await directory.add([
    {
      givenNames: 'Ivo',
      familyName: 'Lark',
      dateOfBirth: bornYearsAgo(9),
      addresses: [{ kind: 'home', town: 'Ripon' }],
    },
    { givenNames: 'Una', familyName: 'Crane', dateOfBirth: bornYearsAgo(9) },
  ]);
  await sql`update children set archived_at = now() where id = ${archived!.childId}`.execute(directory.owner);
  const owned = await directory.caller('management-team');
  const { body } = await directory.call(owned, 'GET', `/v1/children/${child!.childId}`);
  const changes = (childId: string): ['POST' | 'PATCH' | 'PUT' | 'DELETE', string, object?][] => [
    ['PATCH', `/v1/children/${childId}`, { gender: 'male' }],
    ['POST', `/v1/children/${childId}/addresses`, address],
    ['PATCH', `/v1/children/${childId}/addresses/${body.addresses[0].addressId}`, { town: 'Leeds' }],
    ['DELETE', `/v1/children/${childId}/addresses/${nobody}`],
    ['POST', `/v1/children/${childId}/names`, { kind: 'known-as', givenNames: 'Vo' }],
    ['PATCH', `/v1/children/${childId}/names/${nobody}`, { kind: 'birth' }],
    ['DELETE', `/v1/children/${childId}/names/${nobody}`],
    ['POST', `/v1/children/${childId}/parents`, { name: 'Una Lark' }],
    ['PATCH', `/v1/children/${childId}/parents/${nobody}`, { name: 'Una Crane' }],
    ['DELETE', `/v1/children/${childId}/parents/${nobody}`],
    ['POST', `/v1/children/${childId}/services`, { kind: 'gp-practice', name: 'The Surgery' }],
    ['PATCH', `/v1/children/${childId}/services/${nobody}`, { kind: 'other' }],
    ['DELETE', `/v1/children/${childId}/services/${nobody}`],
    ['DELETE', `/v1/children/${childId}/services/${nobody}/consent`],
    ['PUT', `/v1/children/${childId}/consent-to-25`],
    ['DELETE', `/v1/children/${childId}/consent-to-25`],
    ['PUT', `/v1/children/${childId}/shield`, { reason: 'other' }],
    ['DELETE', `/v1/children/${childId}/shield`],
  ];
  const others = [
    await directory.caller('management-team', { authority: 'Southmere' }),
    await directory.caller('practitioner'),
    await directory.caller('call-centre'),
    await directory.caller('data-team'),
    await directory.caller('auditor'),
    await directory.caller('administrator'),
  ];
  const before = await contents(directory);
  for (const caller of others) {
    for (const version of ['"1"', '"7"']) {
      for (const [method, url, payload] of changes(child!.childId))
        t.match(
          await directory.call(caller, method, url, payload, { 'if-match': version }),
          { status: 403, body: { code: 'forbidden' } },
          `${caller.username}: ${method} ${url.slice(50)} ${version}`,
        );
    }
  }
  for (const caller of others.slice(1))
    t.match(await directory.call(caller, 'POST', '/v1/children', { familyName: 'X', dateOfBirth: bornYearsAgo(3) }), {
      status: 403,
    });
  const [elsewhere] = others;
  t.match(await directory.call(elsewhere!, 'GET', `/v1/children/${archived!.childId}`), { status: 404 });
  for (const [method, url, payload] of changes(archived!.childId))
    t.match(
      await directory.call(elsewhere!, method, url, payload, { 'if-match': '"1"' }),
      { status: 404 },
      'nor does a refusal tell of an archived child',
    );
  t.match(await directory.call(owned, 'GET', `/v1/children/${archived!.childId}`), { status: 200 });
  const after = await contents(directory);
  t.strictSame({ ...after, audit_events: before.audit_events }, before, 'and nothing changed');
  const { rows } = await sql<{ action: string; count: number }>`
    select action, count(*)::int as count from audit_events
    where user_id = ${elsewhere!.userId} and child_ids = ${[child!.childId]}::uuid[] group by action order by action`.execute(
    directory.owner,
  );
  t.strictSame(
    rows,
    [
      ...['add', 'change'].flatMap((what) => ['address', 'name', 'parent', 'service'].map((part) => `${what}-${part}`)),
      'correct-child',
      'record-consent-to-25',
      ...['address', 'name', 'parent', 'service'].map((part) => `remove-${part}`),
      'shield',
      'unshield',
      'withdraw-consent-to-25',
    ].map((action) => ({ action: `${action}-refused`, count: action === 'remove-service' ? 4 : 2 })),
    'but who tried is on record',
  );
});

t.test('a change, its history, its place in the outbox and its audit row stand or fall together', async (t) => {
  const directory = await openChildren(t);
  const { owner } = directory;
  const [child] = await directory.add([
    {
      givenNames: 'Ivo',
      familyName: 'Lark',
      dateOfBirth: bornYearsAgo(9),
      otherNames: [{ kind: 'birth', givenNames: 'Ivo', familyName: 'Wagtail' }],
      addresses: [{ kind: 'home', town: 'Ripon' }],
      parents: [{ name: 'Una Lark' }],
      services: [{ kind: 'other', name: 'The Club' }],
    },
  ]);
  await directory.index();
  const manager = await directory.caller('management-team');
  const url = `/v1/children/${child!.childId}`;
  const role = { role: 'social-worker' };
  const { body } = await directory.call(manager, 'POST', `${url}/involvements`, role, { 'if-match': '"1"' });
  await directory.index();
  const home = body.addresses[0].addressId;
  const birthName = body.names[1].nameId;
  const { parentId } = body.parents[0];
  const { serviceId } = body.services[0];
  const { involvementId } = body.involvements[0];
  type Step = [action: string, method: 'POST' | 'PATCH' | 'PUT' | 'DELETE', url: string, payload?: object];
  const steps: Step[] = [
    ['correct-child', 'PATCH', url, { familyName: 'Larkin' }],
    ['add-address', 'POST', `${url}/addresses`, address],
    ['change-address', 'PATCH', `${url}/addresses/${home}`, { town: 'Leeds' }],
    ['remove-address', 'DELETE', `${url}/addresses/${home}`],
    ['add-name', 'POST', `${url}/names`, { kind: 'known-as', givenNames: 'Vo' }],
    ['change-name', 'PATCH', `${url}/names/${birthName}`, { familyName: 'Pipit' }],
    ['remove-name', 'DELETE', `${url}/names/${birthName}`],
    ['add-parent', 'POST', `${url}/parents`, { name: 'Ned Lark' }],
    ['change-parent', 'PATCH', `${url}/parents/${parentId}`, { phone: '01632 960009' }],
    ['remove-parent', 'DELETE', `${url}/parents/${parentId}`],
    ['add-service', 'POST', `${url}/services`, { kind: 'gp-practice', name: 'The Surgery' }],
    ['change-service', 'PATCH', `${url}/services/${serviceId}`, { name: 'The Other Club' }],
    ['remove-service', 'DELETE', `${url}/services/${serviceId}`],
    ['declare-involvement', 'POST', `${url}/involvements`, { role: 'teacher' }],
    ['change-involvement', 'PATCH', `${url}/involvements/${involvementId}`, { additional: true }],
    ['put-lead-professional', 'PUT', `${url}/lead-professional`, { involvementId }],
    ['put-caf-indicator', 'PUT', `${url}/caf-indicator`, { involvementId }],
    ['delete-lead-professional', 'DELETE', `${url}/lead-professional`],
    ['delete-caf-indicator', 'DELETE', `${url}/caf-indicator`],
    ['remove-involvement', 'DELETE', `${url}/involvements/${involvementId}`],
    ['record-consent-to-25', 'PUT', `${url}/consent-to-25`],
    ['withdraw-consent-to-25', 'DELETE', `${url}/consent-to-25`],
    ['shield', 'PUT', `${url}/shield`, { reason: 'risk-of-harm' }],
    ['unshield', 'DELETE', `${url}/shield`],
    [
      'create-child',
      'POST',
      '/v1/children',
      { givenNames: 'Wilf', familyName: 'Teasdale', dateOfBirth: bornYearsAgo(6) },
    ],
  ];
  await sql`create function fail() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$`.execute(
    owner,
  );

  let { version } = body;
  for (const [action, method, path, payload] of steps) {
    const ask = () =>
      directory.call(manager, method, path, payload, {
        'if-match': `"${version}"`,
        'idempotency-key': `key-${action}`,
      });
    const before = await contents(directory);
    for (const table of ['audit_events', 'child_history', 'outbox']) {
      await sql`create trigger fail before insert on ${sql.table(table)} for each row execute function fail()`.execute(
        owner,
      );
      t.match(await ask(), { status: 500, body: { code: 'internal' } }, `${action} without ${table}`);
      await sql`drop trigger fail on ${sql.table(table)}`.execute(owner);
      t.strictSame(await contents(directory), before, 'leaves nothing behind');
    }
    const answer = await ask();
    t.ok(answer.status < 300, `${action} then works`);
    version = action === 'create-child' ? 1 : version + 1;
    const { childId } = answer.body;
    const { rows } = await sql<Record<string, unknown>>`
      select h.change->>'action' as change, h.changed_by, h.reason, o.version, o.urgent, a.action, a.user_id, a.child_ids, a.request_id
      from children c join child_history h on h.child_id = c.id and h.version = c.version join outbox o on o.child_id = c.id
        join lateral (select * from audit_events e where e.child_ids = array[c.id] order by e.id desc limit 1) a on true
      where c.id = ${childId} and c.version = ${version}`.execute(owner);
    t.match(rows, [
      {
        change: action,
        action,
        changed_by: manager.userId,
        user_id: manager.userId,
        reason: 'direct-work',
        version,
        urgent: action.endsWith('shield'),
        request_id: answer.headers['x-request-id'],
      },
    ]);
    await directory.index();
  }
  t.test('and nothing is told without its audit row', async (t) => {
    await sql`create trigger fail before insert on audit_events for each row execute function fail()`.execute(owner);
    const { childId, number } = child!;
    const ask = [
      await directory.call(manager, 'GET', url),
      await directory.call(manager, 'POST', '/v1/children/lookup', { number }),
      await directory.search(manager, { number }),
      await directory.search(manager, { givenNames: 'Ivo', familyName: 'Larkin' }),
    ];
    for (const { status, body } of ask) {
      t.equal(status, 500);
      t.notMatch(JSON.stringify(body), new RegExp(`Ivo|Lark|${childId}|${number}`));
    }
    await sql`drop trigger fail on audit_events`.execute(owner);
  });
  t.notMatch(directory.logged(), /Lark|Teasdale|Mill Lane/, 'and the failures are logged without the values');
});

/** All that a change may touch, to compare before and after. */
async function contents({ owner }: TestChildren): Promise<Record<string, unknown>> {
  const tables = [
    'children',
    'child_names',
    'child_addresses',
    'child_parents',
    'child_services',
    'involvements',
    'lead_professionals',
    'caf_indicators',
    'shields',
    'child_history',
    'outbox',
    'audit_events',
    'idempotency_keys',
    'matching_queue',
  ];
  const found: Record<string, unknown> = {};
  for (const table of tables) {
    const { rows } = await sql<{ row: unknown }>`
      select to_jsonb(r) as row from ${sql.table(table)} r
      where ${sql.lit(table)} <> 'audit_events' or to_jsonb(r)->>'action' not like 'read%' order by to_jsonb(r)::text`.execute(
      owner,
    );
    found[table] = rows.map(({ row }) => row);
  }
  return found;
}
