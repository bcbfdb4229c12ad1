import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { generate } from 'otplib';
import type { BenchDirectory } from '../../bench/bench-directory.js';
import { readConfig } from '../../src/config.js';
import { createContext } from '../../src/context.js';
import type { Role } from '../../src/db/schema.js';
import { accessTokenSigner } from '../../src/plugins/access-tokens.js';
import type { NewUser } from '../../src/schemas/users.js';
import { todayInEngland } from '../../src/services/child-age.js';
import { issueToken } from '../../src/services/issue-token.js';
import { createUserOnServer } from '../../src/services/users.js';

export interface NewAccount {
  userId: string;
  username: string;
  password: string;
  /** A code of its second factor, not used yet. */
  otp: string;
  token: string;
}

/**
 * Hands out accounts on loopback, each a new one: what is fuzzed signs out, disables and demotes those that it has, and
 * a code of a second factor is good for once.
 */
export interface Desk {
  url: string;
  account(role: Role, user?: Partial<NewUser>): Promise<NewAccount>;
  close(): Promise<void>;
}

/** Who all of them are. */
export const person = { givenNames: 'Rosalind', familyName: 'Achterberg', organisation: 'Hollins Grange School' };
const PASSWORD = 'a long enough password';
const TOKEN_MINUTES = 60;

export async function openDesk(directory: BenchDirectory, authority: string): Promise<Desk> {
  const config = readConfig({ ...process.env, ...directory.env });
  const context = await createContext(config, { poolSize: 2, application: 'directory-api-fuzz' });
  const sign = await accessTokenSigner(config.secrets.jwt);

  async function account(role: Role, user: Partial<NewUser> = {}): Promise<NewAccount> {
    const username = `fuzz-${role}-${randomBytes(6).toString('hex')}`;
    const today = todayInEngland();
    const { userId, totpSecret = '' } = await createUserOnServer(context.db, config, {
      username,
      name: `${person.givenNames} ${person.familyName}`,
      role,
      authority,
      organisation: { name: person.organisation, sector: 'education' },
      backgroundCheckOn: today,
      trainingCompletedOn: today,
      agreementSignedOn: today,
      mayOverrideShields: role === 'management-team',
      password: PASSWORD,
      ...user,
    });
    const token = await issueToken(context.db, sign, username, TOKEN_MINUTES);
    return { userId, username, password: PASSWORD, otp: await generate({ secret: totpSecret }), token };
  }

  const server = createServer((request, response) => {
    const role = new URL(request.url ?? '/', 'http://desk').searchParams.get('role') as Role;
    account(role).then(
      (made) => response.setHeader('content-type', 'application/json').end(JSON.stringify(made)),
      (error: Error) => response.writeHead(500).end(error.message),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    account,
    async close() {
      server.close();
      server.closeAllConnections();
      await context.close();
    },
  };
}
