import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { Ajv } from 'ajv';
import t from 'tap';
import { parse } from 'yaml';

interface Service {
  image: string;
  command?: string[];
  restart?: string;
  user?: string;
  healthcheck?: { test: string[] };
  ports?: string[];
  environment?: Record<string, string>;
  networks?: string[];
  volumes?: string[];
  depends_on?: Record<string, { condition: string }>;
}

interface Compose {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
  networks: Record<string, { internal?: boolean } | null>;
}

const text = readFileSync('docker-compose.yml', 'utf8');
const compose = parse(text, { merge: true }) as Compose;
const services = Object.entries(compose.services);

t.test('docker-compose.yml is valid by the Compose specification', async (t) => {
  const valid = specification();
  t.ok(valid(compose), JSON.stringify(valid.errors, null, 2));
  t.notOk(valid({ ...compose, service: {} }), 'the check refuses an unknown part');
  const misspelt = { services: { api: { image: 'x', health_check: {} } } };
  t.notOk(valid(misspelt), 'and a misspelt one');
});

t.test('every service is watched, or runs once', async (t) => {
  t.same(Object.keys(compose.services), ['postgres', 'redis', 'elasticsearch', 'migrate', 'api', 'worker']);
  for (const [name, service] of services) {
    const once = service.restart === 'no';
    t.equal(once, name === 'migrate', `${name} runs ${once ? 'once' : 'on'}`);
    if (!once) t.match(service.healthcheck?.test[0], /^CMD(-SHELL)?$/, `${name} has a health check`);
  }
  for (const [name, { depends_on = {} }] of services) {
    for (const [other, { condition }] of Object.entries(depends_on)) {
      const expected = other === 'migrate' ? 'service_completed_successfully' : 'service_healthy';
      t.equal(condition, expected, `${name} waits for ${other}`);
    }
  }
  t.notOk('redis' in (compose.services.api?.depends_on ?? {}), 'the API starts without Redis');
  t.notOk('elasticsearch' in (compose.services.api?.depends_on ?? {}), 'and without Elasticsearch');
});

t.test('a queue loses nothing and data outlives its container', async (t) => {
  const redis = compose.services.redis?.command?.join(' ') ?? '';
  t.match(redis, '--maxmemory-policy noeviction');
  t.match(redis, '--appendonly yes');
  for (const name of ['postgres', 'redis', 'elasticsearch']) {
    const [volume] = compose.services[name]?.volumes ?? [];
    t.ok(volume?.startsWith(`${name}:/`) && name in compose.volumes, `${name} keeps its data in a named volume`);
  }
  t.match(compose.services.postgres?.volumes, ['postgres:/var/lib/postgresql'], 'the mount point of images from 18 on');
});

t.test('the worker tells its measurements within the network, and writes what must outlive the database', async (t) => {
  const { environment = {}, volumes = [], ports } = compose.services.worker ?? {};
  t.match(environment, { HOST: '0.0.0.0', WORKER_METRICS_PORT: /^[1-9]\d+$/ });
  t.equal(ports, undefined, 'published nowhere');
  const [, folder = 'none'] = volumes[0]?.split(':') ?? [];
  for (const file of ['AUDIT_HEADS_FILE', 'PROTECTION_JOURNAL_FILE'])
    t.ok(environment[file]?.startsWith(`${folder}/`), `${file} is in the volume: the rest cannot be written`);
});

t.test('nothing is open that need not be', async (t) => {
  for (const [name, service] of services) {
    t.match(service.image, /:\d+\.\d+(\.\d+)?$/, `${name} has a pinned image`);
    for (const port of service.ports ?? []) t.match(port, /^127\.0\.0\.1:/, `${name} is published on loopback alone`);
  }
  t.same(
    services.filter(([, service]) => service.ports).map(([name]) => name),
    ['api'],
  );
  t.equal(compose.networks.inside?.internal, true);
  for (const name of ['postgres', 'redis', 'elasticsearch', 'worker', 'migrate']) {
    t.same(compose.services[name]?.networks, ['inside'], `${name} talks to nobody outside`);
  }
  for (const name of ['api', 'worker', 'migrate']) t.equal(compose.services[name]?.user, 'node', `${name} is not root`);
});

t.test('every secret comes from the environment, and its absence is told', async (t) => {
  const secrets = ['AUTH_JWT_SECRET', 'POSTGRES_PASSWORD', 'REDIS_PASSWORD', 'ELASTIC_PASSWORD'];
  // Of a change of keys, or of an identity provider: empty for none, and told to the API alone.
  const optional = /^AUTH_(JWT_SECRET_PREVIOUS|TOTP_KEY|TOTP_KEY_PREVIOUS|JWKS_URL|ISSUER|AUDIENCE)$/;
  for (const secret of secrets) {
    const uses = [...text.matchAll(new RegExp(`\\$\\{${secret}((?!_)[^}]*)\\}`, 'g'))];
    t.ok(uses.length > 0 && uses.every(([, rest]) => rest?.startsWith(':?')), `${secret} has no default`);
  }
  for (const [name, { environment = {} }] of services) {
    for (const [variable, value] of Object.entries(environment)) {
      if (optional.test(variable)) t.strictSame([name, value], ['api', `\${${variable}:-}`]);
      else if (/PASSWORD|SECRET|AUTH|_URL/.test(variable)) t.match(value, /\$\{\w+:\?/, `${name}'s ${variable}`);
    }
  }
});

t.test('the image runs the compiled program as another user than root', async (t) => {
  const image = readFileSync('Dockerfile', 'utf8');
  const stages = [...image.matchAll(/^FROM (\S+)/gm)].map(([, base]) => base ?? '');
  t.ok(stages.length > 1 && stages.every((base) => /^node:20\.\d+\.\d+-\w+-slim$/.test(base)), stages.join(' '));
  const last = image.slice(image.lastIndexOf('\nFROM '));
  t.match(last, /^USER node$/m);
  const { bin } = JSON.parse(readFileSync('package.json', 'utf8')) as { bin: { directory: string } };
  t.match(last, `ENTRYPOINT ["node", "${bin.directory}"]`);
  const copied = [...image.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, names]) => (names ?? '').split(' '));
  const sent = readFileSync('.dockerignore', 'utf8').split('\n');
  for (const name of new Set(copied)) {
    // A folder's contents go with it, so one of the path's beginnings has to be listed.
    const parts = name.split('/');
    const sentWith = parts.map((_, last) => `!${parts.slice(0, last + 1).join('/')}`);
    t.ok(
      sentWith.some((entry) => sent.includes(entry)),
      `${name} is sent to the build`,
    );
  }
});

/** The schema of the Compose specification, as the linter dclint ships it. */
function specification() {
  const folder = path.dirname(createRequire(import.meta.url).resolve('dclint/package.json'));
  const schema = JSON.parse(readFileSync(path.join(folder, 'schemas/compose.schema.json'), 'utf8'));
  // It names its dialect, draft 7, by an address that Ajv does not know it by.
  delete schema.$schema;
  return new Ajv({ strict: false, allErrors: true, validateFormats: false }).compile(schema);
}
