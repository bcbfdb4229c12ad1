import type { Kysely } from 'kysely';
import type { Config } from '../../config.js';
import type { Database } from '../../db/schema.js';
import { DirectoryError } from '../../errors.js';
import { accessTokenSigner } from '../../plugins/access-tokens.js';
import { todayInEngland } from '../child-age.js';
import { issueToken } from '../issue-token.js';
import { createUserOnServer } from '../users.js';

const USERNAME = 'evaluation';
const TOKEN_MINUTES = 60;

/**
 * Access tokens of an account `evaluation`, a practitioner without a password, which is made when it is missing. Needs the
 * server's own database and secret, like every token that is made without signing in.
 */
export async function evaluationTokens(db: Kysely<Database>, config: Config): Promise<() => Promise<string>> {
  const today = todayInEngland();
  try {
    await createUserOnServer(db, config, {
      username: USERNAME,
      name: 'Evaluation of match quality',
      role: 'practitioner',
      authority: 'Evaluation',
      backgroundCheckOn: today,
      trainingCompletedOn: today,
      agreementSignedOn: today,
    });
  } catch (error) {
    // It is there already.
    if (!(error instanceof DirectoryError) || error.code !== 'conflict') throw error;
  }
  const sign = await accessTokenSigner(config.secrets.jwt);
  return () => issueToken(db, sign, USERNAME, TOKEN_MINUTES);
}
