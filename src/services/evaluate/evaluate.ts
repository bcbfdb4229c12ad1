import { Agent, request as send } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import type { SearchAnswer, SearchRequest } from '../../schemas/search.js';
import { type Measures, measure } from './measures.js';
import { type Query, type QueryField, toRequest } from './queries.js';
import type { Outcome } from './recall.js';
import { sliceOfOrigin } from './slices.js';

export interface EvaluateOptions {
  /** Base address of the API. */
  url: string;
  /** Gives an access token; asked again when the API says that one has run out. */
  token: () => Promise<string>;
  fields: readonly QueryField[];
  clients: number;
  progress?: (done: number) => void;
}

/** Rate-limited, or searching is not possible just now: the answer says when to come back. */
const BUSY: ReadonlySet<number> = new Set([429, 503]);
const LONGEST_WAIT_SECONDS = 60;
const TIMEOUT_MS = 30_000;

/**
 * Asks every query through HTTP, as a client would, and measures how often and how high the right child comes back.
 * @param truth childId by source_id
 */
export async function evaluate(
  queries: Query[],
  truth: Map<string, string>,
  options: EvaluateOptions,
): Promise<Measures> {
  const agent = new Agent({ keepAlive: true, maxSockets: options.clients });
  const outcomes: Outcome[] = [];
  let token = await options.token();
  let next = 0;
  const client = async () => {
    for (;;) {
      const query = queries[next++];
      if (!query) return;
      const target = query.target_in_records_csv === false ? undefined : truth.get(query.source_id);
      const body = toRequest(query, options.fields);
      let answer = await ask(agent, options.url, token, body);
      let retried = false;
      for (let attempt = 0; attempt < 5 && (answer.status === 401 || BUSY.has(answer.status)); attempt++) {
        if (answer.status === 401) token = await options.token();
        else {
          retried = true;
          await setTimeout(Math.min(answer.retryAfter, LONGEST_WAIT_SECONDS) * 1000);
        }
        answer = await ask(agent, options.url, token, body);
      }
      outcomes.push({ ...judge(query, target, answer), retried });
      options.progress?.(outcomes.length);
    }
  };
  try {
    await Promise.all(Array.from({ length: options.clients }, client));
  } finally {
    agent.destroy();
  }
  return measure(outcomes);
}

export interface Answer {
  status: number;
  milliseconds: number;
  retryAfter: number;
  body: Partial<SearchAnswer> & { code?: string };
}

function judge(query: Query, target: string | undefined, answer: Answer): Omit<Outcome, 'retried'> {
  const outcome: Omit<Outcome, 'retried'> = {
    kind: kindOf(answer),
    hasTarget: target !== undefined,
    milliseconds: answer.milliseconds,
    results: (answer.body.results ?? []).map(({ childId, score }) => ({ score, right: childId === target })),
    slices: slicesOf(query),
  };
  const position = outcome.results.findIndex(({ right }) => right);
  if (position >= 0) outcome.rank = position + 1;
  return outcome;
}

function kindOf({ status, body }: Answer): Outcome['kind'] {
  if (status === 200) return 'answered';
  if (status === 400) return body.code === 'insufficient-criteria' ? 'refused' : 'invalid';
  return body.code === 'too-many-matches' ? 'too-many' : 'failed';
}

function slicesOf(query: Query): string[] {
  const slices = Object.entries(query.errors ?? {}).map(([field, label]) => `${field}: ${label}`);
  if (query.name_origin) slices.push(sliceOfOrigin(query.name_origin));
  return slices;
}

/** One search through HTTP, timed from sending to the whole answer. */
export function ask(agent: Agent, url: string, token: string, body: SearchRequest): Promise<Answer> {
  const payload = JSON.stringify(body);
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const request = send(
      new URL('/v1/children/search', url),
      {
        method: 'POST',
        agent,
        timeout: TIMEOUT_MS,
        headers: {
          authorization: `Bearer ${token}`,
          'x-access-reason': 'direct-work',
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(payload),
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          resolve({
            status: response.statusCode ?? 0,
            milliseconds: performance.now() - started,
            retryAfter: Number(response.headers['retry-after'] ?? 1),
            body: parse(Buffer.concat(chunks).toString('utf8')),
          });
        });
      },
    );
    request.on('timeout', () => request.destroy(new Error('No answer in time')));
    request.on('error', reject);
    request.end(payload);
  });
}

function parse(text: string): Answer['body'] {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
