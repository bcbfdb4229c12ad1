import t from 'tap';
import { type Answer, bornYearsAgo, openChildren } from '../helpers/children.js';

const home = { kind: 'home' as const, line1: '12 Larch Close', town: 'Helmsley', postcode: 'YO62 5AB' };
const refuge = { kind: 'temporary' as const, line1: '1 Haven Row', town: 'Whitby', postcode: 'YO21 3JP' };

t.test('whoever lifts a shield says what of that recorded meanwhile may show', async (t) => {
  const directory = await openChildren(t);
  const { call, owner } = directory;
  const own = await directory.caller('management-team');
  const practitioner = await directory.caller('practitioner');
  const open = async (name: string) => {
    const [child] = await directory.add([
      {
        givenNames: name,
        familyName: 'Finch',
        dateOfBirth: bornYearsAgo(12),
        addresses: [
          { ...home, line1: `${name} Lodge` },
          { ...home, kind: 'former', line1: `${name} Barn` },
        ],
        parents: [{ name: `Greta ${name}` }],
        services: [{ kind: 'gp-practice', name: 'Larch Surgery' }],
      },
    ]);
    const url = `/v1/children/${child!.childId}`;
    let version = 0;
    const change = async (
      method: 'PUT' | 'POST' | 'PATCH' | 'DELETE',
      path: string,
      body?: object,
    ): Promise<Answer> => {
      if (version === 0) version = (await call(own, 'GET', url)).body.version;
      const answer = await call(own, method, url + path, body, { 'if-match': `"${version}"` });
      if (answer.status < 300) version = answer.body.version;
      return answer;
    };
    t.equal((await change('PUT', '/shield', { reason: 'refuge' })).status, 200);
    return { ...child!, url, change, read: (caller = practitioner) => call(caller, 'GET', url) };
  };
  const named = ({ body }: Answer) => (body.errors as { id: string }[]).map(({ id }) => id).sort();

  await t.test('nothing, where nothing was', async (t) => {
    const { change, read } = await open('Ada');
    t.match(await change('DELETE', '/shield'), { status: 200, body: { shielded: false } });
    t.match((await read()).body, { addresses: [{}, {}], parents: [{}], services: [{}] });
  });

  await t.test('each value added or changed; the shield stands until it is said', async (t) => {
    const { childId, change, read } = await open('Bea');
    const added = await change('POST', '/addresses', refuge);
    const [lodge, barn, haven] = added.body.addresses as [
      Record<string, string>,
      Record<string, string>,
      Record<string, string>,
    ];
    await change('PATCH', `/addresses/${barn.addressId}`, { line1: 'The Hiding Place' });
    await change('PATCH', '', { familyName: 'Wren' });
    await change('PATCH', '', { familyName: 'Swift' });
    await owner
      .insertInto('child_parents')
      .values({
        child_id: childId,
        id: '01a21304-f0b3-76c3-a7a9-9c8091d41908',
        name: 'A Carer',
        phone: null,
        email: null,
      })
      .execute();
    const { body } = await read(own);
    const wren = body.names.find(({ familyName }: { familyName: string }) => familyName === 'Wren').nameId;
    const since = [haven.addressId, barn.addressId, wren, '01a21304-f0b3-76c3-a7a9-9c8091d41908'].sort();

    for (const said of [undefined, {}]) {
      const refused = await change('DELETE', '/shield', said);
      t.match(refused, { status: 409, body: { code: 'conflict' } });
      t.strictSame(named(refused), since, 'they are named, by id');
      t.notMatch(JSON.stringify(refused.body), /Haven|Hiding|Wren|Carer|Whitby/);
    }
    const wrong = await change('DELETE', '/shield', { show: [haven.addressId, lodge.addressId] });
    t.match(wrong, { status: 409 });
    t.strictSame(named(wrong), [lodge.addressId], 'and no other');
    t.match(await change('DELETE', '/shield', { keep: [] }), { status: 400 });
    t.match((await read()).body, { hidden: true });

    t.match(await change('DELETE', '/shield', { show: [String(haven.addressId).toUpperCase()] }), { status: 200 });
    const after = (await read()).body;
    t.strictSame(
      after.addresses.map(({ line1 }: { line1: string }) => line1),
      ['Bea Lodge', '1 Haven Row'],
      'what was not named is gone, not shown as former',
    );
    t.strictSame(
      after.names.map(({ familyName }: { familyName: string }) => familyName),
      ['Finch', 'Swift'],
      'a name that everybody saw stays, one that came and went does not',
    );
    t.match(after.parents, [{ name: 'Greta Bea' }]);
    t.equal(after.parents.length, 1);
    const kept = await owner
      .selectFrom('child_history')
      .select('change')
      .where('child_id', '=', childId)
      .orderBy('version', 'desc')
      .limit(1)
      .executeTakeFirstOrThrow();
    t.match(kept.change, { action: 'unshield', parts: ['shield', 'names', 'addresses', 'parents'] });
    t.match(JSON.stringify(kept.change), /The Hiding Place/, 'the history keeps what was removed');
  });

  await t.test('a new reason or review makes nothing of it old', async (t) => {
    const { change } = await open('Cleo');
    await change('POST', '/addresses', refuge);
    await change('PUT', '/shield', { reason: 'court-order' });
    t.equal(named(await change('DELETE', '/shield')).length, 1);
  });

  await t.test('everything, where the history does not tell what stood there', async (t) => {
    const { childId, change } = await open('Dot');
    await owner.updateTable('shields').set({ set_at: new Date() }).where('child_id', '=', childId).execute();
    t.equal(named(await change('DELETE', '/shield')).length, 4, 'two addresses, a parent, a service');
  });

  await t.test('and is refused as ever, whatever was named', async (t) => {
    const { url } = await open('Elsa');
    const other = await directory.caller('management-team', { authority: 'Southmere' });
    for (const body of [undefined, { show: [] }, { show: ['01a21304-f0b3-76c3-a7a9-9c8091d41908'] }])
      t.match(await call(other, 'DELETE', `${url}/shield`, body, { 'if-match': '"2"' }), { status: 403 });
  });
});

