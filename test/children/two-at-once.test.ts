import { sql } from 'kysely';
import t from 'tap';
import { bornYearsAgo, openChildren, type TestChildren } from '../helpers/children.js';
import type { TestCaller } from '../helpers/directory.js';

type Body = Record<string, unknown>;
// biome-ignore lint/suspicious/noExplicitAny: a record as it came
type ReadRecord = any;

interface Write {
  /** What each of two people asks for at the same moment. */
  bodies: [Body | undefined, Body | undefined];
  /** Which of the record's parts is changed. */
  id?(record: ReadRecord): string;
  shielded?: true;
  archived?: true;
  /** Done, it can't be done again. */
  once?: true;
}

const either = (one: Body, other: Body): Write => ({ bodies: [one, other] });
const part = (list: string, at: number, bodies: Write['bodies'] = [undefined, undefined]): Write => ({
  bodies,
  id: (record) => record[list][at][`${list.slice(0, -1)}Id`.replace('addresseId', 'addressId')],
});
const nothing: Write = { bodies: [undefined, undefined] };

/** Every write to a record that there is: a new route has to be thought of here. */
const writes: Record<string, Write> = {
  'PATCH /v1/children/:childId': either({ givenNames: 'Wilfreda' }, { givenNames: 'Winifred', gender: 'female' }),
  'POST /v1/children/:childId/names': either(
    { kind: 'birth', familyName: 'One' },
    { kind: 'birth', familyName: 'Two' },
  ),
  'PATCH /v1/children/:childId/names/:nameId': part('names', 1, [
    { familyName: 'Vandersloot' },
    { familyName: 'Mbeki' },
  ]),
  'DELETE /v1/children/:childId/names/:nameId': part('names', 1),
  'POST /v1/children/:childId/addresses': either({ kind: 'home', town: 'One' }, { kind: 'home', town: 'Two' }),
  'PATCH /v1/children/:childId/addresses/:addressId': part('addresses', 0, [{ town: 'One' }, { town: 'Two' }]),
  'DELETE /v1/children/:childId/addresses/:addressId': part('addresses', 0),
  'POST /v1/children/:childId/parents': either({ name: 'One' }, { name: 'Two' }),
  'PATCH /v1/children/:childId/parents/:parentId': part('parents', 0, [{ name: 'One' }, { name: 'Two' }]),
  'DELETE /v1/children/:childId/parents/:parentId': part('parents', 0),
  'POST /v1/children/:childId/services': either({ kind: 'other', name: 'One' }, { kind: 'other', name: 'Two' }),
  'PATCH /v1/children/:childId/services/:serviceId': part('services', 0, [{ name: 'One' }, { name: 'Two' }]),
  'DELETE /v1/children/:childId/services/:serviceId': part('services', 0),
  'DELETE /v1/children/:childId/services/:serviceId/consent': part('services', 1),
  'POST /v1/children/:childId/involvements': either({ role: 'teacher' }, { role: 'nurse' }),
  'PATCH /v1/children/:childId/involvements/:involvementId': part('involvements', 0, [
    { additional: true },
    { phone: '01632 960001' },
  ]),
  'DELETE /v1/children/:childId/involvements/:involvementId': part('involvements', 0),
  'DELETE /v1/children/:childId/involvements/:involvementId/consent': part('involvements', 1),
  'PUT /v1/children/:childId/lead-professional': nothing,
  'DELETE /v1/children/:childId/lead-professional': { ...nothing, once: true },
  'PUT /v1/children/:childId/caf-indicator': nothing,
  'DELETE /v1/children/:childId/caf-indicator': { ...nothing, once: true },
  'PUT /v1/children/:childId/consent-to-25': nothing,
  'DELETE /v1/children/:childId/consent-to-25': nothing,
  'PUT /v1/children/:childId/archive': { ...nothing, once: true },
  'DELETE /v1/children/:childId/archive': { ...nothing, archived: true, once: true },
  'PUT /v1/children/:childId/dispute': either({ parts: ['names'] }, { parts: ['addresses'] }),
  'DELETE /v1/children/:childId/dispute': nothing,
  'PUT /v1/children/:childId/shield': either({ reason: 'refuge' }, { reason: 'adoption' }),
  'DELETE /v1/children/:childId/shield': { ...nothing, shielded: true, once: true },
};
/** POST that changes no record. */
const looks = ['POST /v1/children/:childId/shield-override', 'POST /v1/children/:childId/subject-access'];

