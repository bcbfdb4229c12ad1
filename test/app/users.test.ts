import { generate } from 'otplib';
import t from 'tap';
import type { UserPage } from '../../src/schemas/users.js';
import { openDirectory } from '../helpers/directory.js';

const PASSWORD = 'correct horse battery staple';
const today = new Date().toISOString().slice(0, 10);
const newcomer = {
  username: 'ada.obrien',
  name: "Ada O'Brien",
  role: 'practitioner',
  authority: 'Northvale',
  organisation: { name: 'Hill School', sector: 'education' },
  password: PASSWORD,
  backgroundCheckOn: today,
  trainingCompletedOn: today,
  agreementSignedOn: today,
};

t.test('an administrator looks after accounts', async (t) => {
  const { app, caller, owner } = await openDirectory(t);
  const administrator = await caller('administrator');
  const send = async (
    method: 'GET' | 'POST' | 'PATCH',
    url: string,
    payload?: object,
    headers: Record<string, string> = administrator.headers,
  ) => {
    const reply = await app.inject({ method, url, headers, ...(payload ? { payload } : {}) });
    return { status: reply.statusCode, body: reply.json() };
  };
  const signIn = async (totpSecret: string, password = PASSWORD) => {
    const payload = { username: newcomer.username, password, otp: await generate({ secret: totpSecret }) };
    return app.inject({ method: 'POST', url: '/v1/session', payload });
  };

  const made = await send('POST', '/v1/users', newcomer);
  const { userId, totpSecret } = made.body;
  const change = (payload: object) => send('PATCH', `/v1/users/${userId}`, payload);

  t.test('makes one, which can sign in with the secret shown this once', async (t) => {
    const { password, ...shown } = newcomer;
    t.match(made, { status: 201, body: { ...shown, disabled: false, usable: true, totpUri: /^otpauth:\/\/totp\// } });
    t.notMatch(JSON.stringify(made.body), password);
    const session = await signIn(totpSecret);
    t.equal(session.statusCode, 200);
    const me = await app.inject({ url: '/v1/me', headers: { authorization: `Bearer ${session.json().accessToken}` } });
    t.strictSame(me.json(), {
      userId,
      name: "Ada O'Brien",
      role: 'practitioner',
      organisation: 'Hill School',
      authority: 'Northvale',
      recoveryCodesLeft: 10,
    });

    t.match(
      await send('POST', '/v1/users', newcomer),
      { status: 409, body: { code: 'conflict' } },
      'a user name is used once',
    );
    const colleague = await send('POST', '/v1/users', { ...newcomer, username: 'colleague' });
    const organisations = await owner.selectFrom('organisations').selectAll().execute();
    t.equal(colleague.status, 201);
    t.equal(organisations.length, 1, 'one employer is one organisation');
    const unfinished = await send('POST', '/v1/users', { username: 'new', name: 'New', role: 'auditor' });
    t.match(
      unfinished,
      { status: 201, body: { usable: false, authority: null } },
      'without dates it cannot be used yet',
    );
  });

  t.test('is told what is wrong with an account', async (t) => {
    const wrong: [object, string][] = [
      [{ ...newcomer, username: 'Has Spaces' }, '/username'],
      [{ ...newcomer, role: 'king' }, '/role'],
      [{ ...newcomer, role: '' }, '/role'],
      [{ ...newcomer, role: undefined }, '/role'],
      [{ ...newcomer, authority: undefined }, '/authority'],
      [{ ...newcomer, authority: 'Nowhere' }, '/authority'],
      [{ ...newcomer, authority: '' }, '/authority'],
      [{ ...newcomer, password: 'short' }, '/password'],
      [{ ...newcomer, backgroundCheckOn: '2026-02-30' }, '/backgroundCheckOn'],
      [{ ...newcomer, organisation: { name: 'X', sector: 'spying' } }, '/organisation'],
      [{ ...newcomer, isAdmin: true }, '/isAdmin'],
    ];
    for (const [body, path] of wrong) {
      const reply = await send('POST', '/v1/users', {
        ...body,
        username: (body as { username: string }).username.replace('ada', 'other'),
      });
      t.match(reply, { status: 400, body: { code: 'invalid-request' } }, path);
      t.ok(
        reply.body.errors.some((error: { path: string }) => error.path.startsWith(path)),
        `${path} is named`,
      );
    }
    t.match(await change({}), { status: 400 }, 'a change of nothing');
    t.match(await change({ authority: null }), { status: 400 }, 'a practitioner works for an authority');
    t.match(await change({ username: 'other' }), { status: 400 }, 'a user name stays');
    t.match(await send('PATCH', `/v1/users/${crypto.randomUUID()}`, { name: 'X' }), {
      status: 404,
      body: { code: 'not-found' },
    });
    t.match(await send('PATCH', '/v1/users/me', { name: 'X' }), { status: 400 });
  });

  t.test('changes one; what weighs ends its sessions at once', async (t) => {
    const token = await caller('practitioner');
    const alive = async () => (await app.inject({ url: '/v1/me', headers: token.headers })).statusCode === 200;
    const changeIt = (payload: object) => send('PATCH', `/v1/users/${token.userId}`, payload);
    t.match(await changeIt({ name: 'Renamed' }), { status: 200, body: { name: 'Renamed' } });
    t.ok(await alive(), 'a name does not');
    t.match(await changeIt({ password: 'another long password' }), { status: 200 });
    t.notOk(await alive(), 'a password does');

    const reset = await change({ resetTotp: true });
    t.equal(reset.status, 200);
    t.not(reset.body.totpSecret, totpSecret);
    t.equal(reset.body.recoveryCodes.length, 10, 'with new recovery codes');
    t.notOk(
      reset.body.recoveryCodes.some((code: string) => made.body.recoveryCodes.includes(code)),
      'none of which is an old one',
    );
    t.equal((await signIn(totpSecret)).statusCode, 401, 'the old second factor is dead');
    t.equal((await signIn(reset.body.totpSecret)).statusCode, 200, 'the new one works');

    t.match(await change({ disabled: true }), { status: 200, body: { disabled: true, usable: false } });
    t.match(await change({ disabled: false, role: 'management-team' }), {
      body: { disabled: false, usable: true, role: 'management-team' },
    });
    t.match(await change({ agreementSignedOn: null }), { body: { agreementSignedOn: null, usable: false } });
    t.match(await change({ organisation: null }), { body: { organisation: null } });
  });

  t.test('says who somebody is to the identity provider, and nobody twice', async (t) => {
    const [one, two] = [await caller('practitioner'), await caller('practitioner')];
    const set = (who: typeof one, externalSubject: string | null) =>
      send('PATCH', `/v1/users/${who.userId}`, { externalSubject });
    t.match(await set(one, 'jo@example'), { status: 200, body: { externalSubject: 'jo@example' } });
    t.match(await set(one, 'jo@example'), { status: 200 }, 'again');
    t.match(await set(two, 'jo@example'), { status: 409, body: { code: 'conflict' } });
    t.match(await set(two, administrator.userId), { status: 409 }, 'nor as somebody whose userId that is');
    const taken = { ...newcomer, username: 'newer', externalSubject: 'jo@example' };
    t.match(await send('POST', '/v1/users', taken), { status: 409 });
    t.match(await set(one, null), { status: 200, body: { externalSubject: null } });
    for (const wrong of ['', 'two words', 'x'.repeat(256)]) t.match(await set(one, wrong), { status: 400 });
  });

  t.test('decides nothing about himself, so that none can lock all out or vouch for himself', async (t) => {
    const own = `/v1/users/${administrator.userId}`;
    for (const payload of [
      { role: 'auditor' },
      { disabled: true },
      { authority: null },
      { backgroundCheckOn: today },
      { trainingCompletedOn: null },
      { resetTotp: true },
      { externalSubject: 'me' },
    ]) {
      t.match(await send('PATCH', own, payload), { status: 403, body: { code: 'forbidden' } }, JSON.stringify(payload));
    }
    t.match(await send('PATCH', own, { name: 'Myself' }), { status: 200 });
  });

  t.test('pages through all of them', async (t) => {
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page: { status: number; body: UserPage } = await send(
        'GET',
        `/v1/users?limit=2${cursor ? `&cursor=${cursor}` : ''}`,
      );
      t.equal(page.status, 200);
      seen.push(...page.body.users.map((user) => user.username));
      cursor = page.body.nextCursor;
    } while (cursor);
    const all = await owner.selectFrom('users').select('username').orderBy('id').execute();
    t.strictSame(
      seen,
      all.map((user) => user.username),
    );
    for (const query of ['limit=0', 'limit=101', 'limit=two', 'cursor=1', 'page=2']) {
      t.match(await send('GET', `/v1/users?${query}`), { status: 400, body: { code: 'invalid-request' } }, query);
    }
  });

  t.test('leaves an audit row for everything, with names of fields and no values', async (t) => {
    const events = await owner
      .selectFrom('audit_events')
      .select(['action', 'details', 'request_id', 'role'])
      .where('user_id', '=', administrator.userId)
      .orderBy('id')
      .execute();
    const actions = events.map(({ action }) => action);
    t.equal(actions.filter((action) => action === 'create-user').length, 3, 'refused ones made nothing');
    t.ok(actions.includes('list-users'));
    const changes = events.filter(({ action }) => action === 'change-user').map(({ details }) => details);
    t.match(changes[0], { fields: ['name'] });
    t.match(changes.at(-1), { userId: administrator.userId, fields: ['name'] });
    t.ok(events.every(({ request_id, role }) => request_id && role === 'administrator'));
    t.notMatch(JSON.stringify(events), /Renamed|Ada|another long password/);
  });
});