t.test('reviews that are due are listed to the own authority, and none lapses', async (t) => {
  const directory = await openChildren(t);
  const { call, owner } = directory;
  const own = await directory.caller('management-team');
  const other = await directory.caller('management-team', { authority: 'Southmere' });
  const names = ['Ada', 'Bea', 'Cleo', 'Dot', 'Elsa'];
  const children = await directory.add(
    names.map((givenNames, at) => ({ givenNames, familyName: 'Finch', dateOfBirth: bornYearsAgo(3 + at) })),
  );
  const [foreign] = await directory.add([
    { givenNames: 'Fay', familyName: 'Wren', dateOfBirth: bornYearsAgo(9), authority: 'Southmere' },
  ]);
  const shield = (caller: typeof own, { childId }: { childId: string }, reviewOn?: string) =>
    call(
      caller,
      'PUT',
      `/v1/children/${childId}/shield`,
      { reason: 'refuge', ...(reviewOn ? { reviewOn } : {}) },
      { 'if-match': '"1"' },
    );
  for (const [at, child] of children.entries()) await shield(own, child, at === 4 ? '2098-12-31' : undefined);
  await shield(other, foreign!);
  const list = (caller: typeof own, query = '') => call(caller, 'GET', `/v1/shields/reviews${query}`);
  t.match(await list(own), { status: 200, body: { reviews: [] } }, 'six months are not over');
  t.equal((await list(own, '?before=2098-12-31')).body.reviews.length, 4);
  t.equal((await list(own, '?before=2099-01-01')).body.reviews.length, 5);
  const { childId } = children[0]!;
  t.match(
    await list(own, `?cursor=2026-02-30_${childId}`),
    { status: 400, body: { errors: [{ path: '/cursor' }] } },
    'no page ends on a day that is none',
  );

  // Years pass.
  for (const [at, day] of ['2020-03-01', '2020-01-01', '2020-02-01', '2020-02-01'].entries())
    await owner.updateTable('shields').set({ review_on: day }).where('child_id', '=', children[at]!.childId).execute();
  const due = (await list(own)).body.reviews;
  t.match(due, [
    { givenNames: 'Bea', familyName: 'Finch', reviewOn: '2020-01-01', reason: 'refuge', number: children[1]!.number },
    { givenNames: 'Cleo' },
    { givenNames: 'Dot' },
    { givenNames: 'Ada', childId: children[0]!.childId },
  ]);
  t.match(
    await call(other, 'GET', `/v1/children/${children[1]!.childId}`),
    { body: { hidden: true } },
    'long due and standing',
  );
  const paged: object[] = [];
  for (let cursor: string | undefined = ''; cursor !== undefined; ) {
    const { body }: Answer = await list(own, `?limit=1${cursor && `&cursor=${cursor}`}`);
    t.equal(body.reviews.length, 1);
    paged.push(...body.reviews);
    cursor = body.nextCursor;
  }
  t.strictSame(paged, due, 'page by page, once each, though two are due on one day');
  t.match((await list(other)).body, { reviews: [] }, 'nothing of another authority');
  for (const query of ['?before=soon', '?cursor=1', '?limit=0', '?authority=Northvale'])
    t.match(await list(own, query), { status: 400 }, query);

  await call(own, 'PUT', `/v1/children/${children[1]!.childId}/shield`, { reason: 'refuge' }, { 'if-match': '"2"' });
  t.notMatch(JSON.stringify((await list(own)).body), /Bea/, 'whoever was reviewed is off the list');
  const audited = await owner
    .selectFrom('audit_events')
    .select('child_ids')
    .where('action', '=', 'list-shield-reviews')
    .orderBy('id')
    .execute();
  t.ok(
    audited.some(({ child_ids }) => child_ids.length === 4),
    'who was listed is in the audit log',
  );
});
