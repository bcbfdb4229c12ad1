import { sql } from 'kysely';
import t from 'tap';
import { birthday, todayInEngland } from '../../src/services/child-age.js';
import { runRetention } from '../../src/services/keeping/retention.js';
import { bornYearsAgo, type ChildParts, openChildren } from '../helpers/children.js';
import { clientFor, idsOf } from '../helpers/client.js';
import { shieldAlone } from '../helpers/household.js';

const child: ChildParts = {
  givenNames: 'Perdita',
  familyName: 'Hollowell',
  dateOfBirth: bornYearsAgo(9),
  addresses: [{ kind: 'home', line1: '3 Sawpit Lane', town: 'Ottershaw', postcode: 'OT4 7QA' }],
  parents: [
    { name: 'Rosalind Hollowell', phone: '01632 960101' },
    { name: 'Corin Hollowell', phone: '01632 960202', email: 'corin@hollowell.example' },
  ],
};
const at = (version: number) => ({ 'if-match': `"${version}"` });

async function open(t: Parameters<typeof openChildren>[0]) {
  const directory = await openChildren(t);
  const [added] = await directory.add([child]);
  await directory.index();
  return {
    ...directory,
    childId: (added as { childId: string }).childId,
    number: (added as { number: string }).number,
  };
}

t.test('a management team archives a record and takes it back', async (t) => {
  const directory = await open(t);
  const { call, caller, childId, number, index } = directory;
  const manager = await caller('management-team');
  const other = await caller('management-team', { authority: 'Southmere' });
  const practitioner = clientFor(directory, await caller('practitioner'));
  const url = `/v1/children/${childId}/archive`;
  t.equal((await call(manager, 'PUT', url)).status, 428);
  t.equal((await call(manager, 'PUT', url, undefined, at(7))).status, 412);
  t.equal((await call(other, 'PUT', url, undefined, at(1))).status, 403, "only the child's own team");
  t.equal((await call(manager, 'DELETE', url, undefined, at(1))).status, 409, 'not what is not archived');
  t.match(await call(manager, 'PUT', url, undefined, at(1)), { status: 200, body: { archived: true, version: 2 } });
  t.equal((await call(manager, 'PUT', url, undefined, at(2))).status, 409);

  const criteria = { givenNames: 'Perdita', familyName: 'Hollowell', dateOfBirth: child.dateOfBirth };
  t.notOk(
    idsOf(await practitioner.search(criteria)).includes(childId),
    'gone from searches at once, before the index knows',
  );
  await index();
  t.same(idsOf(await practitioner.search(criteria)), []);
  t.equal((await practitioner.read(childId)).status, 404);
  t.equal((await practitioner.lookUp(number)).status, 404);
  t.equal((await call(other, 'PUT', url, undefined, at(2))).status, 404, 'to anybody else there is none');
  t.match(await call(manager, 'GET', `/v1/children/${childId}`), { status: 200, body: { archived: true } });

  t.match(await call(manager, 'DELETE', url, undefined, at(2)), { status: 200, body: { archived: false, version: 3 } });
  await index();
  t.same(idsOf(await practitioner.search(criteria)), [childId], 'found again');
});

t.test('who is of age leaves the archive by consent only', async (t) => {
  const { call, caller, childId, worker, owner } = await open(t);
  const manager = await caller('management-team');
  await sql`update children set date_of_birth = ${bornYearsAgo(19)} where id = ${childId}`.execute(owner);
  t.match(await runRetention(worker, { today: todayInEngland() }), { archivedAt18: 1 });
  const url = `/v1/children/${childId}`;
  t.equal((await call(manager, 'DELETE', `${url}/archive`, undefined, at(2))).status, 409);
  t.equal((await call(manager, 'PUT', `${url}/consent-to-25`, undefined, at(2))).status, 200);
  t.equal((await call(manager, 'DELETE', `${url}/archive`, undefined, at(3))).status, 200);
  t.match(
    await runRetention(worker, { today: todayInEngland() }),
    { archivedAt18: 0, archivedAt25: 0 },
    'and stays out',
  );
  t.match(await runRetention(worker, { today: birthday(bornYearsAgo(19), 25) }), { archivedAt25: 1 }, 'to 25');
});

