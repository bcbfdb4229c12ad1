import { randomBytes } from 'node:crypto';
import { openBenchDirectory, percentile } from './bench-directory.js';

/**
 * How long after the answer to a change the change is found by search, through HTTP:
 * `npm run directory -- stack run -- node --import tsx bench/change-to-visible.ts [--children 20000] [--changes 200]`
 */
const argument = (name: string, usual: number) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? usual : Number(process.argv[at + 1]);
};
const children = argument('children', 20_000);
const changes = argument('changes', 200);
const POLL_MS = 10;
const GIVE_UP_MS = 30_000;
const AUTHORITY = 'Northvale';

const directory = await openBenchDirectory({ children });
try {
  const authorization = `Bearer ${await directory.token('management-team', AUTHORITY)}`;
  const headers = { authorization, 'x-access-reason': 'record-maintenance', 'content-type': 'application/json' };
  const call = async (method: string, route: string, body: unknown, more: Record<string, string> = {}) => {
    const reply = await fetch(new URL(route, directory.url), {
      method,
      headers: { ...headers, ...more },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(20_000),
    });
    if (!reply.ok) throw new Error(`${method} ${route.split('/')[2]} answered ${reply.status}`);
    return {
      etag: reply.headers.get('etag') ?? '',
      body: (await reply.json()) as { childId: string; results: { childId: string }[] },
    };
  };
  const created = await call('POST', '/v1/children', {
    givenNames: 'Wilhelmina',
    familyName: letters(),
    dateOfBirth: '2015-06-07',
  });
  const { childId } = created.body;
  let { etag } = created;
  const times: number[] = [];
  for (let change = 0; change < changes; change++) {
    const familyName = letters();
    ({ etag } = await call('PATCH', `/v1/children/${childId}`, { familyName }, { 'if-match': etag }));
    const answered = performance.now();
    for (;;) {
      // Fuzzy searches are answered by the index alone.
      const search = { familyName, givenNames: 'Wilhelmina' };
      const { body } = await call('POST', '/v1/children/search', search);
      if (body.results.some((result) => result.childId === childId)) break;
      if (performance.now() - answered > GIVE_UP_MS) throw new Error('A change was not found within 30 s');
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    times.push(performance.now() - answered);
  }
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => Math.round(percentile(times, share)));
  console.log(
    JSON.stringify({ children, changes, p50Ms: p50, p95Ms: p95, p99Ms: p99, mostMs: Math.round(Math.max(...times)) }),
  );
} finally {
  await directory.close();
}

function letters(): string {
  return `Q${[...randomBytes(12)].map((byte) => String.fromCharCode(97 + (byte % 26))).join('')}`;
}
