import t, { type Test } from 'tap';
import { findFacts } from '../../src/db/children.js';
import { holdHouseholds } from '../../src/db/households.js';
import { insertShield } from '../../src/db/shields.js';
import { readAlias, writeAlias } from '../../src/search/aliases.js';
import { projectChild } from '../../src/search/projection.js';
import { startWorkers } from '../../workers/main.js';
import { type ChildParts, openChildren, seeded, type TestChildren } from '../helpers/children.js';
import { clientFor, idsOf, type TestClient } from '../helpers/client.js';
import { until } from '../helpers/wait.js';

/** Every value that a shield hides is a word that stands nowhere else. */
const shieldedParts: ChildParts = {
  givenNames: 'Leopold',
  familyName: 'Strand',
  dateOfBirth: '2013-07-19',
  otherNames: [{ kind: 'former', givenNames: 'Leopold', familyName: 'Quennell' }],
  addresses: [
    { kind: 'home', line1: '8 Harbinger Walk', line2: 'Vixenhurst', town: 'Mablethorpe', postcode: 'MB5 6XQ' },
    { kind: 'former', line1: '3 Jessamy Court', town: 'Zelah', postcode: 'ZH1 9WW' },
  ],
  parents: [{ name: 'Ottoline Brabazon', phone: '01632 960077', email: 'ottoline@example.org' }],
  services: [{ kind: 'gp-practice', name: 'Kestrelmere Surgery' }],
};
const hiddenWords =
  /quennell|harbinger|vixenhurst|mablethorpe|mb5|jessamy|zelah|zh1|ottoline|brabazon|960077|kestrelmere|northvale/i;

const hiddenOfHis = /jessamy|zelah|zh1|ottoline|brabazon|quennell|kestrelmere|leopold/i;

/** Whoever else lives there is found as before. */
const neighbourParts: ChildParts = {
  givenNames: 'Imelda',
  familyName: 'Strand',
  dateOfBirth: '2011-03-30',
  addresses: [{ kind: 'home', line1: '9 Harbinger Walk', town: 'Mablethorpe', postcode: 'MB5 6XQ' }],
  parents: [{ name: 'Ottoline Brabazon' }],
};

async function openWithBoth(t: Test) {
  const directory = await openChildren(t);
  const [child, neighbour] = await directory.add([shieldedParts, neighbourParts]);
  await directory.index();
  const manager = clientFor(directory, await directory.caller('management-team'));
  const practitioner = clientFor(directory, await directory.caller('practitioner'));
  return { directory, child: child!, neighbour: neighbour!, manager, practitioner };
}

/** Searches that name what a shield hides, in both modes. */
function hiddenSearches(number: string): object[] {
  const name = { givenNames: 'Leopold', familyName: 'Strand' };
  const address = { postcode: 'MB5 6XQ' };
  const searches = [
    { familyName: 'Strand', address },
    { familyName: 'Quennell', address },
    { ...name, dateOfBirth: '2013-07-19', address },
    { ...name, address: { line: '8 Harbinger Walk', town: 'Mablethorpe' } },
    { ...name, address: { postcode: 'ZH1 9WW' } },
    { ...name, parentName: 'Ottoline Brabazon' },
    { parentName: 'Ottoline Brabazon', address },
    { number, address },
    { number, parentName: 'Ottoline Brabazon' },
  ];
  return searches.flatMap((search) => [search, { ...search, mode: 'exact' }]);
}

const byName = { givenNames: 'Leopold', familyName: 'Strand', dateOfBirth: '2013-07-19' };

/** Checks what a practitioner gets while the shield stands. */
async function checkShielded(t: Test, practitioner: TestClient, child: { childId: string; number: string }) {
  for (const search of hiddenSearches(child.number)) {
    const answer = await practitioner.search(search);
    t.equal(answer.status, 200);
    t.notOk(idsOf(answer).includes(child.childId), `not found by ${JSON.stringify(search)}`);
    t.notOk('took' in answer.body, 'no time is told');
  }
  for (const search of [byName, { ...byName, mode: 'exact' }, { number: child.number }]) {
    const answer = await practitioner.search(search);
    t.match(answer.body.results, [{ childId: child.childId, shielded: true, hidden: true, address: undefined }]);
    t.notMatch(JSON.stringify(answer.body), hiddenWords);
  }
  for (const record of [await practitioner.read(child.childId), await practitioner.lookUp(child.number)]) {
    t.match(record, { status: 200, body: { shielded: true, hidden: true }, headers: { etag: undefined } });
    t.notMatch(JSON.stringify(record.body), hiddenWords);
  }
}

async function foundByAddress(practitioner: TestClient, childId: string): Promise<boolean> {
  return idsOf(await practitioner.search({ familyName: 'Strand', address: { postcode: 'MB5 6XQ' } })).includes(childId);
}

t.test('a shield holds from its commit, while no worker runs', async (t) => {
  const { directory, child, neighbour, manager, practitioner } = await openWithBoth(t);
  const { owner } = directory;
  t.ok(await foundByAddress(practitioner, child.childId), 'found by address before');
  t.ok(await holdsHidden(directory, child.childId), 'the index holds the address');

  t.equal((await manager.shield(child.childId, 1)).status, 200);
  await checkShielded(t, practitioner, child);
  t.ok(await foundByAddress(practitioner, neighbour.childId), 'the neighbour is');
  t.ok(await holdsHidden(directory, child.childId), 'though the index knows of no shield yet');
  t.match((await manager.read(child.childId)).body.addresses?.length, 2, 'its own management team sees all');

  let workers = await startWorkers(directory.worker);
  const acknowledged = () =>
    owner.selectFrom('shields').select('id').where('index_acknowledged_at', 'is not', null).executeTakeFirst();
  await until(acknowledged);
  t.notOk(await holdsHidden(directory, child.childId), 'the index holds no hidden value');
  await checkShielded(t, practitioner, child);

  t.equal((await manager.unshield(child.childId, 2)).status, 200);
  await until(() => foundByAddress(practitioner, child.childId));

  await workers.close();
  t.equal((await manager.shield(child.childId, 3)).status, 200);
  await checkShielded(t, practitioner, child);
  workers = await startWorkers(directory.worker);
  t.teardown(() => workers.close());
  await until(async () => !(await holdsHidden(directory, child.childId)));
  await checkShielded(t, practitioner, child);
});

