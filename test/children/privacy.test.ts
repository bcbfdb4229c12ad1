import { Readable } from 'node:stream';
import { Redis } from 'ioredis';
import { sql } from 'kysely';
import t from 'tap';
import { createIndexQueue, createRedis, indexQueues } from '../../src/queues/index-queue.js';
import { importInitial } from '../../src/services/import/import-feed.js';
import { startWorkers } from '../../workers/main.js';
import { relayOutbox } from '../../workers/relay-outbox.js';
import { bornYearsAgo, openChildren } from '../helpers/children.js';
import { shieldAlone } from '../helpers/household.js';

/** Values that stand nowhere else: whatever is found of them is a leak. */
const marked = {
  givenNames: 'Quizzelda',
  familyName: 'Vandermarkt',
  formerName: 'Oldmarkington',
  knownAs: 'Quizzy',
  line1: '7 Markerstone Walk',
  town: 'Markerbury',
  postcode: 'ZM9 7QX',
  parent: 'Parentia Markova',
  phone: '01632 967967',
  email: 'parentia@markova.example',
  service: 'Markerhill School',
  sourceId: 'marker-source-77',
  otherGiven: 'Zephyrmark',
  otherFamily: 'Brandolini',
  dateOfBirth: bornYearsAgo(7),
};

