import t from 'tap';
import { indexChildren } from '../../src/services/index/write-documents.js';
import { type ChildParts, openChildren, seeded } from '../helpers/children.js';
import { shieldAlone } from '../helpers/household.js';
import { until } from '../helpers/wait.js';

t.test('of a name that a great part of the country bears', async (t) => {
  const directory = await openChildren(t);
  const random = seeded(7);
  const day = () => {
    const [year, month, date] = [
      2009 + Math.floor(random() * 16),
      1 + Math.floor(random() * 12),
      1 + Math.floor(random() * 28),
    ];
    return `${year}-${String(month).padStart(2, '0')}-${String(date).padStart(2, '0')}`;
  };
  const robins = (count: number): ChildParts[] =>
    Array.from({ length: count }, () => ({
      givenNames: 'Robin',
      familyName: 'Khan',
      gender: 'male',
      dateOfBirth: day(),
    }));
  const asked: Record<string, { child: Partial<ChildParts>; criteria: object }> = {
    gender: { child: { gender: 'female' }, criteria: { gender: 'female' } },
    'middle name': { child: { givenNames: 'Robin Isolde' }, criteria: { givenNames: 'Robin Isolde' } },
    parent: { child: { parents: [{ name: 'Clementine Oduya' }] }, criteria: { parentName: 'Clementine Oduya' } },
    address: {
      child: { addresses: [{ kind: 'home', line1: '9 Burrinjuck Crescent', town: 'Ripon', postcode: 'HG4 1QT' }] },
      criteria: { address: { line: '9 Burrinjuck Crescent' } },
    },
    postcode: {
      child: { addresses: [{ kind: 'home', line1: '1 Mill Lane', town: 'Selby', postcode: 'YO8 4QH' }] },
      criteria: { address: { postcode: 'YO8 4QH' } },
    },
    month: { child: { dateOfBirth: '2008-12-30' }, criteria: { dateOfBirth: '2008-12' } },
    year: { child: { dateOfBirth: '2025-01-30' }, criteria: { dateOfBirth: '2025' } },
    day: { child: { dateOfBirth: '2012-06-30' }, criteria: { dateOfBirth: '2012-06-30' } },
  };
  const robin = { givenNames: 'Robin', familyName: 'Khan', gender: 'male', dateOfBirth: '2014-02-03' } as const;
  const made = await directory.add([
    ...Object.values(asked).map(({ child }) => ({ ...robin, ...child })),
    ...robins(500),
  ]);
  await directory.index();
  const caller = await directory.caller('practitioner');

  for (const [at, [what, { criteria }]] of Object.entries(asked).entries()) {
    await t.test(`the child who agrees in everything is first, told apart by ${what} alone`, async (t) => {
      const { status, body } = await directory.search(caller, { givenNames: 'Robin', familyName: 'Khan', ...criteria });
      t.equal(status, 200);
      t.equal(body.results[0].childId, made[at]?.childId);
      t.notOk(
        Object.values(body.results[0].agreement).some((word) => word !== 'exact'),
        'exact in every field',
      );
    });
  }

  t.test('there is no list by the name alone', async (t) => {
    t.match(await directory.search(caller, { givenNames: 'Robin', familyName: 'Khan' }), {
      status: 422,
      body: { code: 'too-many-matches' },
    });
  });
});

t.test('a name that has just come is found misspelt, before names are counted again', async (t) => {
  const directory = await openChildren(t);
  // Counted already are others: what is new is told from them.
  const [known] = await directory.add([
    { givenNames: 'Rosamund', familyName: 'Ambleforth', dateOfBirth: '2012-01-02' },
  ]);
  await directory.index();
  const caller = await directory.caller('practitioner');
  const misspelt = { givenNames: 'Zephyrina', familyName: 'Quillfaether', dateOfBirth: '2016-07-08' };
  t.match((await directory.search(caller, misspelt)).body, { results: [] });
  const [child] = await directory.add([
    { givenNames: 'Zephyrine', familyName: 'Quillfeather', dateOfBirth: '2016-07-08' },
    { givenNames: 'Zephyrine', familyName: 'Someone', dateOfBirth: '2016-07-08' },
  ]);
  await indexChildren(directory.worker, [child!.childId]);
  await until(async () => {
    const { body } = await directory.search(caller, misspelt);
    return body.results[0]?.childId === child?.childId;
  });
  await until(async () => (await directory.context.names.current()).family.childrenOf('quillfeather') !== undefined);
  t.equal(
    (await directory.context.names.current()).family.childrenOf('someone'),
    undefined,
    'who is not in the index yet',
  );
  const noted = await directory.owner.selectFrom('new_names').select('name').execute();
  t.strictSame(
    noted.map(({ name }) => name).sort(),
    ['quillfeather', 'zephyrine'],
    'and nobody who was counted before',
  );
  await indexChildren(directory.worker, [known!.childId]);
  t.equal((await directory.owner.selectFrom('new_names').select('name').execute()).length, 2);
});

