import { sql } from 'kysely';
import t from 'tap';
import { findSomeFacts } from '../../src/db/children.js';
import { findIdsByKeys } from '../../src/db/find-exact.js';
import { type Answer, bornYearsAgo, openChildren } from '../helpers/children.js';
import type { TestCaller } from '../helpers/directory.js';
import { shieldAlone } from '../helpers/household.js';

t.test('a shield', async (t) => {
  const directory = await openChildren(t);
  const { call, search } = directory;
  const home = { kind: 'home' as const, line1: '12 Larch Close', town: 'Helmsley', postcode: 'YO62 5AB' };
  const [child, sister] = await directory.add([
    {
      givenNames: 'Orla',
      familyName: 'Finch',
      dateOfBirth: '2014-05-06',
      gender: 'female',
      otherNames: [{ kind: 'former', givenNames: 'Orla', familyName: 'Lindqvist' }],
      addresses: [home],
      parents: [{ name: 'Greta Lindqvist', phone: '01632 960003' }],
      services: [{ kind: 'gp-practice', name: 'Larch Surgery' }],
    },
    {
      givenNames: 'Iris',
      familyName: 'Finch',
      dateOfBirth: '2016-07-08',
      addresses: [home],
      parents: [{ name: 'Greta Lindqvist' }],
    },
  ]);
  await directory.index();
  const { childId, number } = child!;
  const url = `/v1/children/${childId}`;
  const own = await directory.caller('management-team');
  const strangers = {
    practitioner: await directory.caller('practitioner'),
    'management team of another authority': await directory.caller('management-team', { authority: 'Southmere' }),
  };
  const searches: Record<string, object> = {
    address: { familyName: 'Finch', address: { postcode: 'YO62 5AB' } },
    parent: { parentName: 'Greta Lindqvist', address: { postcode: 'YO62 5AB' } },
    'former name': { givenNames: 'Orla', familyName: 'Lindqvist' },
    'former name and day': { familyName: 'Lindqvist', dateOfBirth: '2014-05-06' },
    'exact former name': { givenNames: 'Orla', familyName: 'Lindqvist', mode: 'exact' },
    'former name by wildcard': { givenNames: 'Orla', familyName: 'Lindq*', mode: 'exact' },
    'number and town': { number, address: { town: 'Helmsley' } },
  };
  const tag = ({ headers }: Answer) => ({ 'if-match': String(headers.etag) });
  const finds = async (caller: TestCaller, criteria: object) => {
    const { status, body } = await search(caller, criteria);
    t.equal(status, 200);
    return body.results.find((result: { childId: string }) => result.childId === childId);
  };
  for (const [what, criteria] of Object.entries(searches))
    t.ok(await finds(strangers.practitioner, criteria), `before, found by ${what}`);

  t.match(await call(own, 'PUT', `${url}/shield`, { reason: 'whim' }, { 'if-match': '"1"' }), { status: 400 });
  t.match(
    await call(own, 'PUT', `${url}/shield`, { reason: 'refuge', reviewOn: '2020-01-01' }, { 'if-match': '"1"' }),
    { status: 400, body: { errors: [{ path: '/reviewOn' }] } },
  );
  t.match(await call(own, 'PUT', `${url}/shield`, { reason: 'refuge' }), { status: 428 });
  const undecided = await call(own, 'PUT', `${url}/shield`, { reason: 'refuge', decisions: [] }, { 'if-match': '"1"' });
  t.match(undecided, { status: 409, body: { code: 'conflict', errors: [{ id: sister!.childId }] } });
  const shielded = await shieldAlone(directory, own, childId, 1, 'refuge');
  t.match(shielded, {
    status: 200,
    body: { shielded: true, version: 2, addresses: [home], parents: [{ name: 'Greta Lindqvist' }], services: [{}] },
    headers: { etag: '"2"' },
  });

  async function holds(t: Tap, when: string) {
    for (const [who, stranger] of Object.entries(strangers)) {
      const { body, headers } = await call(stranger, 'GET', url);
      t.strictSame(
        body,
        {
          childId,
          number,
          shielded: true,
          names: [{ kind: 'current', givenNames: 'Orla', familyName: 'Finch', current: true }],
          dateOfBirth: '2014-05-06',
          gender: 'female',
          hidden: true,
          contact: "Contact your own authority's management team",
        },
        `${when}, a ${who} reads the visible part and nothing else`,
      );
      t.notOk('etag' in headers, 'and no version');
      t.strictSame((await call(stranger, 'POST', '/v1/children/lookup', { number })).body, body);
      for (const [what, criteria] of Object.entries(searches)) {
        const found = await finds(stranger, criteria);
        // By one name and the day of birth somebody is found who has both of them now.
        if (what === 'former name and day')
          t.notMatch(JSON.stringify(found ?? null), /former|exact"?,"?familyName|Lindqvist/);
        else t.notOk(found, `${when}, not found by ${what}`);
      }
      const byName = await finds(stranger, { givenNames: 'Orla', familyName: 'Finch', dateOfBirth: '2014-05-06' });
      t.strictSame(
        Object.keys(byName).sort(),
        [
          'agreement',
          'band',
          'childId',
          'contact',
          'dateOfBirth',
          'familyName',
          'gender',
          'givenNames',
          'hidden',
          'number',
          'score',
          'shielded',
        ],
        `${when}, found by current name and day`,
      );
      t.match(byName, {
        shielded: true,
        hidden: true,
        agreement: { givenNames: 'exact', familyName: 'exact', dateOfBirth: 'exact' },
      });
      t.match(await finds(stranger, { number }), { shielded: true, agreement: {} }, 'and by number');
      const sisters = await call(stranger, 'GET', `/v1/children/${sister!.childId}`);
      t.match(sisters.body, { shielded: false, addresses: [home] }, 'who is not shielded is open as before');
    }
    t.match(
      (await call(own, 'GET', url)).body,
      { shielded: true, addresses: [home], parents: [{ name: 'Greta Lindqvist' }], names: [{}, {}] },
      `${when}, its own management team reads it all`,
    );
    t.match(await finds(own, { givenNames: 'Orla', familyName: 'Finch' }), {
      shielded: true,
      address: { postcode: 'YO62 5AB' },
    });
  }
  type Tap = typeof t;

  await t.test('holds from its commit, whatever the index says', (t) => holds(t, 'with the old document'));
  await directory.index();
  await t.test('and after', (t) => holds(t, 'with the new document'));

  await t.test('tells nobody when something that it hides is changed', async (t) => {
    // Barely worth listing, so that whoever is not asked of the index is not shown.
    const vague = { familyName: 'Flinch', dateOfBirth: '2014', gender: 'male', limit: 50 };
    const { results } = (await search(strangers.practitioner, vague)).body;
    t.match(results, [{ childId, shielded: true }]);
    t.ok(results[0].score < 0.5);
    const read = await call(own, 'GET', url);
    const added = await call(own, 'POST', `${url}/addresses`, { kind: 'temporary', town: 'Whitby' }, tag(read));
    const { addressId } = added.body.addresses[1];
    const changed = await call(own, 'PATCH', `${url}/addresses/${addressId}`, { town: 'Ripon' }, tag(added));
    const removed = await call(own, 'DELETE', `${url}/addresses/${addressId}`, undefined, tag(changed));
    const reviewed = await call(own, 'PUT', `${url}/shield`, { reason: 'refuge' }, tag(removed));
    t.match(reviewed, { status: 200, body: { addresses: [home], version: 6 } });
    t.strictSame((await search(strangers.practitioner, vague)).body.results, results, 'before the index knows of it');
    await directory.index();
    t.strictSame((await search(strangers.practitioner, vague)).body.results, results, 'and after');
  });

  await t.test('keeps a second, open record from being made', async (t) => {
    const create = (caller: TestCaller, body: object) =>
      call(caller, 'POST', '/v1/children', { dateOfBirth: bornYearsAgo(7), ...body });
    const open = { givenNames: 'Cosmo', familyName: 'Ravenscroft', dateOfBirth: bornYearsAgo(7) };
    await directory.add([open]);
    await directory.index();
    const other = strangers['management team of another authority'];
    const likeShielded = await create(other, { givenNames: 'Orla', familyName: 'Finch', dateOfBirth: '2014-05-06' });
    const likeOpen = await create(other, open);
    t.equal(likeShielded.status, 202);
    t.strictSame(likeShielded.body, likeOpen.body);
    t.strictSame(Object.keys(likeShielded.headers), Object.keys(likeOpen.headers), 'told in the same way');
    const queue = await directory.owner
      .selectFrom('matching_queue')
      .select(['quarantined', 'candidate_ids'])
      .orderBy('id')
      .execute();
    t.strictSame(
      queue.map(({ quarantined }) => quarantined),
      [true, false],
    );
    t.equal(
      (await create(other, { givenNames: 'Bruno', familyName: 'Lindqvist', dateOfBirth: '2014-05-06' })).status,
      201,
      'by a hidden name it resembles nobody',
    );
    for (const [now, kind, givenNames, familyName, dateOfBirth] of [
      ['Saoirse Vandermeer', 'former', 'Orla', 'Finch', '2014-05-06'],
      ['Bertrand Okafor', 'birth', 'Orlah', 'Fynch', '2014-05-06'],
      ['Yusuf Castellanos', 'known-as', open.givenNames, open.familyName, open.dateOfBirth],
    ] as const) {
      const [given, family] = now.split(' ');
      const otherNames = [{ kind, givenNames, familyName }];
      t.strictSame(
        (await create(other, { givenNames: given, familyName: family, dateOfBirth, otherNames })).body,
        { queued: true },
        `nor under a new name, while it is like one there by its ${kind} name`,
      );
    }
  });

  await t.test('holds while Elasticsearch is away', async (t) => {
    const away = await directory.withoutIndex(t);
    for (const stranger of Object.values(strangers)) {
      const exact = async (criteria: object) => {
        const { status, body } = await away.search(stranger, { mode: 'exact', ...criteria });
        t.match({ status, body }, { status: 200, body: { degraded: true } });
        return body.results.map((result: { childId: string }) => result.childId);
      };
      t.strictSame(await exact({ givenNames: 'Orla', familyName: 'Lindqvist' }), []);
      t.strictSame(await exact({ familyName: 'Finch', address: { postcode: 'YO62 5AB' } }), [sister?.childId]);
      t.strictSame(await exact({ parentName: 'Greta Lindqvist', address: { postcode: 'YO62 5AB' } }), [
        sister?.childId,
      ]);
      t.strictSame(await exact({ givenNames: 'Orla', familyName: 'Fin*' }), [childId]);
      t.match(await away.search(stranger, { givenNames: 'Orla', familyName: 'Finch' }), {
        status: 503,
        body: { code: 'search-unavailable' },
        headers: { 'retry-after': String },
      });
      t.match((await away.search(stranger, { number, address: { town: 'Helmsley' } })).body, {
        outcome: 'none',
        results: [],
      });
      t.match((await away.call(stranger, 'POST', '/v1/children/lookup', { number })).body, { hidden: true });
    }
    const read = { addresses: true, parents: true };
    t.match(
      await findSomeFacts(directory.context.db, [childId], read),
      [{ names: [{ kind: 'current' }], addresses: [], parents: [] }],
      'nothing hidden is so much as read',
    );
    const [whole] = await findSomeFacts(directory.context.db, [childId], { ...read, entitled: 'Northvale' });
    t.match(whole, { names: { length: 2 }, addresses: [home], parents: [{ name: 'Greta Lindqvist' }] });
    const hiddenKeys = { given: 'orla', family: 'lindqvist', excludeShielded: false };
    t.strictSame(await findIdsByKeys(directory.context.db, hiddenKeys, 10), [], 'nor a candidate by a hidden name');
    const other = strangers['management team of another authority'];
    const explained = await call(other, 'POST', '/v1/children/search?explain=true', {
      givenNames: 'Orla',
      familyName: 'Lindqvisth',
    });
    t.equal(explained.status, 200);
    const told = JSON.stringify(explained.body.explanation);
    t.match(told, /lindqvisth/, 'what was typed is explained');
    t.notMatch(told, /"lindqvist"/, 'and no name that is hidden by now');
    const misspelt = { givenNames: 'Orlah', familyName: 'Fynch', dateOfBirth: '2014-05-06' };
    t.strictSame(
      (await away.call(other, 'POST', '/v1/children', misspelt)).body,
      { queued: true },
      'no second record either',
    );
  });

  await t.test('and a name given up under it is hidden from then on', async (t) => {
    const renamed = await call(own, 'PATCH', url, { familyName: 'Wren' }, { 'if-match': '"6"' });
    t.match(renamed, { status: 200, body: { version: 7 } });
    for (const when of ['old', 'new']) {
      for (const criteria of [
        { givenNames: 'Orla', familyName: 'Finch' },
        { givenNames: 'Orla', familyName: 'Finch', mode: 'exact' },
      ])
        t.notOk(await finds(strangers.practitioner, criteria), `with the ${when} document`);
      t.ok(await finds(strangers.practitioner, { givenNames: 'Orla', familyName: 'Wren' }), 'found by the new one');
      await directory.index();
    }
  });

  await t.test('until it is lifted', async (t) => {
    t.match(
      await call(own, 'PUT', `${url}/shield`, { reason: 'court-order', reviewOn: '2099-01-01' }, { 'if-match': '"7"' }),
      { status: 200, body: { version: 8 } },
    );
    t.match(await call(own, 'DELETE', `${url}/shield`, undefined, { 'if-match': '"8"' }), {
      status: 200,
      body: { shielded: false },
    });
    t.match(await call(own, 'DELETE', `${url}/shield`, undefined, { 'if-match': '"9"' }), { status: 404 });
    t.match((await call(strangers.practitioner, 'GET', url)).body, {
      shielded: false,
      addresses: [home],
      names: [{}, {}, {}],
      version: 9,
    });
    await directory.index();
    t.ok(await finds(strangers.practitioner, { familyName: 'Wren', address: { postcode: 'YO62 5AB' } }));
    const { rows } = await sql<{ reason: string; review_on: string; lifted: boolean }>`
      select reason, review_on::text, lifted_at is not null as lifted from shields`.execute(directory.owner);
    t.strictSame(rows, [{ reason: 'court-order', review_on: '2099-01-01', lifted: true }]);
  });
});