t.test('what a family disputes is marked, for whoever may see it', async (t) => {
  const directory = await open(t);
  const { call, caller, childId, owner } = directory;
  const manager = await caller('management-team');
  const practitioner = await caller('practitioner');
  const url = `/v1/children/${childId}`;
  for (const parts of [[], ['mood'], ['names', 'a note'], undefined])
    t.equal(
      (await call(manager, 'PUT', `${url}/dispute`, { parts }, at(1))).status,
      400,
      'no part but those of the list',
    );
  t.equal((await call(manager, 'PUT', `${url}/dispute`, { parts: ['names'], note: 'they say so' }, at(1))).status, 400);
  t.equal((await call(practitioner, 'PUT', `${url}/dispute`, { parts: ['names'] }, at(1))).status, 403);
  t.equal((await call(manager, 'PUT', `${url}/dispute`, { parts: ['names'] })).status, 428);
  const marked = await call(manager, 'PUT', `${url}/dispute`, { parts: ['parents', 'dateOfBirth', 'parents'] }, at(1));
  t.match(marked, { status: 200, body: { version: 2 } });
  t.strictSame((await call(practitioner, 'GET', url)).body.disputed, ['dateOfBirth', 'parents']);
  await shieldAlone(directory, manager, childId, 2);
  t.equal((await call(practitioner, 'GET', url)).body.disputed, undefined, 'a shield hides it');
  t.strictSame((await call(manager, 'GET', url)).body.disputed, ['dateOfBirth', 'parents']);
  t.match(await call(manager, 'DELETE', `${url}/dispute`, undefined, at(3)), { status: 200, body: { disputed: [] } });
  const { rows } = await sql`
    select change->>'action' as action from child_history where child_id = ${childId} and version > 1 order by version`.execute(
    owner,
  );
  t.strictSame(rows, [{ action: 'dispute-record' }, { action: 'shield' }, { action: 'withdraw-dispute' }]);
});

