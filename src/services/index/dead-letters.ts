import type { Caller } from '../../caller.js';
import type { Context } from '../../context.js';
import { recordAccountAudit } from '../../db/audit.js';
import { countDeadLetters, findDeadLetters, retryDeadLetters } from '../../db/dead-letters.js';
import type { DeadLetterPage } from '../../schemas/index-health.js';

const PAGE = 100;

/** Documents that the index refused for good and that nothing was done about, in the order of their children's ids. */
export async function readDeadLetters(
  { db }: Pick<Context, 'db'>,
  { cursor, limit = PAGE }: { cursor?: string; limit?: number },
): Promise<DeadLetterPage> {
  const deadLetters = await findDeadLetters(db, { after: cursor, limit });
  const next = deadLetters.length === limit ? (deadLetters.at(-1)?.childId ?? null) : null;
  return { total: await countDeadLetters(db), deadLetters, next };
}

/** Has the index asked again, for these letters or for all. */
export async function retryDeadLettersAs(
  { db }: Context,
  caller: Caller,
  requestId: string,
  ids?: string[],
): Promise<{ retried: number }> {
  return db.transaction().execute(async (trx) => {
    const retried = await retryDeadLetters(trx, ids);
    await recordAccountAudit(trx, caller, requestId, { action: 'retry-dead-letters', details: { retried } });
    return { retried };
  });
}
