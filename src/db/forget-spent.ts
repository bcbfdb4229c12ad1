import { type Kysely, sql } from 'kysely';
import type { Database } from './schema.js';

/** A request that is repeated later than this is a new one, compared with whom the first made as any other. */
const KEYS_KEPT_DAYS = 30;

/** Why a document was refused is of use as long as somebody may ask. */
const LETTERS_KEPT_DAYS = 30;

/**
 * Removes what was of use for a while and is kept for nothing: sessions that ended, waits that are over, verified callers,
 * counts of attempts, keys of repeated requests, dead letters that were seen to. By the clock of the database; repeated, it does no harm.
 */
export async function forgetSpent(db: Kysely<Database>): Promise<void> {
  await sql`delete from practitioner_verifications where verified_at < now() - interval '1 day'`.execute(db);
  await sql`
    delete from verification_attempts where day < (now() at time zone 'Europe/London')::date - 1`.execute(db);
  await sql`
    delete from idempotency_keys where created_at < now() - make_interval(days => ${KEYS_KEPT_DAYS})`.execute(db);
  await sql`
    delete from dead_letters where retried_at < now() - make_interval(days => ${LETTERS_KEPT_DAYS})`.execute(db);
  // What belongs to signing in is no business of workers: the owner's right, lent for what is over.
  await sql`select forget_sign_ins()`.execute(db);
}
