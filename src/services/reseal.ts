import type { Kysely } from 'kysely';
import { recordSystemAudit } from '../db/audit.js';
import type { Database } from '../db/schema.js';
import { findSealedSecrets, replaceSealedSecret } from '../db/users.js';
import { type OpenedSecret, openWithAny, type SealingKeys, sealSecret } from './second-factor.js';

export interface Resealed {
  resealed: number;
  current: number;
  /** No key opens these. */
  lost: number;
}

const PAGE = 500;

/** Brings every second factor under the present key, so that earlier ones can go. Can be broken off and run again. */
export async function resealSecondFactors(db: Kysely<Database>, keys: SealingKeys): Promise<Resealed> {
  const counts: Resealed = { resealed: 0, current: 0, lost: 0 };
  let after: string | undefined;
  for (;;) {
    const page = await findSealedSecrets(db, PAGE, after);
    for (const one of page) {
      const opened = open(one.sealed, one.userId, keys);
      if (!opened) counts.lost += 1;
      else if (!opened.outdated) counts.current += 1;
      else if (await replaceSealedSecret(db, one, sealSecret(opened.secret, one.userId, keys[0]))) counts.resealed += 1;
    }
    after = page.at(-1)?.userId;
    if (after === undefined) break;
  }
  await recordSystemAudit(db, { action: 'reseal-second-factors', details: { ...counts } });
  return counts;
}

function open(sealed: string, userId: string, keys: SealingKeys): OpenedSecret | undefined {
  try {
    return openWithAny(sealed, userId, keys);
  } catch {
    return undefined;
  }
}
