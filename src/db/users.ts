import { type Kysely, type Selectable, sql, type Transaction, type Updateable } from 'kysely';
import type { Database, Role, Sector } from './schema.js';

/** Who an account belongs to: what an access token says of it and what the audit log keeps. */
export interface Account {
  userId: string;
  name: string;
  role: Role;
  organisationId: string | null;
  authority: string | null;
  mayOverrideShields: boolean;
}

export const accountColumns = [
  'users.id as userId',
  'users.name',
  'users.role',
  'users.organisation_id as organisationId',
  'users.authority',
  'users.may_override_shields as mayOverrideShields',
] as const;

/** Dates of checks are England's, whatever clock the server keeps. */
const today = sql`(now() at time zone 'Europe/London')::date`;

/**
 * An account works only while its check is under three years old, its training done, its agreement signed, and nobody
 * has disabled it. A date that is missing or still to come counts as not done.
 */
export const accountStands = sql<boolean>`coalesce(
  users.disabled_at is null
  and users.background_check_on > ${today} - interval '3 years' and users.background_check_on <= ${today}
  and users.training_completed_on <= ${today}
  and users.agreement_signed_on <= ${today}, false)`;

export interface Credentials extends Account {
  stands: boolean;
  passwordHash: string | null;
  /** Sealed. */
  totpSecret: string | null;
}

export async function findCredentials(db: Kysely<Database>, username: string): Promise<Credentials | undefined> {
  return db
    .selectFrom('users')
    .select([
      ...accountColumns,
      accountStands.as('stands'),
      'users.password_hash as passwordHash',
      'users.totp_secret as totpSecret',
    ])
    .where('username', '=', username.toLowerCase())
    .executeTakeFirst();
}

/** From the fifth failure in a row the account is locked: for a minute, and twice as long each time, up to a quarter of an hour. */
const FREE_FAILURES = 5;
const LONGEST_LOCK_MINUTES = 15;

/**
 * Counts a sign-in as failed before it is looked at, so that guesses made all at once are counted like guesses made
 * one after another; a success takes the count back. An id that nobody has does the same work.
 * @returns false while the account is locked: the attempt then counts for nothing
 */
export async function countAttempt(db: Kysely<Database>, userId: string): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    // The audit row that follows waits for the disk, and this with it; waiting here as well would tell by the time
    // taken which user names are known.
    await sql`set local synchronous_commit = off`.execute(trx);
    const { rows } = await sql`
      update users set failed_sign_ins = failed_sign_ins + 1,
        locked_until = case when failed_sign_ins + 1 >= ${FREE_FAILURES}::int then
          now() + make_interval(mins => least(${LONGEST_LOCK_MINUTES}::int, power(2, least(failed_sign_ins + 1 - ${FREE_FAILURES}::int, 10))::int))
        end
      where id = ${userId} and (locked_until is null or locked_until <= now())
      returning id`.execute(trx);
    return rows.length === 1;
  });
}

/**
 * Accepts a one-time code's step once: of two uses at the same moment one finds the step taken. What the password and
 * the code were checked against must still be there: a reset that came meanwhile has ended every session but this one.
 */
export async function acceptCode(trx: Transaction<Database>, checked: Credentials, step: number): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('users')
    .set({ totp_last_step: step, failed_sign_ins: 0, locked_until: null })
    .where('id', '=', checked.userId)
    .where('totp_last_step', '<', step)
    .where('password_hash', '=', checked.passwordHash)
    .where('totp_secret', '=', checked.totpSecret)
    .where(accountStands)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/**
 * Accepts a code by itself, of somebody who shows on the telephone who they are: as much once as a code at sign-in, and
 * of an account that stands. @param totpSecret sealed, as the code was checked against
 */
