import t from 'tap';
import { type Answer, bornYearsAgo, openChildren } from '../helpers/children.js';

const SLOWEST_MS = 1_000;

t.test('whatever is searched for or written, there is an answer or a clear refusal within a second', async (t) => {
  const directory = await openChildren(t);
  await directory.add([
    // A name that is everywhere.
    ...Array.from({ length: 400 }, (_, at) => ({
      givenNames: 'Mohammed',
      familyName: 'Khan',
      dateOfBirth: `201${at % 8}-0${(at % 9) + 1}-${10 + (at % 18)}`,
    })),
    {
      givenNames: 'A B C D E',
      familyName: "O'*Neill (Jr) AND /x/",
      dateOfBirth: '2013-01-01',
      addresses: [{ kind: 'home', line1: '"1" & 2 || 3', town: '~^:\\', postcode: 'LS6 2AB' }],
      parents: [{ name: '-- ; drop' }],
    },
  ]);
  await directory.index();
  const manager = await directory.caller('management-team');
  const dateOfBirth = '2014-03-04';

  const texts: Record<string, string> = {
    empty: '',
    blanks: '   ',
    'line breaks': '\r\n\t',
    emoji: '👩‍👩‍👧‍👦',
    'a name with emoji': 'Zoë🙂',
    'right to left': 'محمد عبد الله',
    'an override of direction': '\u202eneerg\u202c',
    'zero-width': 'A\u200bn\u200dn\ufeff',
    combining: `Z${'\u0301'.repeat(34)}`,
    'a ligature that grows': '\ufdfa'.repeat(35),
    Chinese: '欧阳娜娜',
    'mathematical letters': '𝕁𝕠𝕙𝕟',
    '35 single letters': [...'abcdefghijklmnopqrstuvwxyzabcdefghi'].join(' '),
    'five single letters': 'a b c d e',
    'one letter': 'x',
    'the longest words': Array(5).fill('w'.repeat(35)).join(' '),
    'one letter over and over': 'a'.repeat(35),
    'consonants only': 'bcdfghjklmnpqrstvwxzbcdfghjklmnpqrs',
    'a word too long': 'x'.repeat(36),
    '*': '*',
    stars: 'a*b*c*',
    'a leading star': '*mith',
    '?': 'Sm?th',
    'Lucene syntax': 'family:(a~2 OR b^9) AND _exists_:x',
    'a regular expression': '/.*(a+)+$/',
    'a range': '[a TO z]',
    braces: '{"match_all":{}}',
    SQL: "x'; drop table children; --",
    'LIKE patterns': '%_\\',
    backslashes: '\\\\\\\\',
    quotes: `"'\u2019\u02bc`,
    HTML: '<script>alert(1)</script>',
    template: '{{7*7}}#{7*7}',
    digits: '123 456',
    'control characters': 'An\u0001n',
    NUL: 'A\u0000nn',
    'NUL alone': '\u0000',
    'half a surrogate pair': 'A\ud800n',
    'the other half': '\udc00',
    'no character at all': '\uffff',
    'a name everyone has': 'Mohammed Khan',
    __proto__: '__proto__',
    constructor: 'constructor',
    'very many blanks': `a${' '.repeat(170)}b`,
  };
  // PostgreSQL refuses the one, JSON in it the other.
  const noText = ['NUL', 'NUL alone', 'control characters', 'half a surrogate pair', 'the other half'];

  const [child] = await directory.add([{ givenNames: 'Una', familyName: 'Khan', dateOfBirth }]);
  const record = `/v1/children/${child!.childId}`;
  const add = async (part: string, body: object) => {
    const { headers } = await directory.call(manager, 'GET', record);
    return directory.call(manager, 'POST', `${record}/${part}`, body, { 'if-match': String(headers.etag) });
  };

  const timed = async (ask: () => Promise<Answer>) => {
    const started = performance.now();
    return { answer: await ask(), ms: Math.round(performance.now() - started) };
  };
  const settled = async (what: string, ask: () => Promise<Answer>): Promise<Answer> => {
    let { answer, ms } = await timed(ask);
    // A neighbour on the machine may have been busy, once.
    if (ms >= SLOWEST_MS) ({ answer, ms } = await timed(ask));
    t.ok(answer.status < 500, `${what}: ${answer.status}`);
    t.ok(ms < SLOWEST_MS, `${what}: in ${ms} ms`);
    if (answer.status >= 400) {
      const problem = { code: String, title: String, detail: String, requestId: String, status: answer.status };
      t.match(answer, { body: problem, headers: { 'content-type': /problem\+json/ } }, `${what}: a problem`);
    }
    return answer;
  };

  for (const [what, text] of Object.entries(texts)) {
    const searches: object[] = [
      { givenNames: text, familyName: text },
      { givenNames: text, familyName: 'Khan', dateOfBirth, gender: 'male' },
      { familyName: text, dateOfBirth },
      { familyName: text, address: { line: text, town: text, postcode: text.slice(0, 10) } },
      { parentName: text, address: { postcode: 'LS6 2AB' } },
      { givenNames: 'Mohammed', familyName: 'Khan', dateOfBirth, address: { town: text } },
      {
        givenNames: text,
        familyName: text,
        parentName: text,
        dateOfBirth,
        gender: 'female',
        address: { line: text, town: text, postcode: 'LS6 2AB' },
        limit: 50,
      },
    ];
    for (const criteria of searches) {
      for (const mode of ['fuzzy', 'exact']) {
        const answer = await settled(`${what}, ${mode}, ${Object.keys(criteria).join()}`, () =>
          directory.search(manager, { ...criteria, mode }),
        );
        if (noText.includes(what))
          t.match(answer, { status: 400, body: { code: 'invalid-request' } }, `${what} is no text`);
      }
    }
    const written = [
      await settled(`${what}, as names`, () =>
        directory.call(manager, 'POST', '/v1/children', {
          givenNames: text,
          familyName: text,
          dateOfBirth: bornYearsAgo(5),
        }),
      ),
      await settled(`${what}, as anything else`, () =>
        directory.call(manager, 'POST', '/v1/children', {
          familyName: 'Khan',
          dateOfBirth: bornYearsAgo(6),
          addresses: [{ kind: 'home', line1: text, line2: text, town: text, postcode: 'LS6 2AB' }],
          parents: [{ name: 'Una Khan', relationship: 'aunt' }],
        }),
      ),
      await settled(`${what}, as another name`, () => add('names', { kind: 'former', familyName: text })),
      await settled(`${what}, as a parent`, () => add('parents', { name: text, relationship: 'aunt' })),
      await settled(`${what}, as a relationship`, () =>
        add('parents', { name: 'Una Khan', relationship: text.slice(0, 40) }),
      ),
      await settled(`${what}, as a service`, () => add('services', { kind: 'other', name: text })),
      await settled(`${what}, as an id`, () =>
        directory.call(manager, 'GET', `/v1/children/${encodeURIComponent(Buffer.from(text.slice(0, 20)).toString())}`),
      ),
      await settled(`${what}, as a number`, () =>
        directory.call(manager, 'POST', '/v1/children/lookup', { number: text }),
      ),
    ];
    if (noText.includes(what)) for (const { status } of written) t.equal(status, 400, `${what} is not stored`);
  }

  t.test('nor do odd bodies and dates bring it down', async (t) => {
    const bodies: unknown[] = [
      [],
      [[]],
      {},
      { givenNames: {} },
      { givenNames: null, familyName: null },
      { dateOfBirth: {} },
      { dateOfBirth: '0000' },
      { familyName: 'Khan', dateOfBirth: '0000' },
      { familyName: 'Khan', dateOfBirth: '9999' },
      { familyName: 'Khan', dateOfBirth: '0000-00' },
      { familyName: 'Khan', dateOfBirth: '0001-01-01' },
      { familyName: 'Khan', dateOfBirth: '9999-12-31' },
      { familyName: 'Khan', dateOfBirth: { from: '0001-01-01', to: '0001-01-02' } },
      { givenNames: 'Mohammed', familyName: 'Khan', dateOfBirth: { from: '0001-01-01', to: '9999-12-31' } },
      { number: '0000000000' },
      { number: '9'.repeat(10) },
      { limit: 1e308 },
      { limit: -1 },
      JSON.parse('{"__proto__": {"limit": 1}, "familyName": "Khan"}'),
      { familyName: 'x'.repeat(15_000), dateOfBirth },
      { familyName: ' '.repeat(15_000), dateOfBirth },
      { familyName: 'a '.repeat(7_000), dateOfBirth },
      { familyName: 'Khan', address: { line: 'a '.repeat(90) }, dateOfBirth },
    ];
    for (const body of bodies)
      await settled(JSON.stringify(body).slice(0, 60), () => directory.search(manager, body as object));
    t.match(await directory.search(manager, { familyName: 'x'.repeat(17_000), dateOfBirth }), {
      status: 413,
      body: { code: 'payload-too-large' },
    });

    const raw = async (payload: string | Buffer) => {
      const reply = await directory.app.inject({
        method: 'POST',
        url: '/v1/children/search',
        headers: { ...manager.headers, 'content-type': 'application/json' },
        payload,
      });
      return { status: reply.statusCode, body: reply.json(), headers: reply.headers };
    };
    for (const payload of [
      '',
      'null',
      '{',
      `${'['.repeat(7_000)}${']'.repeat(7_000)}`,
      '{"familyName":"Kh\\u0000an","dateOfBirth":"2014"}',
      '{"familyName":"Kh\\ud800an","dateOfBirth":"2014"}',
      '{"familyName":"Khan","dateOfBirth":"2014","constructor":{"prototype":{}}}',
      '{"familyName":"Khan","familyName":"","dateOfBirth":"2014"}',
      Buffer.from('{"familyName":"M\xfcller","dateOfBirth":"2014"}', 'latin1'),
    ]) {
      const answer = await settled(String(payload).slice(0, 60), () => raw(payload));
      t.match(answer, { status: 400, body: { code: 'invalid-request' } });
    }
  });

  t.test('and what was written can be read and found again', async (t) => {
    const rows = await directory.owner
      .selectFrom('child_names')
      .select(['child_id', 'given_names', 'family_name'])
      .where('kind', '=', 'current')
      .orderBy('child_id')
      .execute();
    t.ok(rows.length > 410, 'what can be a name was stored');
    await directory.index();
    for (const { child_id: childId, given_names: givenNames, family_name: familyName } of rows.slice(402)) {
      t.equal((await directory.call(manager, 'GET', `/v1/children/${childId}`)).status, 200, 'read');
      if (givenNames === '' || familyName === '' || /\*/.test(givenNames)) continue;
      const { status, body } = await directory.search(manager, {
        givenNames,
        familyName,
        dateOfBirth: bornYearsAgo(5),
      });
      t.ok(
        status === 200 && body.results.some((result: { childId: string }) => result.childId === childId),
        `found: ${JSON.stringify(givenNames)}`,
      );
    }
  });
});