/** Whether the child's document answers to any term that only hidden values give. */
async function holdsHidden({ worker, config }: TestChildren, childId: string): Promise<boolean> {
  const [child] = await findFacts(worker.db, [childId]);
  const all = projectChild({ ...child!, shielded: false }, 1)!;
  const shown = projectChild({ ...child!, shielded: true }, 1)!;
  const index = readAlias(config.instance);
  const terms = (['family', 'familyLike', 'postcode', 'sector', 'addressKeys', 'town', 'parent'] as const).map(
    (field) => ({
      terms: { [field]: all[field].filter((value) => !shown[field].includes(value)) },
    }),
  );
  const query = { bool: { filter: [{ ids: { values: [childId] } }], should: terms, minimum_should_match: 1 } };
  await worker.elasticsearch.indices.refresh({ index });
  return (await worker.elasticsearch.count({ index, query })).count > 0;
}

t.test('shields that the index does not know of yet leave room for the others', async (t) => {
  const directory = await openChildren(t);
  const home = { kind: 'home' as const, line1: '1 Long Terrace', town: 'Mablethorpe', postcode: 'MB5 6XQ' };
  const crowd = Array.from({ length: 120 }, (_, at) => ({
    givenNames: `Child ${'abcdefghijkl'[at % 12]}${'abcdefghij'[Math.floor(at / 12)]}`,
    familyName: 'Strand',
    dateOfBirth: '2013-07-19',
    addresses: [home],
  }));
  const shielded = await directory.add(crowd);
  // Further from what is asked than any of the crowd, who would take all the places of the candidates.
  const [open] = await directory.add([
    { givenNames: 'Imelda', familyName: 'Strande', dateOfBirth: '2011-03-30', addresses: [home] },
  ]);
  await directory.index();
  const caller = await directory.caller('management-team');
  await directory.owner.transaction().execute(async (trx) => {
    await holdHouseholds(trx);
    for (const { childId } of shielded) {
      await insertShield(trx, {
        childId,
        reason: 'refuge',
        authority: 'Northvale',
        reviewOn: '2030-01-01',
        setBy: caller.userId,
      });
    }
  });
  const client = clientFor(directory, caller);
  const found = await client.search({ familyName: 'Strand', address: { postcode: 'MB5 6XQ' } });
  t.same(idsOf(found), [open!.childId]);
});

t.test('whatever the index says, no answer shows or uses what a shield hides', async (t) => {
  const { directory, child, neighbour, manager, practitioner } = await openWithBoth(t);
  const { worker, config, owner } = directory;
  await manager.shield(child.childId, 1);
  await directory.index();
  const index = writeAlias(config.instance);
  const facts = await findFacts(worker.db, [child.childId, neighbour.childId]);
  const honest = facts.map((fact) => projectChild({ ...fact, shielded: false }, 1)!);
  const random = seeded(20_261_124);
  const oneOf = <T>(values: T[]): T => values[Math.floor(random() * values.length)] as T;
  const ids = [child.childId, neighbour.childId, '00000000-0000-7000-8000-000000000000', 'no id at all'];
  const places = hiddenSearches(child.number);
  const open = [byName, { ...byName, mode: 'exact' }, { familyName: 'Quennell', dateOfBirth: '2013-07-19' }];

  t.match(
    await owner.selectFrom('shields').select('index_acknowledged_at').execute(),
    [{ index_acknowledged_at: Date }],
    'nothing is left out by id',
  );
  let shown = 0;
  const wrong: unknown[] = [];
  for (let round = 0; round < 25; round++) {
    // Each field of each document is somebody's: a stale document, another child's, both mixed, a lie about the shield.
    const fields = Object.keys(honest[0]!) as (keyof (typeof honest)[0])[];
    const operations = ids.flatMap((id) => {
      const rubbish = Object.fromEntries(fields.map((field) => [field, oneOf(honest)[field]]));
      return [{ index: { _id: id } }, { ...rubbish, shielded: random() < 0.2 }];
    });
    await worker.elasticsearch.bulk({ index, operations, refresh: true });
    for (const search of [oneOf(places), oneOf(places), oneOf(places)]) {
      const answer = await practitioner.search(search);
      const fine = answer.status === 200 && !idsOf(answer).includes(child.childId);
      if (!fine || hiddenOfHis.test(JSON.stringify(answer.body))) wrong.push({ search, body: answer.body });
    }
    for (const search of open) {
      const answer = await practitioner.search(search);
      const result = answer.body.results?.find(({ childId }: { childId: string }) => childId === child.childId);
      if (answer.status !== 200 || hiddenWords.test(JSON.stringify(result ?? '')))
        wrong.push({ search, body: answer.body });
      if (result?.hidden) shown += 1;
    }
  }
  t.same(wrong, []);
  t.ok(shown > 10, `the index proposed the child ${shown} times`);
});