export async function acceptSpokenCode(
  trx: Transaction<Database>,
  { userId, totpSecret }: Pick<Credentials, 'userId' | 'totpSecret'>,
  step: number,
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('users')
    .set({ totp_last_step: step, failed_sign_ins: 0, locked_until: null })
    .where('id', '=', userId)
    .where('totp_last_step', '<', step)
    .where('totp_secret', '=', totpSecret)
    .where(accountStands)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** How many more wrong codes an account takes before it is locked. */
export async function attemptsLeft(db: Kysely<Database>, userId: string): Promise<number> {
  const row = await db.selectFrom('users').select('failed_sign_ins').where('id', '=', userId).executeTakeFirst();
  return Math.max(0, FREE_FAILURES - (row?.failed_sign_ins ?? FREE_FAILURES));
}

export interface User {
  id: string;
  username: string;
  name: string;
  role: Role;
  authority: string | null;
  mayOverrideShields: boolean;
  organisationName: string | null;
  organisationSector: Sector | null;
  backgroundCheckOn: string | null;
  trainingCompletedOn: string | null;
  agreementSignedOn: string | null;
  disabledAt: Date | null;
  stands: boolean;
}

function selectUsers(db: Kysely<Database>) {
  return db
    .selectFrom('users')
    .leftJoin('organisations', 'organisations.id', 'users.organisation_id')
    .select([
      'users.id',
      'users.username',
      'users.name',
      'users.role',
      'users.authority',
      'users.may_override_shields as mayOverrideShields',
      'organisations.name as organisationName',
      'organisations.sector as organisationSector',
      'users.background_check_on as backgroundCheckOn',
      'users.training_completed_on as trainingCompletedOn',
      'users.agreement_signed_on as agreementSignedOn',
      'users.disabled_at as disabledAt',
      accountStands.as('stands'),
    ]);
}

export async function findUser(db: Kysely<Database>, userId: string): Promise<User | undefined> {
  return selectUsers(db).where('users.id', '=', userId).executeTakeFirst();
}

export interface Practitioner {
  userId: string;
  /** Name of the organisation, else of the authority. */
  employer: string | null;
}

/** Somebody who may declare work with a child, and whose account stands. */
export async function findPractitioner(
  db: Kysely<Database>,
  by: { userId: string } | { username: string },
): Promise<Practitioner | undefined> {
  return db
    .selectFrom('users')
    .leftJoin('organisations', 'organisations.id', 'users.organisation_id')
    .leftJoin('authorities', 'authorities.code', 'users.authority')
    .select(['users.id as userId', sql<string | null>`coalesce(organisations.name, authorities.name)`.as('employer')])
    .where('users.role', 'in', ['practitioner', 'management-team'])
    .where(accountStands)
    .where((eb) => ('userId' in by ? eb('users.id', '=', by.userId) : eb('users.username', '=', by.username)))
    .executeTakeFirst();
}

/** Name of the organisation of that user, else of the authority. */
export async function findEmployer(db: Kysely<Database>, userId: string): Promise<string | null | undefined> {
  const row = await db
    .selectFrom('users')
    .leftJoin('organisations', 'organisations.id', 'users.organisation_id')
    .leftJoin('authorities', 'authorities.code', 'users.authority')
    .select(sql<string | null>`coalesce(organisations.name, authorities.name)`.as('employer'))
    .where('users.id', '=', userId)
    .executeTakeFirst();
  return row?.employer;
}

/** In the order in which they were made. @param after id of the last user of the page before */
export async function listUsers(db: Kysely<Database>, limit: number, after?: string): Promise<User[]> {
  return selectUsers(db)
    .$if(after !== undefined, (query) => query.where('users.id', '>', after ?? ''))
    .orderBy('users.id')
    .limit(limit)
    .execute();
}

export type UserValues = Pick<
  Selectable<Database['users']>,
  | 'username'
  | 'name'
  | 'role'
  | 'organisation_id'
  | 'authority'
  | 'may_override_shields'
  | 'password_hash'
  | 'totp_secret'
  | 'background_check_on'
  | 'training_completed_on'
  | 'agreement_signed_on'
>;

/** @returns false when the user name is taken */
export async function insertUser(trx: Transaction<Database>, id: string, values: UserValues): Promise<boolean> {
  const inserted = await trx
    .insertInto('users')
    .values({ ...values, id, locked_until: null, disabled_at: null })
    .onConflict((conflict) => conflict.column('username').doNothing())
    .executeTakeFirst();
  return inserted.numInsertedOrUpdatedRows === 1n;
}

export async function updateUser(
  trx: Transaction<Database>,
  userId: string,
  values: Updateable<Database['users']>,
): Promise<void> {
  await trx.updateTable('users').set(values).where('id', '=', userId).execute();
}

/** Two changes of one account come one after the other. */
export async function lockUser(trx: Transaction<Database>, userId: string): Promise<boolean> {
  return (
    (await trx.selectFrom('users').select('id').where('id', '=', userId).forUpdate().executeTakeFirst()) !== undefined
  );
}

/** Who these users are to others who work with children. */
export async function findUserNames(
  db: Kysely<Database>,
  userIds: string[],
): Promise<{ userId: string; name: string; organisation: string | null }[]> {
  if (userIds.length === 0) return [];
  return db
    .selectFrom('users')
    .leftJoin('organisations', 'organisations.id', 'users.organisation_id')
    .select(['users.id as userId', 'users.name', 'organisations.name as organisation'])
    .where('users.id', 'in', userIds)
    .execute();
}