t.test('a search is explained to a management team, and to nobody else', async (t) => {
  const directory = await openChildren(t);
  const home = [{ kind: 'home' as const, line1: '9 Burrinjuck Crescent', town: 'Ripon', postcode: 'HG4 1QT' }];
  const [asked, twin, shielded] = await directory.add([
    { givenNames: 'Micaela', familyName: 'Harrington', dateOfBirth: '2013-10-04', addresses: home },
    { givenNames: 'Joanna', familyName: 'Harrington', dateOfBirth: '2013-10-04', addresses: home },
    {
      givenNames: 'Ottilie',
      familyName: 'Harrington',
      dateOfBirth: '2013-10-04',
      authority: 'Eastmoor',
      addresses: home,
    },
  ]);
  const own = await directory.caller('management-team', { authority: 'Eastmoor' });
  await shieldAlone(directory, own, shielded!.childId, 1);
  await directory.index();
  const team = await directory.caller('management-team', { authority: 'Northvale' });
  const criteria = { givenNames: 'Miceela', familyName: 'Harriegton', dateOfBirth: '2013-04-10' };
  const explained = (caller: typeof team, body: object) =>
    directory.call(caller, 'POST', '/v1/children/search?explain=true', body);

  t.match(await explained(await directory.caller('practitioner'), criteria), {
    status: 403,
    body: { code: 'forbidden' },
  });
  t.match(await directory.call(team, 'POST', '/v1/children/search?explain=perhaps', criteria), { status: 400 });
  t.match(await directory.call(team, 'POST', '/v1/children/search?why=true', criteria), { status: 400 });
  t.notOk('explanation' in (await directory.search(team, criteria)).body, 'only where it is asked for');

  const { body } = await explained(team, criteria);
  const [first] = body.explanation.results;
  t.equal(first.childId, asked!.childId);
  t.ok(first.rules.includes('part of the date and both names'), 'the blocking rules that were met');
  t.strictSame(
    first.levels.map(({ field }: { field: string }) => field),
    ['givenNames', 'familyName', 'dateOfBirth'],
  );
  const sum = first.household + first.levels.reduce((bits: number, level: { bits: number }) => bits + level.bits, 0);
  t.ok(Math.abs(sum - first.weight) < 0.05, 'the bits of the levels add up to the weight');
  t.ok(first.prior < 0);
  const rules = body.explanation.looks[0].rules.map(({ name }: { name: string }) => name);
  t.ok(rules.includes('both names as written') && !rules.includes('postcode'), 'the rules for what was stated');
  t.equal(body.explanation.looks.length, 1, 'one look was enough');
  t.strictSame(
    body.explanation.results.map(({ childId }: { childId: string }) => childId),
    body.results.map(({ childId }: { childId: string }) => childId),
  );

  const byAddress = await explained(team, { familyName: 'Harrington', address: { postcode: 'HG4 1QT' } });
  t.strictSame(
    byAddress.body.explanation.results.map(({ childId }: { childId: string }) => childId).sort(),
    [asked!.childId, twin!.childId].sort(),
  );
  t.notMatch(
    JSON.stringify(byAddress.body),
    new RegExp(`${shielded!.childId}|must_not|shielded":true`),
    'and nothing of whom a shield hides',
  );
});

t.test('a child shielded while the index is asked by an address leaves no trace among the candidates', async (t) => {
  const directory = await openChildren(t);
  const at = (line1: string) => [{ kind: 'home' as const, line1, town: 'Ripon', postcode: 'HG4 1QT' }];
  const name = { familyName: 'Harrington', dateOfBirth: '2013-10-04' };
  const [shielded] = await directory.add([
    { givenNames: 'Micaela', ...name, addresses: at('9 Burrinjuck Crescent') },
    // Of so many with a small part of her evidence some would not be compared beside her.
    ...Array.from({ length: 40 }, (_, place) => ({
      givenNames: 'Otto',
      familyName: 'Harringten',
      dateOfBirth: '2009-01-12',
      addresses: at(`${place + 10} Mill Lane`),
    })),
  ]);
  await directory.index();
  const caller = await directory.caller('practitioner');
  const criteria = { givenNames: 'Micaela', ...name, address: { line: '9 Burrinjuck Crescent', postcode: 'HG4 1QT' } };
  const { elasticsearch } = directory.context;
  const asked: object[] = [];
  const ask = elasticsearch.search.bind(elasticsearch);
  let shield: (() => Promise<unknown>) | undefined;
  const watched = async (...args: Parameters<typeof ask>) => {
    asked.push(args[0] as object);
    const answer = await ask(...args);
    await shield?.();
    shield = undefined;
    return answer;
  };
  elasticsearch.search = watched as typeof elasticsearch.search;
  t.equal((await directory.search(caller, criteria)).body.results[0]?.childId, shielded?.childId, 'found until now');
  const own = await directory.caller('management-team');
  shield = () =>
    directory.call(own, 'PUT', `/v1/children/${shielded!.childId}/shield`, { reason: 'refuge' }, { 'if-match': '"1"' });
  asked.length = 0;
  const during = await directory.search(caller, criteria);
  const timesAsked = asked.length;
  const after = await directory.search(caller, criteria);
  t.ok(timesAsked > 1, 'the index was asked again');
  t.match(after.body.results, during.body.results, 'as though it had been shielded all along');
  t.notOk(JSON.stringify(during.body).includes(shielded!.childId));
});