t.test('a family reads all that is held of a child, and nothing of anybody else', async (t) => {
  const directory = await open(t);
  const { call, caller, childId, add, owner } = directory;
  const organisation = (name: string) => ({ organisation: { name, sector: 'health' as const } });
  const manager = await caller('management-team', { name: 'Maud Keeper' });
  const teacher = await caller('practitioner', { name: 'Tess Openly', ...organisation('Ottershaw School') });
  const nurse = await caller('practitioner', { name: 'Nell Quietly', ...organisation('The Quiet Clinic') });
  const outsider = await caller('management-team', { authority: 'Southmere' });
  const [sibling] = await add([{ ...child, givenNames: 'Sebastian' }]);
  const url = `/v1/children/${childId}`;
  await call(teacher, 'POST', `${url}/involvements`, { role: 'teacher' }, at(1));
  const sensitive = { kind: 'sexual-health', basis: 'consent' };
  t.equal((await call(nurse, 'POST', `${url}/involvements`, { role: 'nurse', sensitive }, at(2))).status, 201);
  await call(manager, 'POST', `${url}/services`, { kind: 'other', name: 'The Quiet Clinic', sensitive }, at(3));
  await call(manager, 'PATCH', url, { familyName: 'Hollowell-Ash' }, at(4));
  await call(nurse, 'GET', url);

  const ask = (body: object, who = manager) => call(who, 'POST', `${url}/subject-access`, body);
  t.equal((await ask({ requestedBy: 'child' }, teacher)).status, 403);
  t.equal((await ask({ requestedBy: 'child' }, outsider)).status, 403);
  t.equal((await ask({})).status, 400);
  const whole = await ask({ requestedBy: 'child' });
  t.equal(whole.status, 200);
  t.match(whole.body.record, { sensitiveService: true, services: [{ name: 'The Quiet Clinic' }] });
  t.equal(whole.body.record.involvements.length, 2);
  t.strictSame(
    whole.body.history.map(({ version, action }: { version: number; action: string }) => `${version} ${action}`),
    ['1 test', '2 declare-involvement', '3 declare-involvement', '4 add-service', '5 correct-child'],
  );
  t.match(whole.body.history[4], {
    by: { name: 'Maud Keeper' },
    parts: ['familyName'],
    before: { names: [{ familyName: 'Hollowell' }] },
  });
  t.equal(whole.body.history[4].before.parents, undefined, 'what did not change then is not told again');
  t.match(whole.body.accesses[0], { action: 'subject-access-refused', reason: 'direct-work' });
  t.ok(
    whole.body.accesses.some(
      (one: { action: string; by: { name: string } }) => one.action === 'read' && one.by.name === 'Nell Quietly',
    ),
    'who looked, by name',
  );
  t.notMatch(JSON.stringify(whole.body), new RegExp(`${sibling?.childId}|Sebastian`), 'nothing of the sibling');

  const { parentId } = whole.body.record.parents.find(({ name }: { name: string }) => name === 'Rosalind Hollowell');
  const forParent = await ask({ requestedBy: 'parent', parentId });
  t.equal(forParent.status, 200);
  const text = JSON.stringify(forParent.body);
  t.notMatch(
    text,
    /Quiet|sexual-health|"sensitiveService":true/,
    'not what the child told a sensitive service, nor who works there',
  );
  t.match(text, /Tess Openly/, 'but who works with the child openly');
  t.notMatch(text, /960202|corin@/, "not the other parent's contact details");
  t.match(text, /960101/, 'but their own');

  await shieldAlone(directory, manager, childId, 5);
  t.equal((await ask({ requestedBy: 'parent', parentId })).status, 409, 'of a shielded child nothing goes to a parent');
  t.match(await ask({ requestedBy: 'child' }), {
    status: 200,
    body: { shields: [{ reason: 'risk-of-harm', liftedAt: null }] },
  });
  t.equal((await ask({ requestedBy: 'child' }, outsider)).status, 403);
  const { rows } = await sql`
    select count(*)::int as given from audit_events where action = 'subject-access' and child_ids = array[${childId}::uuid]`.execute(
    owner,
  );
  t.strictSame(rows, [{ given: 3 }], 'each is in the log');
});

t.test('a parent reads neither of a shield that stood nor of work that was never open to them', async (t) => {
  const directory = await open(t);
  const { call, caller, childId } = directory;
  const manager = await caller('management-team');
  const organisation = { name: 'The Quiet Clinic', sector: 'health' as const };
  const nurse = await caller('practitioner', { name: 'Nell Quietly', organisation });
  const url = `/v1/children/${childId}`;
  const sensitive = { kind: 'sexual-health', basis: 'consent' };
  t.equal((await call(nurse, 'POST', `${url}/involvements`, { role: 'nurse', sensitive }, at(1))).status, 201);
  await call(manager, 'POST', `${url}/services`, { kind: 'other', name: 'The Quiet Clinic', sensitive }, at(2));
  await call(manager, 'GET', `${url}/shield/household`);
  t.equal((await shieldAlone(directory, manager, childId, 3, 'witness-protection')).status, 200);
  t.equal((await call(manager, 'DELETE', `${url}/shield`, { show: [] }, at(4))).status, 200);
  await call(manager, 'PATCH', url, { gender: 'female' }, at(5));

  const forParent = await call(manager, 'POST', `${url}/subject-access`, { requestedBy: 'parent' });
  t.equal(forParent.status, 200);
  const { shielded: _, sensitiveService: __, ...record } = forParent.body.record;
  const { shields, ...rest } = forParent.body;
  t.strictSame(shields, []);
  const text = JSON.stringify({ ...rest, record });
  t.notMatch(text, /witness|shield|household/, 'they may be whom it was against');
  t.notMatch(
    text,
    /involvement"|add-service|"nurse"|sexual/,
    'and would ask what work it was that the record does not show',
  );
  t.match(forParent.body.history.at(-1), { action: 'correct-child', parts: ['gender'] });
  const actions = (forParent.body.accesses as { action: string }[]).map(({ action }) => action);
  t.ok(actions.includes('correct-child'), 'but what else was done, and by which role');
  const forChild = await call(manager, 'POST', `${url}/subject-access`, { requestedBy: 'child' });
  t.match(forChild.body.shields, [{ reason: 'witness-protection' }], 'the child reads all of it');
});

