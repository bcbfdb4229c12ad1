import type { AddressInfo } from 'node:net';
import { v7 as uuid } from 'uuid';
import { buildApp } from '../../app.js';
import { readConfig } from '../../config.js';
import { createContext } from '../../context.js';
import { createLogger } from '../../logger.js';
import { accessTokenSigner } from '../../plugins/access-tokens.js';
import { issueToken } from '../issue-token.js';

export interface EvaluationApi {
  url: string;
  token(): Promise<string>;
  close(): Promise<void>;
}

const USERNAME = 'evaluation';
const TOKEN_MINUTES = 60;

/**
 * The API to be measured: the one at `url`, or one of our own on a free port of this machine. Either way the searches
 * are those of an account `evaluation`, a practitioner, which is made on the server's own machine when it is missing.
 */
export async function openEvaluationApi(url: string | undefined): Promise<EvaluationApi> {
  const config = readConfig();
  const context = await createContext(config, { log: createLogger('error'), application: 'directory-evaluate' });
  await ensureAccount(context.db);
  const sign = await accessTokenSigner(config.secrets.jwt);
  const token = () => issueToken(context.db, sign, USERNAME, TOKEN_MINUTES);
  if (url !== undefined) return { url, token, close: () => context.close() };
  const app = await buildApp(context);
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    token,
    async close() {
      await app.close();
      await context.close();
    },
  };
}

async function ensureAccount(db: Awaited<ReturnType<typeof createContext>>['db']): Promise<void> {
  const today = new Date().toISOString().slice(0, 10);
  await db
    .insertInto('users')
    .values({
      id: uuid(),
      username: USERNAME,
      name: 'Evaluation of match quality',
      role: 'practitioner',
      organisation_id: null,
      authority: null,
      password_hash: null,
      totp_secret: null,
      locked_until: null,
      background_check_on: today,
      training_completed_on: today,
      agreement_signed_on: today,
      disabled_at: null,
    })
    .onConflict((conflict) =>
      conflict
        .column('username')
        .doUpdateSet({ background_check_on: today, training_completed_on: today, agreement_signed_on: today }),
    )
    .execute();
}
