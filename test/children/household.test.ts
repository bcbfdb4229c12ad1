import { sql } from 'kysely';
import t from 'tap';
import { compareHomes, isSameParent } from '../../src/matching/index.js';
import { sharedBy } from '../../src/services/shielding/household.js';
import { type Answer, bornYearsAgo, type ChildParts, openChildren } from '../helpers/children.js';
import { until } from '../helpers/wait.js';

t.test('two addresses are one home', async (t) => {
  const place = (line: string, postcode = 'YO62 5AB', town = 'Helmsley') => ({ line, town, postcode });
  const home = place('12 Larch Close');
  const same: [string, ReturnType<typeof place>, ReturnType<typeof place>][] = [
    ['in another spelling', home, place('12, larch cl.', 'yo625ab', '')],
    ['with the street misheard', home, place('12 Larche Close')],
    ['by number and postcode, whatever the street is called', home, place('12 The Larches')],
    ['of which one names no flat', place('Flat 3, 12 Larch Close'), home],
    ['by the name of the house', place('Rose Cottage'), place('Rose Cottage, Larch Close')],
    ['by the name alone', place('Rose Cottage'), place('rose cottage')],
    ['word for word, be it a house or a street', place('The Croft'), place('Croft')],
    ['with a comma and without', place('Rose Cottage Larch Close'), place('Rose Cottage, Larch Close')],
    ['without a postcode, word for word', place('Rue Verte 4', '', 'Lille'), place('rue verte 4', '', 'LILLE')],
  ];
  for (const [how, one, other] of same) {
    t.equal(compareHomes(one, other), 'same', how);
    t.equal(compareHomes(other, one), 'same', `${how}, and the other way round`);
  }
  const assumed: [string, ReturnType<typeof place>, ReturnType<typeof place>][] = [
    ['of which one names no house', home, place('Larch Close')],
    ['nor whether it is a street', home, place('Larch')],
    ['of which one names the place', place('12 Larch Close, Little Snoring'), place('Little Snoring')],
    ['in two spellings', place('Larch Close'), place('Larche Close')],
    ['of which one gives its name, the other the street', place('Rose Cottage, Larch Close'), place('Larch Close')],
    ['of which one names no street', home, place('')],
    ['a postcode alone', place(''), place('')],
  ];
  for (const [how, one, other] of assumed) {
    t.equal(compareHomes(one, other), 'assumed', how);
    t.equal(compareHomes(other, one), 'assumed', `${how}, and the other way round`);
  }
  const different: [string, ReturnType<typeof place>, ReturnType<typeof place>][] = [
    ['next door', home, place('14 Larch Close')],
    ['another postcode', home, place('12 Larch Close', 'YO62 5AC')],
    ['one without a postcode', home, place('12 Larch Close', '')],
    ['another flat', place('Flat 3, 12 Larch Close'), place('Flat 4, 12 Larch Close')],
    ['another house of a name', place('Rose Cottage'), place('Mill House')],
    ['without a postcode, in another town', place('High Street', '', 'Lille'), place('High Street', '', 'Lyon')],
    ['nowhere', place('', '', ''), place('', '', '')],
    ['a town alone', place('', ''), place('', '')],
  ];
  for (const [how, one, other] of different) {
    t.equal(compareHomes(one, other), 'different', how);
    t.equal(compareHomes(other, one), 'different', `${how}, and the other way round`);
  }
});