t.test('of two people who change one record at once one wins, the other gets 412, and nothing is lost', async (t) => {
  const directory = await openChildren(t);
  const { app, call, owner } = directory;
  await directory.index();
  const managers = [await directory.caller('management-team'), await directory.caller('management-team')] as const;
  const routes = app.routeAccess
    .filter(({ method, url }) => method !== 'GET' && url.startsWith('/v1/children/:childId'))
    .map(({ method, url }) => `${method} ${url}`);
  t.same(routes.sort(), [...Object.keys(writes), ...looks].sort(), 'every write is walked');

  for (const [at, [route, { bodies, id, shielded, archived, once }]] of Object.entries(writes).entries()) {
    await t.test(route, async (t) => {
      const [method, pattern] = route.split(' ') as ['POST', string];
      const before = await openRecord(directory, managers[0], at, { shielded, archived });
      const { childId, version } = before;
      const url = pattern.replace(':childId', childId).replace(/:\w+/, id?.(before) ?? '');
      const involvement = pattern.match(/lead|caf/) && method === ('PUT' as string);
      const body = (of: 0 | 1) => (involvement ? { involvementId: before.involvements[0].involvementId } : bodies[of]);
      const ask = (of: 0 | 1, headers: Record<string, string>) => call(managers[of], method, url, body(of), headers);

      t.match(await ask(0, {}), { status: 428, body: { code: 'version-required' } });
      for (const stale of [version - 1, version + 1])
        t.match(await ask(0, { 'if-match': `"${stale}"` }), { status: 412, body: { code: 'stale-version' } });
      const tag = { 'if-match': `"${version}"` };
      const answers = await Promise.all([ask(0, tag), ask(1, tag)]);
      const winner = answers[0].status < 300 ? 0 : 1;
      t.match(answers[winner], { status: method === 'POST' ? 201 : 200, body: { version: version + 1 } });
      t.match(answers[1 - winner], { status: 412, body: { code: 'stale-version' } });

      const { rows } = await sql<Record<string, unknown>>`
        select h.version, h.changed_by, (h.change->'before'->>'version')::int as before, o.version as waiting
        from child_history h left join outbox o on o.child_id = h.child_id
        where h.child_id = ${childId} and h.version >= ${version} order by h.version`.execute(owner);
      t.match(rows[1], {
        version: version + 1,
        changed_by: managers[winner].userId,
        before: version,
        waiting: version + 1,
      });
      t.equal(rows.length, 2, 'one change, and the record as it was before it');
      const read = await call(managers[0], 'GET', `/v1/children/${childId}`);
      t.strictSame(read.body, answers[winner].body, 'the record is what the winner was told');

      if (!id || method === ('PATCH' as string)) {
        const loser = winner === 0 ? 1 : 0;
        const again = await ask(loser, { 'if-match': `"${version + 1}"` });
        if (once) t.ok([404, 409].includes(again.status), 'what is done is done');
        else t.match(again, { body: { version: version + 2 } }, 'read again, it goes through');
      }
    });
  }
});

/** A child of its own with one of everything. */
async function openRecord(
  { add, call }: TestChildren,
  manager: TestCaller,
  at: number,
  { shielded = false, archived = false },
): Promise<ReadRecord> {
  const letters = `${'abcdefghijklm'[at % 13]}${'nopqr'[Math.floor(at / 13)]}`;
  const [child] = await add([
    {
      givenNames: 'Wilf',
      familyName: `Teas${letters}dale`,
      // Nobody resembles another: that is a test of its own.
      dateOfBirth: bornYearsAgo(3 + (at % 13)).replace(/..$/, String(10 + Math.floor(at / 13))),
      otherNames: [{ kind: 'birth', givenNames: 'Wilf', familyName: `Quin${letters}` }],
      addresses: [{ kind: 'home', line1: `${at + 1} Mill Lane`, town: 'Ripon', postcode: `HG${at + 1} 1QT` }],
      parents: [{ name: `Una Teas${letters}dale` }],
      services: [{ kind: 'other', name: 'The Club' }],
    },
  ]);
  const url = `/v1/children/${child!.childId}`;
  let { body: record } = await call(manager, 'GET', url);
  const change = async (method: 'POST' | 'PUT', path: string, body?: object) => {
    const answer = await call(manager, method, `${url}${path}`, body, { 'if-match': `"${record.version}"` });
    if (answer.status >= 300) throw new Error(`${path} was answered by ${answer.status}`);
    record = answer.body;
  };
  const sensitive = { kind: 'mental-health', basis: 'consent' };
  await change('POST', '/services', { kind: 'other', name: 'The Clinic', sensitive });
  await change('POST', '/involvements', { role: 'social-worker' });
  await change('POST', '/involvements', { role: 'counsellor', sensitive });
  const { involvementId } = record.involvements[0];
  await change('PUT', '/lead-professional', { involvementId });
  await change('PUT', '/caf-indicator', { involvementId });
  if (archived) await change('PUT', '/archive');
  if (shielded) await change('PUT', '/shield', { reason: 'risk-of-harm' });
  return record;
}
