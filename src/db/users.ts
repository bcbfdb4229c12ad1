import { type Kysely, type Selectable, sql, type Transaction, type Updateable } from 'kysely';
import { askedLately, askedUntil } from './override-rights.js';
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

/** What an account needs, one by one. A date that is missing or still to come counts as not done. */
export const standing = {
  checked: sql<boolean>`(users.background_check_on > ${today} - interval '3 years' and users.background_check_on <= ${today})`,
  trained: sql<boolean>`(users.training_completed_on <= ${today})`,
  agreed: sql<boolean>`(users.agreement_signed_on <= ${today})`,
};

/** An account works only while its check is under three years old, its training done, its agreement signed, and nobody has disabled it. */
export const accountStands = sql<boolean>`coalesce(
  users.disabled_at is null and ${standing.checked} and ${standing.trained} and ${standing.agreed}, false)`;

/** Roles that work for one authority: they may sign in once it is live. The others are the nation's. */
export const localRoles: readonly Role[] = ['practitioner', 'management-team', 'call-centre'];

export const authorityIsLive = sql<boolean>`(users.authority is null or users.role not in (${sql.join(localRoles)})
  or exists (select from authorities where code = users.authority and live_at <= now()))`;

export interface Credentials extends Account {
  stands: boolean;
  /** Whether the authority is, where the role is one of an authority. */
  live: boolean;
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
      authorityIsLive.as('live'),
      'users.password_hash as passwordHash',
      'users.totp_secret as totpSecret',
    ])
    .where('username', '=', username.toLowerCase())
    .executeTakeFirst();
}

/** From the fifth failure in a row there is a wait: of a minute, and twice as long each time, up to this. */
const FREE_FAILURES = 5;
const LONGEST_WAIT_MINUTES = 15;

const waitAfter = (failures: ReturnType<typeof sql>) => sql`case when ${failures} >= ${FREE_FAILURES}::int then
  now() + make_interval(mins => least(${LONGEST_WAIT_MINUTES}::int, power(2, least(${failures} - ${FREE_FAILURES}::int, 10))::int)) end`;

/**
 * Counts a sign-in as failed before its code is looked at, so that guesses made all at once are counted like guesses
 * made one after another; a success takes the count back. A wrong password counts against the address that it came
 * from, so that no stranger can lock somebody out; only who knows the password can lock the account as a whole.
 * An id that nobody has does the same work. @param source names the address
 * @returns false while there is a wait: the attempt then counts for nothing
 */
export async function countAttempt(
  db: Kysely<Database>,
  userId: string,
  source: string,
  knowsPassword: boolean,
): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    // The audit row that follows waits for the disk, and this with it; waiting here as well would tell by the time
    // taken which user names are known.
    await sql`set local synchronous_commit = off`.execute(trx);
    // Attempts on one account come one after the other.
    await sql`select from users where id = ${userId} for update`.execute(trx);
    const inARow = sql`(case when f.failed_at < now() - interval '1 day' then 0 else f.failures end + 1)`;
    const { rows } = await sql`
      insert into sign_in_failures as f (user_id, source, failures, failed_at)
      select id, ${source}, 1, now() from users where id = ${userId} and (locked_until is null or locked_until <= now())
      on conflict (user_id, source) do update set failures = ${inARow}, failed_at = now(), locked_until = ${waitAfter(inARow)}
        where f.locked_until is null or f.locked_until <= now()
      returning user_id`.execute(trx);
    const counted = rows.length === 1;
    await sql`
      update users set failed_sign_ins = failed_sign_ins + 1, locked_until = ${waitAfter(sql`failed_sign_ins + 1`)}
      where id = ${userId} and ${counted && knowsPassword}`.execute(trx);
    return counted;
  });
}

/** Forgets the failures that a success has made good, and those of others that no wait depends on any more. */
export async function forgetFailures(trx: Transaction<Database>, userId: string, source: string): Promise<void> {
  await sql`
    delete from sign_in_failures where user_id = ${userId} and (source = ${source} or failed_at < now() - interval '1 day')`.execute(
    trx,
  );
}

/** How many more failures from there do without a wait. */
export async function attemptsLeft(db: Kysely<Database>, userId: string, source: string): Promise<number> {
  const row = await db
    .selectFrom('sign_in_failures')
    .select('failures')
    .where('user_id', '=', userId)
    .where('source', '=', source)
    .executeTakeFirst();
  return Math.max(0, FREE_FAILURES - (row?.failures ?? 0));
}

export async function forgetAllFailures(trx: Transaction<Database>, userId: string): Promise<void> {
  await trx.deleteFrom('sign_in_failures').where('user_id', '=', userId).execute();
}

/**
 * Accepts a one-time code's step once: of two uses at the same moment one finds the step taken. What the password and
 * the code were checked against must still be there: a reset that came meanwhile has ended every session but this one.
 */