t.test('two parents are one', async (t) => {
  const parent = (name: string, phone: string | null = null, email: string | null = null) => ({ name, phone, email });
  const greta = parent('Greta Lindqvist', '01632 960003', 'greta@example.org');
  t.ok(isSameParent(greta, parent('LINDQVIST', '01632960003')) === false, 'not by half a name');
  t.ok(isSameParent(greta, parent('Gréta Maria Lindqvist', '+44 1632 960 003')), 'by name and telephone number');
  t.ok(isSameParent(greta, parent('greta lindqvist', null, 'Greta@Example.org')), 'by name and e-mail address');
  t.notOk(isSameParent(greta, parent('Greta Lindqvist')), 'not by name alone');
  t.notOk(isSameParent(greta, parent('Olaf Lindqvist', '01632 960003')), 'not by number alone');
  t.notOk(isSameParent(parent('Greta Lindqvist', ''), parent('Greta Lindqvist', '')), 'nor by what is not there');

  const at = (kind: 'home' | 'former', validTo: string | null = null) => ({
    addressId: '',
    kind,
    line1: '12 Larch Close',
    line2: '',
    town: '',
    postcode: 'YO62 5AB',
    country: 'GB',
    validFrom: null,
    validTo,
  });
  const mother = { parentId: '', name: 'Greta Lindqvist', relationship: '', phone: null, email: null };
  const named = (familyName: string) => [{ nameId: '', kind: 'current' as const, givenNames: 'Orla', familyName }];
  const shared = (one: object[], other: object[], parents = [mother], familyName = 'Brack') =>
    sharedBy(
      { names: named('Lindqvist'), addresses: one as ReturnType<typeof at>[], parents },
      { names: named(familyName), addresses: other as ReturnType<typeof at>[], parents: [mother] },
      '2026-06-01',
    );
  const somewhere = { ...at('home'), line1: '' };
  t.strictSame(shared([somewhere], [at('home')], []), [], 'a postcode alone is no home of strangers');
  const street = { ...at('home'), line1: 'Larch Close' };
  t.strictSame(shared([street], [at('home')], []), [], 'nor is a street');
  t.strictSame(shared([somewhere], [at('home')], [], 'Brack-Lindqvist'), ['address'], 'but of who bears the name');
  t.strictSame(shared([street], [at('home')], [], 'Brack-Lindqvist'), ['address']);
  t.strictSame(shared([at('home')], [somewhere], [], 'Lindqvist'), ['address']);
  t.strictSame(shared([at('home')], [somewhere]), ['address', 'parent'], 'or has a mother of that name');
  t.strictSame(shared([at('home')], [at('home')]), ['address', 'parent']);
  t.strictSame(shared([at('home')], [at('former')]), ['parent'], 'where one of them lived, by the name of the mother');
  t.strictSame(shared([at('home')], [at('former')], []), [], 'but not by an address given up');
  t.strictSame(shared([at('home')], [at('home', '2026-05-31')], []), []);
  t.strictSame(shared([at('home')], [at('home', '2026-06-01')], []), ['address'], 'to its last day');
  t.strictSame(shared([], []), [], 'nor by the name of the mother alone');
});

const home = { kind: 'home' as const, line1: '12 Larch Close', town: 'Helmsley', postcode: 'YO62 5AB' };
const greta = { name: 'Greta Lindqvist', phone: '01632 960003' };
const finch = (givenNames: string, years: number, parts: Partial<ChildParts> = {}): ChildParts => ({
  givenNames,
  familyName: 'Finch',
  dateOfBirth: bornYearsAgo(years),
  ...parts,
});

async function openHousehold(t: Parameters<typeof openChildren>[0]) {
  const directory = await openChildren(t);
  const added = await directory.add([
    finch('Orla', 12, { addresses: [home], parents: [greta] }),
    finch('Iris', 10, { addresses: [home] }),
    finch('Rufus', 8, { addresses: [{ ...home, line1: '3 Quay Street', postcode: 'YO21 3JP' }], parents: [greta] }),
    finch('Sunniva', 6, { addresses: [home], authority: 'Southmere' }),
    finch('Barnaby', 14, { addresses: [{ ...home, line1: '3 Quay Street', postcode: 'YO21 3JP' }] }),
    finch('Stranger', 9, { addresses: [{ ...home, line1: '14 Larch Close' }] }),
  ]);
  const [orla, iris, rufus, sunniva, barnaby, stranger] = added.map(({ childId }) => childId) as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  await directory.index();
  const own = await directory.caller('management-team');
  const other = await directory.caller('management-team', { authority: 'Southmere' });
  const practitioner = await directory.caller('practitioner');
  const shield = (childId: string, decisions?: object[], version = 1, caller = own) =>
    directory.call(
      caller,
      'PUT',
      `/v1/children/${childId}/shield`,
      { reason: 'refuge', ...(decisions ? { decisions } : {}) },
      { 'if-match': `"${version}"` },
    );
  const read = (childId: string, caller = practitioner) => directory.call(caller, 'GET', `/v1/children/${childId}`);
  const household = (childId: string, caller = own) =>
    directory.call(caller, 'GET', `/v1/children/${childId}/shield/household`);
  return {
    ...directory,
    directory,
    own,
    other,
    practitioner,
    shield,
    read,
    household,
    orla,
    iris,
    rufus,
    sunniva,
    barnaby,
    stranger,
  };
}
const errorsOf = ({ body }: Answer) =>
  Object.fromEntries((body.errors ?? []).map(({ id, message }: Record<string, string>) => [id, message]));

