import { type Kysely, sql, type Transaction } from 'kysely';
import type { Database } from './schema.js';
import { type Account, accountColumns, accountStands, authorityIsLive } from './users.js';

/** Failed attempts on one child so far today, in England. */
export interface Attempts {
  childId: string;
  failed: number;
  /** Failed by what a shield does not hide. */
  failedVisibly: number;
}

const today = sql`(clock_timestamp() at time zone 'Europe/London')::date`;

/**
 * Makes attempts on one child wait for one another until the transaction ends, so that those made at the same instant
 * are counted like those made one after another.
 * @returns undefined where there is no such child, or it is archived
 */
export async function lockAttempts(
  trx: Transaction<Database>,
  child: { childId: string } | { number: string },
): Promise<Attempts | undefined> {
  const isMeant = 'childId' in child ? sql`c.id = ${child.childId}` : sql`c.number = ${child.number}`;
  // A clock that is a little behind, or a wait past midnight, must not bring yesterday back.
  const { rows } = await sql<Attempts>`
    insert into verification_attempts as v (child_id, day, failed, failed_visibly)
    select c.id, ${today}, 0, 0 from children c where ${isMeant} and c.archived_at is null
    on conflict (child_id) do update set
      day = greatest(v.day, excluded.day),
      failed = case when v.day < excluded.day then 0 else v.failed end,
      failed_visibly = case when v.day < excluded.day then 0 else v.failed_visibly end
    returning v.child_id as "childId", v.failed, v.failed_visibly as "failedVisibly"`.execute(trx);
  return rows[0];
}

/** To be called under the lock, failed or not: a look at what was written must not tell which. */
export async function saveAttempts(
  trx: Transaction<Database>,
  { childId, failed, failedVisibly }: Attempts,
): Promise<void> {
  await trx
    .updateTable('verification_attempts')
    .set({ failed, failed_visibly: failedVisibly })
    .where('child_id', '=', childId)
    .execute();
}

export async function insertPractitionerVerification(
  trx: Transaction<Database>,
  verification: { id: string; operatorId: string; practitionerId: string },
): Promise<void> {
  await trx
    .insertInto('practitioner_verifications')
    .values({
      id: verification.id,
      operator_id: verification.operatorId,
      practitioner_id: verification.practitionerId,
    })
    .execute();
}

/**
 * The account of the practitioner whom that operator verified under this id within so many minutes, where it is a
 * practitioner's still, stands at this moment, and nothing has ended its sessions since.
 */
export async function findVerifiedPractitioner(
  db: Kysely<Database>,
  { id, operatorId, minutes }: { id: string; operatorId: string; minutes: number },
): Promise<Account | undefined> {
  return (
    db
      .selectFrom('practitioner_verifications')
      .innerJoin('users', 'users.id', 'practitioner_verifications.practitioner_id')
      .select(accountColumns)
      .where('practitioner_verifications.id', '=', id)
      .where('practitioner_verifications.operator_id', '=', operatorId)
      .where('practitioner_verifications.verified_at', '>', sql<Date>`now() - make_interval(mins => ${minutes})`)
      // A second factor that was stolen and reset, for one, has verified nobody.
      .where(
        sql<boolean>`(users.tokens_not_before is null or practitioner_verifications.verified_at > users.tokens_not_before)`,
      )
      .where('users.role', '=', 'practitioner')
      .where(accountStands)
      .where(authorityIsLive)
      .executeTakeFirst()
  );
}
