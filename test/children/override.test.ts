import { sql } from 'kysely';
import t from 'tap';
import { issueToken } from '../../src/services/issue-token.js';
import { type Answer, bornYearsAgo, openChildren } from '../helpers/children.js';
import { startCommand } from '../helpers/command.js';
import { shieldAlone } from '../helpers/household.js';
import { until } from '../helpers/wait.js';

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
    await sql`alter table audit_events add constraint broken check (action <> 'alert-shield-override') not valid`.execute(
      owner,
    );
    const answer = await look(entitled);
    t.equal(answer.status, 500);
    t.notMatch(JSON.stringify(answer.body), /Larch|Lindqvist/);
    await sql`alter table audit_events drop constraint broken`.execute(owner);
    t.equal(await counted(), 2);
  });

  await t.test('ten times within an hour and no more, also at the same moment', async (t) => {
    const hasty = await directory.caller('management-team', { authority: 'Eastmoor', mayOverrideShields: true });
    const answers = await Promise.all(Array.from({ length: 14 }, () => look(hasty)));
    t.equal(answers.filter(({ status }) => status === 200).length, 10);
    const late = answers.filter(({ status }) => status === 429);
    t.match(late[0], { body: { code: 'rate-limited' }, headers: { 'retry-after': '600' } });
    t.equal(late.length, 4);
    t.equal((await events('shield-override-rate-limited')).length, 4);
    await sql`update shield_overrides set overridden_at = now() - interval '61 min' where user_id = ${hasty.userId}`.execute(
      owner,
    );
    t.equal((await look(hasty)).status, 200);
  });

  await t.test('the right takes two administrators, is for a management team, and goes at once', async (t) => {
    const second = await directory.caller('administrator');
    const change = (userId: string, payload: object, by = administrator) =>
      directory.call(by, 'PATCH', `/v1/users/${userId}`, payload);
    const approve = (userId: string, by = second, askedBy = administrator.userId) =>
      directory.call(by, 'POST', `/v1/users/${userId}/approval`, { askedBy });
    const refused = { status: 403, body: { code: 'forbidden' } };
    const asked = { mayOverrideShields: false, overrideAsked: { by: administrator.userId } };

    t.match(await approve(plain.userId), { status: 409, body: { code: 'conflict' } }, 'nobody has asked');
    t.match(await change(plain.userId, { mayOverrideShields: true }), { status: 200, body: asked });
    t.equal((await look(plain)).status, 403, 'asked for it is not there');
    t.match(await approve(plain.userId, administrator), refused, 'who asked does not approve');
    t.equal((await look(plain)).status, 403);
    t.match(await approve(plain.userId, second, second.userId), { status: 409 }, 'but what that one asked for');
    const approved = await approve(plain.userId);
    t.match(approved, {
      status: 200,
      body: { mayOverrideShields: true, overrideAsked: null, totpSecret: /^[A-Z2-7]+$/ },
    });
    t.equal((await look(plain)).status, 401, 'the second factor is new, and what was open is closed');
    plain.headers.authorization = `Bearer ${await issueToken(owner, directory.app.signAccessToken, plain.username, 30)}`;
    t.equal((await look(plain)).status, 200);
    t.match(await approve(plain.userId), { status: 409 }, 'once');
    t.match(await change(plain.userId, { mayOverrideShields: true }), { body: { mayOverrideShields: true } });
    t.match(await approve(nobody), { status: 404 });

    const [told, refusals] = [await events('approve-shield-override'), await events('approve-shield-override-refused')];
    const details = { userId: plain.userId, askedBy: administrator.userId };
    t.match(told, [{ user_id: second.userId, details }]);
    t.equal(told.length, 1);
    t.match(await events('ask-shield-override'), [
      { user_id: administrator.userId, details: { userId: plain.userId } },
    ]);
    t.match(refusals[1], { user_id: administrator.userId, details: { userId: plain.userId, refused: 'forbidden' } });

    t.match(await change(plain.userId, { mayOverrideShields: false }), { body: { mayOverrideShields: false } });
    t.equal((await look(plain)).status, 403);
    const practitioner = await directory.caller('practitioner');
    t.match(await change(practitioner.userId, { mayOverrideShields: true }), {
      status: 400,
      body: { errors: [{ path: '/mayOverrideShields' }] },
    });
    t.match(await change(plain.userId, { mayOverrideShields: true }), { body: asked });
    t.match(await change(plain.userId, { role: 'practitioner' }), { body: { overrideAsked: null } });
    t.match(await change(plain.userId, { role: 'management-team' }), { status: 200 });
    t.match(await approve(plain.userId), { status: 409 }, 'what was asked for goes with the role');
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

  await t.test('one administrator behind two accounts is one', async (t) => {
    const today = new Date().toISOString().slice(0, 10);
    const [first, second, third] = [
      await directory.caller('administrator'),
      await directory.caller('administrator'),
      await directory.caller('administrator'),
    ];
    const send = (by: typeof own, method: 'POST' | 'PATCH', url: string, payload: object = {}) =>
      directory.call(by, method, url, payload);
    let made = 0;
    /** By the API, and signed in on the server as whoever made it could. */
    const make = async (by: typeof own, role: string, more: object = {}) => {
      made += 1;
      const username = `made-${made}`;
      const dates = { backgroundCheckOn: today, trainingCompletedOn: today, agreementSignedOn: today };
      const body = { username, name: 'Somebody', role, authority: 'Southmere', ...dates, ...more };
      const answer = await send(by, 'POST', '/v1/users', body);
      t.equal(answer.status, 201, JSON.stringify(answer.body));
      const token = await issueToken(owner, directory.app.signAccessToken, username, 30);
      const { authorization: _, ...reason } = own.headers;
      const as = {
        ...own,
        username,
        userId: answer.body.userId,
        headers: { authorization: `Bearer ${token}`, ...reason },
      };
      return { as: as as typeof own, body: answer.body };
    };
    const askedBy = async (userId: string) =>
      (await owner.selectFrom('users').select('override_asked_by').where('id', '=', userId).executeTakeFirstOrThrow())
        .override_asked_by ?? userId;
    const approve = async (userId: string, by: typeof own) =>
      send(by, 'POST', `/v1/users/${userId}/approval`, { askedBy: await askedBy(userId) });
    const signIn = async (as: typeof own) => {
      as.headers.authorization = `Bearer ${await issueToken(owner, directory.app.signAccessToken, as.username, 30)}`;
    };
    const refused = { status: 403, body: { code: 'forbidden' } };

    const puppet = await make(first, 'administrator');
    const puppets = await make(puppet.as, 'administrator');
    const reader = await make(first, 'management-team', { mayOverrideShields: true });
    t.match(reader.body, { mayOverrideShields: false, overrideAsked: { by: first.userId } });
    for (const by of [first, puppet.as, puppets.as]) t.match(await approve(reader.as.userId, by), refused);
    t.match(await send(puppets.as, 'PATCH', `/v1/users/${reader.as.userId}`, { mayOverrideShields: true }), {
      body: { overrideAsked: { by: puppets.as.userId } },
    });
    for (const by of [first, puppet.as])
      t.match(await approve(reader.as.userId, by), refused, 'nor the other way round');
    t.equal((await look(reader.as)).status, 403);

    t.match(await send(first, 'PATCH', `/v1/users/${second.userId}`, { resetTotp: true }), { status: 200 });
    const lent = { ...second, headers: { ...second.headers } };
    lent.headers.authorization = `Bearer ${await issueToken(owner, directory.app.signAccessToken, second.username, 30)}`;
    t.match(await approve(reader.as.userId, lent), refused, 'nor by an account whose second factor they have set');
    t.match(await approve(reader.as.userId, third), { status: 200, body: { mayOverrideShields: true } });
    await signIn(reader.as);
    t.equal((await look(reader.as)).status, 200);

    for (const takenOver of [
      { password: 'a password of hers' },
      { resetTotp: true },
      { externalSubject: 'her@example' },
    ]) {
      const { userId } = reader.as;
      t.match(await send(first, 'PATCH', `/v1/users/${userId}`, takenOver), {
        body: { mayOverrideShields: false, overrideAsked: null },
      });
      t.match(await approve(userId, third), { status: 409 }, 'nobody asked for it');
      t.match(await send(first, 'PATCH', `/v1/users/${userId}`, { ...takenOver, mayOverrideShields: true }), {
        body: { mayOverrideShields: false, overrideAsked: { by: first.userId } },
      });
      t.match(await approve(userId, third), { status: 200 });
    }
    t.match(await send(first, 'PATCH', `/v1/users/${reader.as.userId}`, { name: 'Renamed' }), {
      body: { mayOverrideShields: true },
    });

    const linked = await make(first, 'administrator', { password: 'a password of hers' });
    const reset = (payload: object) => send(third, 'PATCH', `/v1/users/${linked.as.userId}`, payload);
    const signedIn = async () => ({
      ...linked.as,
      headers: {
        ...linked.as.headers,
        authorization: `Bearer ${await issueToken(owner, directory.app.signAccessToken, linked.as.username, 30)}`,
      },
    });
    const other = await make(first, 'management-team', { mayOverrideShields: true });
    for (const payload of [{ externalSubject: 'linked@example' }, { resetTotp: true }]) {
      t.match(await reset(payload), { status: 200 });
      const still = `nor by one whose password they know, when another has set ${Object.keys(payload)}`;
      t.match(await approve(other.as.userId, await signedIn()), refused, still);
    }
    t.match(await reset({ password: 'a password of somebody else' }), { status: 200 });
    t.match(await approve(other.as.userId, await signedIn()), refused, 'nor by one that was theirs once');
    t.match(await approve(other.as.userId, third), { status: 200 }, 'but by one that never was');

    const pair = [await make(first, 'administrator'), await make(first, 'administrator')] as const;
    for (const [one, another] of [pair, [...pair].reverse() as [(typeof pair)[0], (typeof pair)[0]]]) {
      const all = {
        password: 'a password of the other',
        externalSubject: `${one.as.username}@example`,
        resetTotp: true,
      };
      const fresh = await issueToken(owner, directory.app.signAccessToken, another.as.username, 30);
      another.as.headers.authorization = `Bearer ${fresh}`;
      t.match(await send(another.as, 'PATCH', `/v1/users/${one.as.userId}`, all), { status: 200 });
    }
    const wanted = await make(first, 'management-team', { mayOverrideShields: true });
    for (const { as } of pair) {
      as.headers.authorization = `Bearer ${await issueToken(owner, directory.app.signAccessToken, as.username, 30)}`;
      t.match(await approve(wanted.as.userId, as), refused, 'nor by two that have set one another anew');
    }
    const friend = await directory.caller('practitioner');
    t.match(await send(first, 'PATCH', `/v1/users/${friend.userId}`, { role: 'administrator' }), { status: 200 });
    friend.headers.authorization = `Bearer ${await issueToken(owner, directory.app.signAccessToken, friend.username, 30)}`;
    t.match(await approve(wanted.as.userId, friend), refused, 'nor by one whom they have made an administrator');

    t.match(await send(third, 'PATCH', `/v1/users/${reader.as.userId}`, { disabled: true }), {
      body: { mayOverrideShields: false },
    });
    t.match(
      await send(third, 'PATCH', `/v1/users/${reader.as.userId}`, { disabled: false }),
      { body: { mayOverrideShields: false, overrideAsked: null } },
      'nor does opening a closed account give back what it had',
    );

    const waiting = await make(first, 'management-team', { mayOverrideShields: true });
    t.match(await send(third, 'PATCH', `/v1/users/${waiting.as.userId}`, { resetTotp: true }), {
      body: { overrideAsked: null },
    });
    t.match(await approve(waiting.as.userId, first), { status: 409 }, 'a reset by another asks for nothing');
    t.match(await send(third, 'PATCH', `/v1/users/${waiting.as.userId}`, { mayOverrideShields: true }), {
      body: { overrideAsked: { by: third.userId } },
    });
    t.match(await approve(waiting.as.userId, third), refused, 'who asked does not approve it');
    await sql`update users set disabled_at = now() where id = ${third.userId}`.execute(owner);
    t.match(await approve(waiting.as.userId, first), { status: 409 }, 'nor anybody when who asked is none any more');
    await sql`update users set disabled_at = null where id = ${third.userId}`.execute(owner);
    await sql`update users set override_asked_at = now() - interval '8 days' where id = ${waiting.as.userId}`.execute(
      owner,
    );
    t.match(await approve(waiting.as.userId, first), { status: 409 }, 'and a week later nobody does');
    t.equal((await look(waiting.as)).status, 401, 'its sessions ended with the reset');
    const again = await make(third, 'management-team', { mayOverrideShields: true });
    const onServer = startCommand(t, directory, ['user', 'approve', '--username', again.as.username, '--json']);
    await until(() => !onServer.running(), { seconds: 30 });
    t.match(onServer.output(), `{"userId":"${again.as.userId}","mayOverrideShields":true}`);
    t.equal((await look(again.as)).status, 200, 'whoever has the server does without a second');
  });
});