t.test('who shields a child decides on those who share an address or a parent', async (t) => {
  const { directory, own, other, shield, read, household, orla, iris, rufus, sunniva, barnaby, stranger, owner } =
    await openHousehold(t);
  const decide = (childId: string, decision: string) => ({ childId, decision });

  await t.test('they are listed to the own management team', async (t) => {
    const { status, body } = await household(orla);
    t.equal(status, 200);
    t.match(body.children, [
      { childId: iris, givenNames: 'Iris', shares: ['address'], decisions: ['shield', 'leave'], shielded: false },
      { childId: rufus, shares: ['parent'], decisions: ['shield', 'leave'] },
      { childId: sunniva, shares: ['address'], decisions: ['refer'] },
    ]);
    t.equal(body.children.length, 3);
    t.match(await household(orla, other), { status: 403 });
    t.match(await household('01a21304-f0b3-76c3-a7a9-9c8091d41908', other), { status: 404 });
    const seen = await owner
      .selectFrom('audit_events')
      .select(['action', 'child_ids'])
      .where('action', 'in', ['read-household', 'read-household-refused', 'read'])
      .orderBy('id')
      .execute();
    t.strictSame(seen, [
      { action: 'read-household', child_ids: [orla] },
      { action: 'read', child_ids: [iris, rufus, sunniva] },
      { action: 'read-household-refused', child_ids: [orla] },
    ]);
  });

  await t.test(
    'nothing is shielded while one of them lacks a decision, or has one that is not for the caller',
    async (t) => {
      const all = [decide(iris, 'leave'), decide(rufus, 'leave'), decide(sunniva, 'refer')];
      for (const [decisions, expected] of [
        [[], { [iris]: /shield or leave/, [rufus]: /shield or leave/, [sunniva]: /refer/ }],
        [all.slice(1), { [iris]: /shield or leave/ }],
        [[...all.slice(0, 2), decide(sunniva, 'leave')], { [sunniva]: /refer/ }],
        [[...all.slice(0, 2), decide(sunniva, 'shield')], { [sunniva]: /refer/ }],
        [[decide(iris, 'refer'), ...all.slice(1)], { [iris]: /shield or leave/ }],
        [[...all, decide(stranger, 'leave')], { [stranger]: /shares no/ }],
        [[decide(iris, 'leave'), decide(rufus, 'shield'), decide(sunniva, 'refer')], { [barnaby]: /shield or leave/ }],
      ] as [object[], object][]) {
        const answer = await shield(orla, decisions);
        t.match(answer, { status: 409, body: { code: 'conflict' } });
        t.match(errorsOf(answer), expected);
        t.equal(Object.keys(errorsOf(answer)).length, Object.keys(expected).length);
      }
      t.match(
        await shield(orla, [...all, decide(iris.toUpperCase(), 'leave')]),
        { status: 400 },
        'nor with two of them',
      );
      t.match(await shield(orla, [...all, decide(orla, 'leave')]), { status: 400 }, 'nor one on the child itself');
      t.match(await shield(orla, [decide(iris, 'perhaps')]), { status: 400 });
      for (const childId of [orla, iris, rufus, sunniva])
        t.match((await read(childId)).body, { shielded: false, version: 1 });
      t.strictSame(await owner.selectFrom('shield_decisions').select('id').execute(), []);
    },
  );

  await t.test('then all of it is done at once, and kept with who decided and why', async (t) => {
    const answer = await shield(orla, [
      decide(iris, 'leave'),
      decide(rufus, 'shield'),
      decide(sunniva, 'refer'),
      decide(barnaby, 'leave'),
    ]);
    t.match(answer, { status: 200, body: { shielded: true, version: 2 }, headers: { etag: '"2"' } });
    for (const childId of [orla, rufus]) t.match((await read(childId)).body, { shielded: true, hidden: true });
    for (const childId of [iris, sunniva, barnaby])
      t.match(await read(childId), { body: { shielded: false, version: 1 } }, 'who was left open is as before');
    const kept = await owner
      .selectFrom('shield_decisions')
      .innerJoin('shields', 'shields.id', 'shield_decisions.shield_id')
      .select([
        'shields.child_id as of',
        'shield_decisions.child_id as on',
        'decision',
        'shares',
        'decided_by',
        'shield_decisions.reason',
      ])
      .orderBy('shield_decisions.id')
      .execute();
    const by = { decided_by: own.userId, reason: 'direct-work' };
    t.strictSame(kept, [
      { of: orla, on: iris, decision: 'leave', shares: ['address'], ...by },
      { of: orla, on: rufus, decision: 'shield', shares: ['parent'], ...by },
      { of: orla, on: sunniva, decision: 'refer', shares: ['address'], ...by },
      { of: rufus, on: orla, decision: 'shield', shares: ['parent'], ...by },
      { of: rufus, on: barnaby, decision: 'leave', shares: ['address'], ...by },
    ]);
    const told = await owner
      .selectFrom('audit_events')
      .select(['action', 'child_ids', 'details'])
      .where('action', 'in', ['shield', 'decide-household', 'shield-undecided'])
      .orderBy('id')
      .execute();
    t.strictSame(
      told.filter(({ action }) => action !== 'shield-undecided'),
      [
        { action: 'shield', child_ids: [orla], details: { parts: ['shield'] } },
        { action: 'shield', child_ids: [rufus], details: { parts: ['shield'] } },
        { action: 'decide-household', child_ids: [orla], details: { left: 2, referred: 1, shielded: 1, undecided: 0 } },
      ],
      'no word on an open child of the one that it shares with',
    );
    t.ok(told.length > 3, 'an answer that named children is there as well');
    const { rows: listed } = await sql<{ id: string }>`
      select distinct unnest(child_ids)::text as id from audit_events where action = 'read' and details ? 'ofHousehold'`.execute(
      owner,
    );
    t.ok(listed.some(({ id }) => id === barnaby) && listed.some(({ id }) => id === iris), 'and whom it named');
    t.notOk(
      listed.some(({ id }) => id === stranger),
      'not who shares nothing',
    );
    const waiting = await owner.selectFrom('outbox').select(['child_id', 'urgent']).orderBy('child_id').execute();
    t.strictSame(
      waiting,
      [orla, rufus].sort().map((child_id) => ({ child_id, urgent: true })),
    );
  });

  await t.test('at a review only who came since needs one', async (t) => {
    t.match(await shield(orla, [], 2), { status: 200 });
    const [late] = await directory.add([finch('Clement', 2, { addresses: [home] })]);
    t.strictSame(Object.keys(errorsOf(await shield(orla, [], 3))), [late!.childId]);
    t.match((await household(orla)).body.children, [
      { childId: iris, decided: 'leave' },
      { childId: rufus, decided: 'shield', shielded: true, decisions: [] },
      { childId: sunniva, decided: 'refer' },
      { childId: late!.childId, decided: undefined },
    ]);
    t.match(errorsOf(await shield(orla, [decide(late!.childId, 'leave'), decide(rufus, 'leave')], 3)), {
      [rufus]: /already/,
    });
    t.match(await shield(orla, [decide(late!.childId, 'leave'), decide(iris, 'shield')], 3), { status: 200 });
    t.match((await read(iris)).body, { hidden: true }, 'and a decision may change');
  });

  await t.test('whoever another authority shields is not listed, and is no other than a stranger', async (t) => {
    t.match(
      await shield(sunniva, [], 1, other),
      { status: 409 },
      'the own ones of the other team are looked for as well',
    );
    const referred = errorsOf(await shield(sunniva, [], 1, other));
    t.notOk(orla in referred || iris in referred, 'but not those who are shielded');
    const decisions = Object.keys(referred).map((childId) => decide(childId, 'refer'));
    t.match(
      errorsOf(await shield(sunniva, [...decisions, decide(orla, 'refer'), decide(stranger, 'refer')], 1, other)),
      { [orla]: /^shares no address and no parent$/, [stranger]: /^shares no address and no parent$/ },
    );
    t.match(await shield(sunniva, decisions, 1, other), { status: 200 });
    t.notMatch(JSON.stringify((await household(orla)).body), new RegExp(sunniva));
  });
});

