import t from 'tap';
import { type Answer, bornYearsAgo, openChildren } from '../helpers/children.js';
import { shieldAlone } from '../helpers/household.js';

t.test('a shield is looked past by right alone, once, and never in secret', async (t) => {
  const directory = await openChildren(t);
  const { call, owner } = directory;
  const [shielded, open] = (
    await directory.add([
      {
        givenNames: 'Orla',
        familyName: 'Finch',
        dateOfBirth: bornYearsAgo(12),
        otherNames: [{ kind: 'former', givenNames: 'Orla', familyName: 'Lindqvist' }],
        addresses: [{ kind: 'home', line1: '12 Larch Close', town: 'Helmsley', postcode: 'YO62 5AB' }],
        parents: [{ name: 'Greta Lindqvist' }],
        services: [{ kind: 'gp-practice', name: 'Larch Surgery' }],
      },
      { givenNames: 'Ada', familyName: 'Wren', dateOfBirth: bornYearsAgo(9) },
    ])
  ).map(({ childId }) => childId) as [string, string];
  await directory.index();
  const own = await directory.caller('management-team', { mayOverrideShields: true });
  const entitled = await directory.caller('management-team', { authority: 'Southmere', mayOverrideShields: true });
  const plain = await directory.caller('management-team', { authority: 'Southmere' });
  const administrator = await directory.caller('administrator');
  await shieldAlone(directory, own, shielded, 1);
  const look = (caller: typeof own, childId = shielded, body: object = { reason: 'missing-child' }) =>
    call(caller, 'POST', `/v1/children/${childId}/shield-override`, body);
  const nobody = '01a21304-f0b3-76c3-a7a9-9c8091d41908';
  const events = async (action: string) =>
    owner
      .selectFrom('audit_events')
      .select(['user_id', 'reason', 'child_ids', 'details'])
      .where('action', '=', action)
      .orderBy('id')
      .execute();
  const counted = async () => {
    const { payload } = await directory.app.inject('/metrics');
    return Number(/^shield_overrides_total (\d+)$/m.exec(payload)?.[1]);
  };

  await t.test('not by who has not the right, whatever child they name', async (t) => {
    const answers = await Promise.all([shielded, open, nobody].map((childId) => look(plain, childId)));
    const told = ({ status, body, headers }: Answer) => ({
      status,
      body: { ...body, requestId: '' },
      headers: Object.keys(headers),
    });
    for (const answer of answers) t.strictSame(told(answer), told(answers[0]!));
    t.match(answers[0], { status: 403, body: { code: 'forbidden' } });
    t.strictSame(
      (await events('shield-override-refused')).map(({ child_ids }) => child_ids).sort(),
      [[shielded], [open], [nobody]].sort(),
    );
    for (const role of ['practitioner', 'call-centre', 'data-team', 'auditor', 'administrator'] as const)
      t.match(await look(await directory.caller(role, { authority: 'Southmere' })), { status: 403 }, role);
  });

  await t.test('with a reason of the list', async (t) => {
    for (const body of [{}, { reason: 'curiosity' }, { reason: 'missing-child', note: 'x' }])
      t.match(await look(entitled, shielded, body), { status: 400 });
    t.equal(await counted(), 0);
    t.strictSame(await events('alert-shield-override'), []);
  });

  await t.test('and then whole, without a version, in the audit log and alerted', async (t) => {
    const { status, body, headers } = await look(entitled);
    t.equal(status, 200);
    t.notOk('etag' in headers || 'version' in body);
    t.match(body, {
      childId: shielded,
      shielded: true,
      authority: 'Northvale',
      names: [{ familyName: 'Finch' }, { familyName: 'Lindqvist' }],
      addresses: [{ line1: '12 Larch Close' }],
      parents: [{ name: 'Greta Lindqvist' }],
      services: [{ name: 'Larch Surgery' }],
    });
    t.notOk('hidden' in body);
    const event = {
      user_id: entitled.userId,
      reason: 'direct-work',
      child_ids: [shielded],
      details: { reason: 'missing-child' },
    };
    t.strictSame(await events('shield-override'), [event]);
    t.strictSame(await events('alert-shield-override'), [event]);
    t.equal(await counted(), 1);
    t.match(directory.logged(), /"alert":"shield-override"/);
    t.notMatch(directory.logged(), new RegExp(`Larch|Lindqvist|${shielded}`));
  });

  await t.test('for one view: the next reading is as before', async (t) => {
    t.match((await call(entitled, 'GET', `/v1/children/${shielded}`)).body, { hidden: true, addresses: undefined });
    const { body } = await directory.search(entitled, { familyName: 'Finch', address: { postcode: 'YO62 5AB' } });
    t.strictSame(body.results, []);
    t.match(
      await call(entitled, 'PATCH', `/v1/children/${shielded}`, { gender: 'female' }, { 'if-match': '"2"' }),
      { status: 403 },
      'and nothing can be changed',
    );
  });

  await t.test('only where something is hidden', async (t) => {
    t.match(await look(entitled, open), { status: 409, body: { code: 'conflict' } });
    t.match(await look(own), { status: 409 }, 'not from its own management team');
    t.match(await look(entitled, nobody), { status: 404 });
    await owner.updateTable('children').set({ archived_at: new Date() }).where('id', '=', shielded).execute();
    t.match(await look(entitled), { status: 404 }, 'nor of a child of whom nobody may know');
    await owner.updateTable('children').set({ archived_at: null }).where('id', '=', shielded).execute();
    t.equal((await events('alert-shield-override')).length, 1);
    t.equal((await events('shield-override-not-found')).length, 2);
  });

  await t.test("the child's own management team reads who looked, and why; another does not", async (t) => {
    await look(entitled, shielded, { reason: 'court-order' });
    const list = (caller: typeof own, query = '') => call(caller, 'GET', `/v1/shields/overrides${query}`);
    const first = await list(own, '?limit=1');
    const by = { userId: entitled.userId, authority: 'Southmere' };
    t.match(first.body, { overrides: [{ childId: shielded, reason: 'court-order', at: String, by }] });
    t.match((await list(own, `?cursor=${first.body.nextCursor}`)).body, {
      overrides: [{ childId: shielded, reason: 'missing-child', by }],
      nextCursor: undefined,
    });
    t.strictSame((await list(entitled)).body, { overrides: [] });
  });

  await t.test('nothing is handed out where it cannot be written down', async (t) => {
    const { sql } = await import('kysely');
    await sql`alter table audit_events add constraint broken check (action <> 'alert-shield-override') not valid`.execute(
      owner,
    );
    const answer = await look(entitled);
    t.equal(answer.status, 500);
    t.notMatch(JSON.stringify(answer.body), /Larch|Lindqvist/);
    await sql`alter table audit_events drop constraint broken`.execute(owner);
    t.equal(await counted(), 2);
  });

  await t.test('the right is an administrator’s to give, to a management team, and goes at once', async (t) => {
    const change = (userId: string, payload: object) =>
      directory.call(administrator, 'PATCH', `/v1/users/${userId}`, payload);
    t.match(await change(plain.userId, { mayOverrideShields: true }), {
      status: 200,
      body: { mayOverrideShields: true },
    });
    t.equal((await look(plain)).status, 200);
    t.match(await change(plain.userId, { mayOverrideShields: false }), { body: { mayOverrideShields: false } });
    t.equal((await look(plain)).status, 403);
    const practitioner = await directory.caller('practitioner');
    t.match(await change(practitioner.userId, { mayOverrideShields: true }), {
      status: 400,
      body: { errors: [{ path: '/mayOverrideShields' }] },
    });
    t.match(await change(entitled.userId, { role: 'practitioner' }), { body: { mayOverrideShields: false } });
    t.match(
      await change(entitled.userId, { role: 'management-team' }),
      { body: { mayOverrideShields: false } },
      'whoever leaves the role does not find it again on coming back',
    );
    t.match(
      await change(administrator.userId, { mayOverrideShields: false }),
      { status: 403 },
      'nobody decides on their own',
    );
  });
});