t.test('a family reads for whom somebody else looked', async (t) => {
  const { call, caller, childId, owner } = await open(t);
  const manager = await caller('management-team');
  const operator = await caller('call-centre', { name: 'Olive Operator' });
  const teacher = await caller('practitioner', { name: 'Tess Calling' });
  await owner
    .insertInto('practitioner_verifications')
    .values({ id: childId, operator_id: operator.userId, practitioner_id: teacher.userId })
    .execute();
  const criteria = { givenNames: 'Perdita', familyName: 'Hollowell', onBehalfOf: childId };
  t.equal((await call(operator, 'POST', '/v1/children/search', criteria)).status, 200);
  const { body } = await call(manager, 'POST', `/v1/children/${childId}/subject-access`, { requestedBy: 'child' });
  t.match(body.accesses[0], {
    action: 'search',
    role: 'call-centre',
    by: { name: 'Olive Operator' },
    onBehalfOf: { name: 'Tess Calling' },
  });
});

t.test(
  "a shielded record names the caller's own team and its out-of-hours line, whichever the child's is",
  async (t) => {
    const directory = await open(t);
    const { call, caller, childId, add } = directory;
    const [far] = await add([
      { givenNames: 'Ludo', familyName: 'Fairfoot', dateOfBirth: bornYearsAgo(8), authority: 'Westfold' },
    ]);
    const manager = await caller('management-team');
    const theirs = await caller('management-team', { authority: 'Westfold' });
    const southern = await caller('practitioner', { authority: 'Southmere' });
    const administrator = await caller('administrator');
    await shieldAlone(directory, manager, childId, 1);
    await shieldAlone(directory, theirs, far?.childId as string, 1);
    const contact = { phone: '01632 960300', opens: '09:00', closes: '17:30', outOfHoursPhone: '01632 960301' };
    const put = (who: typeof manager, authority: string, body: object = contact) =>
      call(who, 'PUT', `/v1/authorities/${authority}/contact`, body);
    t.equal((await call(southern, 'GET', `/v1/children/${childId}`)).body.contactDetails, undefined);
    t.equal((await put(southern, 'Southmere')).status, 403);
    t.equal((await put(manager, 'Southmere')).status, 403, 'a team keeps its own');
    t.equal((await put(manager, 'Northvale', { ...contact, note: 'ring twice' })).status, 400);
    t.equal((await put(manager, 'Northvale', { ...contact, closes: '08:00' })).status, 400);
    t.equal((await put(administrator, 'Nowhere')).status, 404);
    t.equal((await put(manager, 'Northvale', { ...contact, phone: '01632 960999' })).status, 200);
    t.equal((await put(administrator, 'Southmere')).status, 200);
    const seen = [childId, far?.childId].map(async (id) => (await call(southern, 'GET', `/v1/children/${id}`)).body);
    const [first, second] = await Promise.all(seen);
    t.strictSame(first.contactDetails, { authority: 'Southmere', ...contact });
    t.strictSame(second.contactDetails, first.contactDetails, 'the same of every shielded child');
    t.notMatch(JSON.stringify(first), /Northvale|960999/);
    t.equal(
      (await call(manager, 'GET', `/v1/children/${childId}`)).body.contactDetails,
      undefined,
      'its own team needs none',
    );
  },
);
