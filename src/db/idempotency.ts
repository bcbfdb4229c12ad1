import type { Transaction } from 'kysely';
import { DirectoryError } from '../errors.js';
import type { Database } from './schema.js';

interface KeyOf {
  userId: string;
  route: string;
  key: string;
}

/**
 * Takes the key for this transaction; a second request with it waits until the first has ended.
 * @returns what an earlier request with the key made (no id: it was queued), or undefined for the first
 * @throws DirectoryError `conflict` where the key came with another body before
 */
export async function claimIdempotencyKey(
  trx: Transaction<Database>,
  request: KeyOf & { bodyHash: Buffer },
): Promise<{ childId: string | null } | undefined> {
  const { numInsertedOrUpdatedRows } = await trx
    .insertInto('idempotency_keys')
    .values({
      user_id: request.userId,
      route: request.route,
      key: request.key,
      body_hash: request.bodyHash,
      child_id: null,
    })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  if (numInsertedOrUpdatedRows === 1n) return undefined;
  const earlier = await trx
    .selectFrom('idempotency_keys')
    .select(['child_id', 'body_hash'])
    .where('user_id', '=', request.userId)
    .where('route', '=', request.route)
    .where('key', '=', request.key)
    .executeTakeFirstOrThrow();
  if (!earlier.body_hash.equals(request.bodyHash)) {
    throw new DirectoryError('conflict', 'This Idempotency-Key was used for another request');
  }
  return { childId: earlier.child_id };
}

export async function rememberCreated(trx: Transaction<Database>, created: KeyOf & { childId: string }): Promise<void> {
  await trx
    .updateTable('idempotency_keys')
    .set({ child_id: created.childId })
    .where('user_id', '=', created.userId)
    .where('route', '=', created.route)
    .where('key', '=', created.key)
    .execute();
}