t.test('no log, job, metric, audit row or dead letter tells anything of a child', async (t) => {
  const directory = await openChildren(t);
  const { worker, call, owner, config, urls } = directory;
  const redis = new Redis(urls.redisUrl);
  t.teardown(() => redis.quit());
  const seen: Record<string, string> = {};

  const manager = await directory.caller('management-team', { name: 'Team', username: 'team' });
  const feed = [
    'source_id,given_names,family_name,date_of_birth,former_family_name,known_as,address_line1,town,postcode,parent_name,parent_phone,parent_email,service_kind,service_name,authority',
    `${marked.sourceId},${marked.givenNames},${marked.familyName},${marked.dateOfBirth},${marked.formerName},${marked.knownAs},${marked.line1},${marked.town},${marked.postcode},${marked.parent},${marked.phone},${marked.email},educational-setting,${marked.service},Northvale`,
    `marker-bad-1,${marked.givenNames},${marked.familyName},1066-10-14,,,,,,,,,,,`,
    `marker-bad-2,${marked.givenNames.repeat(5)},${marked.familyName},${marked.dateOfBirth},,,,,,,,,,,`,
    `${marked.givenNames},${marked.line1}`,
    '',
  ].join('\n');
  const report: string[] = [];
  await importInitial(worker, Readable.from([Buffer.from(feed)]), {
    source: 'census',
    format: 'csv',
    report: (lines) => void report.push(...lines.map((line) => String(line.reason))),
  });
  t.equal(report.length, 4);
  seen['the reasons of a report'] = report.join('\n');

  await directory.index();
  const found = await directory.search(manager, {
    givenNames: marked.givenNames,
    familyName: marked.familyName,
    address: { line: marked.line1, town: marked.town, postcode: marked.postcode },
    parentName: marked.parent,
  });
  const { childId, number } = found.body.results[0];
  const url = `/v1/children/${childId}`;
  const created = await call(manager, 'POST', '/v1/children', {
    givenNames: marked.otherGiven,
    familyName: marked.otherFamily,
    dateOfBirth: bornYearsAgo(3),
    addresses: [{ kind: 'home', line1: marked.line1, postcode: marked.postcode }],
    parents: [{ name: marked.parent, phone: marked.phone, email: marked.email }],
  });
  t.equal(created.status, 201);
  const queued = await call(manager, 'POST', '/v1/children', {
    givenNames: marked.givenNames,
    familyName: marked.familyName,
    dateOfBirth: marked.dateOfBirth,
  });
  t.equal(queued.status, 202);
  t.equal(
    (
      await call(
        manager,
        'PATCH',
        url,
        { familyName: `${marked.familyName}-${marked.formerName}` },
        { 'if-match': '"1"' },
      )
    ).status,
    200,
  );
  t.equal(
    (
      await call(
        manager,
        'POST',
        `${url}/addresses`,
        { kind: 'second-home', line1: marked.line1, town: marked.town },
        { 'if-match': '"2"' },
      )
    ).status,
    201,
  );
  const additions: Record<string, object> = {
    names: { kind: 'known-as', givenNames: marked.knownAs },
    parents: { name: marked.parent, phone: marked.phone, email: marked.email },
    services: {
      kind: 'other',
      name: marked.service,
      phone: marked.phone,
      sensitive: { kind: 'substance-abuse', basis: 'consent' },
    },
    involvements: { role: 'educational-psychologist', phone: marked.phone, email: marked.email },
  };
  let version = 3;
  for (const [part, body] of Object.entries(additions)) {
    const headers = { 'if-match': `"${version}"`, 'idempotency-key': part };
    const path = `${url}/${part}`;
    t.equal((await call(manager, 'POST', path, body, headers)).status, 201);
    version += 1;
    t.equal((await call(manager, 'POST', path, { ...body, [marked.line1]: 'x' }, headers)).status, 400);
  }
  const undecided = await call(
    manager,
    'PUT',
    `${url}/shield`,
    { reason: 'refuge', decisions: [] },
    { 'if-match': `"${version}"` },
  );
  t.equal((await shieldAlone(directory, manager, childId, version)).status, 200);
  version += 1;

  // Whatever goes wrong with these values in hand.
  const refusals = [
    undecided,
    await call(
      manager,
      'PATCH',
      url,
      { familyName: marked.familyName, [marked.parent]: marked.phone },
      { 'if-match': `"${version}"` },
    ),
    await call(
      manager,
      'POST',
      `${url}/addresses`,
      { kind: 'home', town: marked.town, validFrom: '2024-02-02', validTo: '2024-01-01' },
      { 'if-match': `"${version}"` },
    ),
    await call(manager, 'GET', `/v1/children/${marked.givenNames}?name=${marked.familyName}`),
    await call(manager, 'GET', `/v1/${marked.givenNames}?name=${marked.familyName}`),
    await directory.search(manager, { familyName: marked.familyName }),
    await directory.search(manager, {
      givenNames: marked.givenNames,
      familyName: marked.familyName,
      dateOfBirth: marked.dateOfBirth.replace(/-..$/, '-77'),
    }),
    await call(manager, 'POST', '/v1/children/lookup', { number: marked.phone }),
  ];
  t.ok(refusals.every(({ status }) => status >= 400 && status < 500));
  seen['what was refused, but for the names of unknown fields'] = JSON.stringify(
    refusals.map(({ body }) => body),
  ).replaceAll(`/${marked.parent}`, '');
  await sql`create function fail() returns trigger language plpgsql as $$ begin raise exception 'broken by % %', new.given_names, new.family_name; end $$`.execute(
    owner,
  );
  await sql`create trigger fail before insert on child_names for each row execute function fail()`.execute(owner);
  const broken = await call(manager, 'PATCH', url, { familyName: marked.formerName }, { 'if-match': `"${version}"` });
  t.equal(broken.status, 500);
  seen['an internal error'] = JSON.stringify(broken.body);
  await sql`drop trigger fail on child_names`.execute(owner);

  // The jobs themselves, while they wait in Redis.
  const connection = createRedis(urls.redisUrl, 'producer');
  const queues = {
    ordinary: createIndexQueue(indexQueues.ordinary, connection, config.instance),
    urgent: createIndexQueue(indexQueues.urgent, connection, config.instance),
  };
  t.teardown(async () => {
    await Promise.all(Object.values(queues).map((queue) => queue.close()));
    connection.disconnect();
  });
  t.equal(await relayOutbox(worker, queues), 2, 'both children wait');
  seen['the jobs'] = await everythingIn(redis, config.instance);
  t.match(seen['the jobs'], childId, 'which name children by their ids');

  // A document that is refused for good, and a worker that runs.
  await directory.index();
  await sql`update children set version = version + 1 where id = ${childId}`.execute(owner);
  await sql`insert into outbox (child_id, version) select id, version from children where id = ${childId}`.execute(
    owner,
  );
  const settings = await worker.elasticsearch.indices.get({ index: `${config.instance}-children-write` });
  const [indexName] = Object.keys(settings);
  const block = (write: boolean | null) =>
    worker.elasticsearch.indices.putSettings({ index: indexName as string, settings: { 'index.blocks.write': write } });
  await block(true);
  const workers = await startWorkers(worker);
  await waitFor(async () => /job failed|again/.test(directory.logged()));
  await block(null);
  await waitFor(async () => (await owner.selectFrom('outbox').select('child_id').execute()).length === 0);
  await workers.close();
  seen['Redis afterwards'] = await everythingIn(redis, config.instance);

  seen['the log'] = directory.logged();
  t.match(seen['the log'], /"route":"\/v1\/children\/search"/, 'which was written');
  seen['the metrics'] = (await directory.app.inject({ method: 'GET', url: '/metrics' })).body;
  t.match(seen['the metrics'], /http_request_duration_seconds/);
  for (const table of [
    'audit_events',
    'outbox',
    'dead_letters',
    'feed_batches',
    'feed_rejects',
    'idempotency_keys',
    'index_builds',
  ]) {
    const { rows } = await sql`select to_jsonb(r) as row from ${sql.table(table)} r`.execute(owner);
    seen[`the table ${table}`] = JSON.stringify(rows);
  }
  t.match(seen['the table audit_events'], /"create-child".*"correct-child".*"declare-involvement".*"shield"/s);

  const values = [...Object.values(marked), number as string].flatMap((value) => [
    value,
    value.toLowerCase(),
    value.toUpperCase(),
    encodeURIComponent(value),
  ]);
  const parts = Object.values(marked)
    .flatMap((value) => value.split(/[ @]/))
    .filter((part) => part.length > 4 && /[a-z]{4}/i.test(part) && part !== 'School');
  for (const [where, text] of Object.entries(seen)) {
    const leaked = [...new Set([...values, ...parts])].filter((value) => text.includes(value));
    t.strictSame(leaked, [], where);
  }
});

/** Every key of the instance with its value, whatever its type. */
async function everythingIn(redis: Redis, instance: string): Promise<string> {
  const texts: string[] = [];
  for (const key of await redis.keys(`*${instance}*`)) {
    const read: Record<string, () => Promise<unknown>> = {
      hash: () => redis.hgetall(key),
      stream: () => redis.xrange(key, '-', '+'),
      list: () => redis.lrange(key, 0, -1),
      set: () => redis.smembers(key),
      zset: () => redis.zrange(key, '0', '-1'),
      string: () => redis.get(key),
    };
    const type = await redis.type(key);
    texts.push(key, JSON.stringify(await read[type]?.()) ?? `unread: ${type}`);
  }
  return texts.join('\n');
}

async function waitFor(condition: () => Promise<boolean>): Promise<void> {
  const until = Date.now() + 60_000;
  while (!(await condition())) {
    if (Date.now() > until) throw new Error('what was waited for did not come');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
