import { generate } from 'otplib';
import { CommandError } from '../../errors.js';

export interface DemoAccount {
  username: string;
  role: string;
  authority: string;
  password: string;
  totpSecret: string;
}

export interface Reply<T> {
  status: number;
  etag: string | null;
  body: T;
  milliseconds: number;
}

export interface Client {
  call<T>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply<T>>;
}

/** Signs in as a person would: user name, password, and the code that the phone shows. */
export async function signIn(url: string, account: DemoAccount): Promise<Client> {
  const otp = await generate({ secret: account.totpSecret });
  const { username, password } = account;
  const session = await send<{ accessToken: string }>(url, 'POST', '/v1/session', { username, password, otp });
  if (session.status !== 200) throw new CommandError(`Sign-in of ${username} failed with status ${session.status}`);
  const authorization = `Bearer ${session.body.accessToken}`;
  return {
    call: (method, path, body, headers = {}) =>
      send(url, method, path, body, { authorization, 'x-access-reason': 'direct-work', ...headers }),
  };
}

async function send<T>(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Reply<T>> {
  const started = performance.now();
  const reply = await fetch(new URL(path, url), {
    method,
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(20_000),
  });
  const text = await reply.text();
  return {
    status: reply.status,
    etag: reply.headers.get('etag'),
    body: (text === '' ? undefined : JSON.parse(text)) as T,
    milliseconds: performance.now() - started,
  };
}