export async function acceptCode(trx: Transaction<Database>, checked: Credentials, step: number): Promise<boolean> {
  return (await confirm(trx, checked)) && takeStep(trx, checked, step);
}

/** Accepts a recovery code once, as `acceptCode` does a one-time code. */
export async function acceptRecoveryCode(
  trx: Transaction<Database>,
  checked: Credentials,
  codeHash: string,
): Promise<boolean> {
  return (await confirm(trx, checked)) && takeRecoveryCode(trx, checked.userId, codeHash);
}

async function confirm(trx: Transaction<Database>, checked: Credentials): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('users')
    .set({ failed_sign_ins: 0, locked_until: null })
    .where('id', '=', checked.userId)
    .where('password_hash', '=', checked.passwordHash)
    .where('totp_secret', '=', checked.totpSecret)
    .where(accountStands)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** A step is taken once, whatever it is taken for. @returns false when it, or a later one, was taken before */
export async function takeStep(
  trx: Transaction<Database>,
  { userId, totpSecret }: Pick<Credentials, 'userId' | 'totpSecret'>,
  step: number,
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('users')
    .set({ totp_last_step: step })
    .where('id', '=', userId)
    .where('totp_secret', '=', totpSecret)
    .where('totp_last_step', '<', step)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

async function takeRecoveryCode(trx: Transaction<Database>, userId: string, codeHash: string): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('recovery_codes')
    .set({ used_at: sql<Date>`now()` })
    .where('user_id', '=', userId)
    .where('code_hash', '=', codeHash)
    .where('used_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

export async function isUnusedRecoveryCode(db: Kysely<Database>, userId: string, codeHash: string): Promise<boolean> {
  const found = await db
    .selectFrom('recovery_codes')
    .select('code_hash')
    .where('user_id', '=', userId)
    .where('code_hash', '=', codeHash)
    .where('used_at', 'is', null)
    .executeTakeFirst();
  return found !== undefined;
}

/** New codes in the place of all there were. */
export async function replaceRecoveryCodes(
  trx: Transaction<Database>,
  userId: string,
  codeHashes: string[],
): Promise<void> {
  await trx.deleteFrom('recovery_codes').where('user_id', '=', userId).execute();
  await trx
    .insertInto('recovery_codes')
    .values(codeHashes.map((code_hash) => ({ user_id: userId, code_hash, used_at: null })))
    .execute();
}

export async function countRecoveryCodes(db: Kysely<Database>, userId: string): Promise<number> {
  const { left } = await db
    .selectFrom('recovery_codes')
    .select((eb) => eb.fn.countAll<number>().as('left'))
    .where('user_id', '=', userId)
    .where('used_at', 'is', null)
    .executeTakeFirstOrThrow();
  return Number(left);
}

export interface SealedSecret {
  userId: string;
  sealed: string;
}

/** @param after id of the last user of the page before */
export async function findSealedSecrets(db: Kysely<Database>, limit: number, after?: string): Promise<SealedSecret[]> {
  const rows = await db
    .selectFrom('users')
    .select(['id as userId', 'totp_secret as sealed'])
    .where('totp_secret', 'is not', null)
    .$if(after !== undefined, (query) => query.where('id', '>', after ?? ''))
    .orderBy('id')
    .limit(limit)
    .execute();
  return rows.flatMap(({ userId, sealed }) => (sealed === null ? [] : [{ userId, sealed }]));
}

/** @returns false where another secret has come in its place meanwhile */
export async function replaceSealedSecret(
  db: Kysely<Database>,
  { userId, sealed }: SealedSecret,
  next: string,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('users')
    .set({ totp_secret: next })
    .where('id', '=', userId)
    .where('totp_secret', '=', sealed)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
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
  externalSubject: string | null;
  /** Administrator who has asked for `mayOverrideShields`, while it may be approved. */
  overrideAskedBy: string | null;
  overrideAskedUntil: Date | null;
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
      'users.external_subject as externalSubject',
      sql<string | null>`case when ${askedLately} then users.override_asked_by end`.as('overrideAskedBy'),
      askedUntil.as('overrideAskedUntil'),
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
  | 'external_subject'
  | 'override_asked_by'
  | 'override_asked_at'
>;

/** @returns false when the user name, or the subject, is taken */
export async function insertUser(trx: Transaction<Database>, id: string, values: UserValues): Promise<boolean> {
  const inserted = await trx
    .insertInto('users')
    .values({ ...values, id, locked_until: null, disabled_at: null, tokens_not_before: null })
    .onConflict((conflict) => conflict.doNothing())
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

/** Whether another account answers to that name of the identity provider. */
export async function isSubjectTaken(db: Kysely<Database>, subject: string, userId: string): Promise<boolean> {
  const { rows } = await sql`
    select from users where coalesce(external_subject, id::text) = ${subject} and id <> ${userId}`.execute(db);
  return rows.length > 0;
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