t.test('a shield never waits for decisions that a request does not speak of', async (t) => {
  const { directory, own, shield, orla, iris, rufus, sunniva, read, household } = await openHousehold(t);
  const reviews = async () => (await directory.call(own, 'GET', '/v1/shields/reviews')).body.reviews;
  const decided = async () => {
    const { body } = await household(orla);
    return Object.fromEntries(
      body.children.map((child: { childId: string; decided?: string }) => [child.childId, child.decided]),
    );
  };

  t.match(await shield(orla, undefined), { status: 200, body: { shielded: true } });
  t.match(await decided(), { [iris]: 'undecided', [rufus]: 'undecided', [sunniva]: 'undecided' });
  for (const childId of [iris, rufus, sunniva]) t.match((await read(childId)).body, { shielded: false });
  t.match(await reviews(), [{ childId: orla, undecided: 3 }], 'listed though no review is due');

  t.equal((await shield(orla, undefined, 2)).status, 200, 'said once more');
  t.match(errorsOf(await shield(orla, [{ childId: iris, decision: 'leave' }], 3)), { [rufus]: /./, [sunniva]: /./ });
  const all = [iris, rufus].map((childId) => ({ childId, decision: 'leave' }));
  t.equal((await shield(orla, [...all, { childId: sunniva, decision: 'refer' }], 3)).status, 200);
  t.match(await decided(), { [iris]: 'leave', [rufus]: 'leave', [sunniva]: 'refer' });
  t.strictSame(await reviews(), []);
});

t.test('nobody joins a household while a shield is being set', async (t) => {
  const { directory, own, shield, orla, iris, rufus, sunniva, owner, read, household } = await openHousehold(t);
  const decisions = [iris, rufus].map((childId) => ({ childId, decision: 'leave' }));
  const all = [...decisions, { childId: sunniva, decision: 'refer' }];

  await t.test('who joined between the list and the shield needs a decision', async (t) => {
    t.equal((await household(orla)).body.children.length, 3);
    const made = await directory.call(own, 'POST', '/v1/children', {
      ...finch('Zebedee', 3, { addresses: [home] }),
      familyName: 'Quillfeather',
    });
    t.equal(made.status, 201);
    t.strictSame(Object.keys(errorsOf(await shield(orla, all))), [made.body.childId]);
    all.push({ childId: made.body.childId, decision: 'leave' });
  });

  await t.test('who is joining at that moment is waited for', async (t) => {
    const [late] = await directory.add([{ givenNames: 'Late', familyName: 'Comer', dateOfBirth: bornYearsAgo(5) }]);
    // The household is held by nobody yet: whoever adds an address stops behind this lock on the child.
    const gate = await holdRow(t, directory, late!.childId);
    const adding = directory.call(own, 'POST', `/v1/children/${late!.childId}/addresses`, home, { 'if-match': '"1"' });
    await until(async () => (await waitingFor(directory)) === 1);
    const shielding = shield(orla, all);
    await until(async () => (await waitingFor(directory)) === 2);
    await gate.open();
    t.equal((await adding).status, 201);
    const answer = await shielding;
    t.equal(answer.status, 409);
    t.strictSame(Object.keys(errorsOf(answer)), [late!.childId]);
    all.push({ childId: late!.childId, decision: 'leave' });
  });

  await t.test('and who comes later, waits and finds the shield set', async (t) => {
    const gate = await holdRow(t, directory, orla);
    const shielding = shield(orla, all);
    await until(async () => (await waitingFor(directory)) === 1);
    const adding = directory.call(own, 'POST', '/v1/children', {
      givenNames: 'Xanthe',
      familyName: 'Umberfield',
      dateOfBirth: bornYearsAgo(4),
      addresses: [home],
    });
    await until(async () => (await waitingFor(directory)) === 2);
    await gate.open();
    t.equal((await shielding).status, 200);
    t.equal((await adding).status, 201);
    t.match((await read(orla)).body, { hidden: true });
  });

  await t.test('of two who shield children of one household, the second finds what the first has done', async (t) => {
    const ids = ['Una', 'Ursin'].map((name) => ({ ...finch(name, 7), addresses: [{ ...home, line1: '99 Far Lane' }] }));
    const pair = await directory.add(ids.map((child, at) => ({ ...child, dateOfBirth: bornYearsAgo(7 + at) })));
    const [una, ursin] = pair.map(({ childId }) => childId) as [string, string];
    const answers = await Promise.all([
      shield(una, [{ childId: ursin, decision: 'shield' }]),
      shield(ursin, [{ childId: una, decision: 'shield' }]),
    ]);
    t.strictSame(answers.map(({ status }) => status).sort(), [200, 412]);
    const standing = await owner
      .selectFrom('shields')
      .select('child_id')
      .where('child_id', 'in', [una, ursin])
      .where('lifted_at', 'is', null)
      .execute();
    t.equal(standing.length, 2);
  });
});

/** Holds a child's row, so that whoever changes the child stops there. */
async function holdRow(
  t: Parameters<typeof openChildren>[0],
  { urls }: { urls: { databaseUrl: string } },
  childId: string,
) {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: urls.databaseUrl });
  await client.connect();
  t.teardown(() => client.end());
  await client.query('begin');
  await client.query('select from children where id = $1 for update', [childId]);
  return { open: () => client.query('commit') };
}

/** How many connections wait for a lock. */
async function waitingFor({ owner }: Pick<Awaited<ReturnType<typeof openChildren>>, 'owner'>): Promise<number> {
  const { sql } = await import('kysely');
  const { rows } = await sql<{ waiting: number }>`
    select count(distinct pid)::int as waiting from pg_locks where not granted and pid in
      (select pid from pg_stat_activity where datname = current_database())`.execute(owner);
  return rows[0]?.waiting ?? 0;
}
