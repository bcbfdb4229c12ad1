import type { Kysely, Transaction } from 'kysely';
import { v7 as uuid } from 'uuid';
import type { Caller } from '../caller.js';
import type { Config } from '../config.js';
import type { Context } from '../context.js';
import { type AuditEvent, recordAccountAudit, recordSystemAudit } from '../db/audit.js';
import { ensureAuthority, findOrInsertOrganisation, isAuthority, setLive } from '../db/organisations.js';
import { noteSetter } from '../db/override-rights.js';
import type { Database, Role } from '../db/schema.js';
import { revokeSessionsOf } from '../db/sessions.js';
import {
  findUser,
  forgetAllFailures,
  insertUser,
  isSubjectTaken,
  listUsers,
  lockUser,
  replaceRecoveryCodes,
  type User,
  type UserValues,
  updateUser,
} from '../db/users.js';
import { DirectoryError } from '../errors.js';
import { requireValid } from '../schemas/check.js';
import {
  type NewUser,
  newUserSchema,
  type UserChange,
  type UserPage,
  type UserPageQuery,
  type UserView,
  type UserWithSecret,
} from '../schemas/users.js';
import { hashPassword } from './passwords.js';
import { hashRecoveryCode, newSecondFactor, type SecondFactor, sealSecret } from './second-factor.js';

/** Without an authority they would work for none; a call centre may be the nation's. */
const needAuthority: readonly Role[] = ['practitioner', 'management-team'];

/**
 * Makes an account with a new second factor, which is shown in this answer and never again. `audit` writes the event
 * in the same transaction: for an administrator or for the operator on the server.
 * @param by the administrator; null: the operator, whose word alone gives the right to look past shields
 * @throws DirectoryError `invalid-request`, `conflict`
 */
async function createUser(
  trx: Transaction<Database>,
  config: Config,
  user: NewUser,
  by: string | null,
  audit: (event: AuditEvent) => Promise<void>,
): Promise<UserWithSecret> {
  const userId = uuid();
  const factor = newSecondFactor(user.username);
  await requireAuthority(trx, user.role, user.authority ?? null);
  requireOverrideRole(user.role, user.mayOverrideShields);
  // Before anything is locked that others wait for: it takes a tenth of a second.
  const passwordHash = user.password === undefined ? null : await hashPassword(user.password);
  const values: UserValues = {
    username: user.username,
    name: user.name,
    role: user.role,
    authority: user.authority ?? null,
    may_override_shields: by === null && user.mayOverrideShields === true,
    ...(by !== null && user.mayOverrideShields ? askedForBy(by) : notAskedFor),
    external_subject: user.externalSubject ?? null,
    organisation_id: await organisationIdOf(trx, user.organisation ?? null),
    password_hash: passwordHash,
    totp_secret: sealSecret(factor.totpSecret, userId, config.secrets.sealing[0]),
    background_check_on: user.backgroundCheckOn ?? null,
    training_completed_on: user.trainingCompletedOn ?? null,
    agreement_signed_on: user.agreementSignedOn ?? null,
  };
  await requireFreeSubject(trx, userId, user.externalSubject);
  if (!(await insertUser(trx, userId, values))) throw new DirectoryError('conflict', 'This user name is taken');
  await replaceRecoveryCodes(trx, userId, hashesOf(userId, factor));
  if (by !== null) await noteSetter(trx, userId, by);
  await audit({ action: 'create-user', details: { userId, role: user.role } });
  if (values.override_asked_by !== null) await audit({ action: 'ask-shield-override', details: { userId } });
  return { ...viewOf(await getUser(trx, userId)), ...factor };
}

export async function createUserAs(
  context: Context,
  caller: Caller,
  requestId: string,
  user: NewUser,
): Promise<UserWithSecret> {
  return context.db
    .transaction()
    .execute((trx) =>
      createUser(trx, context.config, user, caller.userId, (event) =>
        recordAccountAudit(trx, caller, requestId, event),
      ),
    );
}

/**
 * By the operator, who has the server itself; an authority that is new is made. Outside production one that nobody has
 * put into the roll-out is live with it, so that a first try needs no roll-out. @throws DirectoryError as `createUser` does
 */
export async function createUserOnServer(db: Kysely<Database>, config: Config, user: NewUser): Promise<UserWithSecret> {
  requireValid(newUserSchema, user);
  return db.transaction().execute(async (trx) => {
    if (user.authority) {
      await ensureAuthority(trx, user.authority);
      if (!config.production && (await setLive(trx, user.authority, true))) {
        await recordSystemAudit(trx, { action: 'authority-live', details: { authority: user.authority } });
      }
    }
    return createUser(trx, config, user, null, (event) => recordSystemAudit(trx, event));
  });
}

/**
 * What nobody may decide about their own account: one administrator alone could otherwise lock all out or vouch for
 * himself, and who stole his token could make it an account of their own.
 */
const notOnesOwn = [
  'role',
  'authority',
  'mayOverrideShields',
  'disabled',
  'backgroundCheckOn',
  'trainingCompletedOn',
  'agreementSignedOn',
  'externalSubject',
  'resetTotp',
] as const;
/** What ends every session of the account at once. */
const endsSessions = [
  'role',
  'authority',
  'organisation',
  'disabled',
  'password',
  'externalSubject',
  'resetTotp',
] as const;

/** What lets whoever sets it sign in as somebody else. */
const lendsAccount = ['password', 'externalSubject', 'resetTotp'] as const;

/** @throws DirectoryError `not-found`, `forbidden`, `invalid-request` */
export async function changeUser(
  context: Context,
  caller: Caller,
  requestId: string,
  userId: string,
  change: UserChange,
): Promise<UserWithSecret> {
  const own = notOnesOwn.filter((field) => change[field] !== undefined);
  if (userId === caller.userId && own.length > 0) {
    throw new DirectoryError('forbidden', `Another administrator must change your own ${own.join(', ')}`);
  }
  return context.db.transaction().execute(async (trx) => {
    if (!(await lockUser(trx, userId))) throw new DirectoryError('not-found', 'No such user');
    const user = await getUser(trx, userId);
    if (change.role !== undefined || change.authority !== undefined) {
      await requireAuthority(
        trx,
        change.role ?? user.role,
        change.authority === undefined ? user.authority : change.authority,
      );
    }
    const role = change.role ?? user.role;
    requireOverrideRole(role, change.mayOverrideShields);
    await requireFreeSubject(trx, userId, change.externalSubject);
    const lent = userId !== caller.userId && lendsAccount.some((field) => change[field] !== undefined);
    const { mayOverrideShields: asked, disabled } = change;
    const right = overrideRight(user, { role, asked, lent, disabled }, caller.userId);
    const passwordHash = change.password === undefined ? undefined : await hashPassword(change.password);
    // A column whose value is undefined stays as it is.
    await updateUser(trx, userId, {
      name: change.name,
      role: change.role,
      authority: change.authority,
      ...right,
      organisation_id: change.organisation === undefined ? undefined : await organisationIdOf(trx, change.organisation),
      background_check_on: change.backgroundCheckOn,
      training_completed_on: change.trainingCompletedOn,
      agreement_signed_on: change.agreementSignedOn,
      external_subject: change.externalSubject,
      disabled_at: disabledAt(change.disabled),
      ...(passwordHash && { password_hash: passwordHash, failed_sign_ins: 0, locked_until: null }),
    });
    const factor = change.resetTotp ? await renewSecondFactor(trx, context.config, user) : undefined;
    if (lent || (change.role === 'administrator' && user.role !== 'administrator'))
      await noteSetter(trx, userId, caller.userId);
    if (passwordHash) await forgetAllFailures(trx, userId);
    if (endsSessions.some((field) => change[field] !== undefined)) await revokeSessionsOf(trx, userId);
    await noteReopening(trx, user, caller.userId);
    const details = { userId, fields: Object.keys(change).sort() };
    await recordAccountAudit(trx, caller, requestId, { action: 'change-user', details });
    if (right.override_asked_by)
      await recordAccountAudit(trx, caller, requestId, { action: 'ask-shield-override', details: { userId } });
    return { ...viewOf(await getUser(trx, userId)), ...factor };
  });
}

/** Whoever lets somebody in who was out could as well have made the account; and no right comes back with it. */
async function noteReopening(trx: Transaction<Database>, before: User, administrator: string): Promise<void> {
  if (before.stands) return;
  const { id: userId, stands, role, mayOverrideShields } = await getUser(trx, before.id);
  if (!stands) return;
  if (role === 'administrator') await noteSetter(trx, userId, administrator);
  if (mayOverrideShields) await updateUser(trx, userId, { may_override_shields: false });
}

export async function readUsers(
  context: Context,
  caller: Caller,
  requestId: string,
  { cursor, limit = 50 }: UserPageQuery,
): Promise<UserPage> {
  const found = await listUsers(context.db, limit + 1, cursor);
  const users = found.slice(0, limit).map(viewOf);
  await recordAccountAudit(context.db, caller, requestId, { action: 'list-users', details: { users: users.length } });
  const last = users.at(-1);
  return { users, ...(found.length > limit && last ? { nextCursor: last.userId } : {}) };
}

export async function getUser(trx: Transaction<Database>, userId: string): Promise<User> {
  const user = await findUser(trx, userId);
  if (!user) throw new DirectoryError('not-found', 'No such user');
  return user;
}

/** An account answers to one name of the identity provider, its own id where it has none, and to that name no other. */
async function requireFreeSubject(
  trx: Transaction<Database>,
  userId: string,
  subject: string | null | undefined,
): Promise<void> {
  if (subject !== undefined && (await isSubjectTaken(trx, subject ?? userId, userId)))
    throw new DirectoryError('conflict', 'This subject of the identity provider is taken');
}

/** A second factor in place of the one that the account had: whoever used that is out. @returns it, to be shown once */
export async function renewSecondFactor(
  trx: Transaction<Database>,
  config: Config,
  { id: userId, username }: Pick<User, 'id' | 'username'>,
): Promise<SecondFactor> {
  const factor = newSecondFactor(username);
  await updateUser(trx, userId, {
    totp_secret: sealSecret(factor.totpSecret, userId, config.secrets.sealing[0]),
    totp_last_step: 0,
  });
  await replaceRecoveryCodes(trx, userId, hashesOf(userId, factor));
  return factor;
}

function hashesOf(userId: string, { recoveryCodes }: SecondFactor): string[] {
  return recoveryCodes.flatMap((code) => hashRecoveryCode(userId, code) ?? []);
}

function disabledAt(disabled: boolean | undefined): Date | null | undefined {
  if (disabled === undefined) return undefined;
  return disabled ? new Date() : null;
}

async function organisationIdOf(
  trx: Transaction<Database>,
  organisation: NonNullable<UserChange['organisation']> | null,
): Promise<string | null> {
  return organisation ? findOrInsertOrganisation(trx, organisation.name, organisation.sector) : null;
}

async function requireAuthority(trx: Transaction<Database>, role: Role, authority: string | null): Promise<void> {
  const refuse = (message: string) => {
    throw new DirectoryError('invalid-request', 'The request is not valid: see errors', {
      errors: [{ path: '/authority', message }],
    });
  };
  if (authority === null) {
    if (needAuthority.includes(role)) refuse(`is needed for the role ${role}`);
  } else if (!(await isAuthority(trx, authority))) {
    refuse('is not an authority that is known here');
  }
}

const overrideRole: Role = 'management-team';

function requireOverrideRole(role: Role, mayOverrideShields: boolean | undefined): void {
  if (!mayOverrideShields || role === overrideRole) return;
  throw new DirectoryError('invalid-request', 'The request is not valid: see errors', {
    errors: [{ path: '/mayOverrideShields', message: `is a right of the role ${overrideRole} alone` }],
  });
}

const notAskedFor = { override_asked_by: null, override_asked_at: null };

function askedForBy(administrator: string) {
  return { override_asked_by: administrator, override_asked_at: new Date() };
}

/**
 * What becomes of the right to look past shields: a right of the role, so that who leaves it does not find it again on
 * coming back, and of an account that is open. One administrator alone gives it to nobody: neither by asking, nor by setting the
 * password of who has it, nor by opening again the account of who had it.
 */
function overrideRight(
  { mayOverrideShields }: User,
  {
    role,
    asked,
    lent,
    disabled,
  }: { role: Role; asked: boolean | undefined; lent: boolean; disabled: boolean | undefined },
  administrator: string,
): Pick<UserValues, 'may_override_shields'> & Partial<Pick<UserValues, 'override_asked_by' | 'override_asked_at'>> {
  if (role !== overrideRole || asked === false || disabled) return { may_override_shields: false, ...notAskedFor };
  if (asked && (lent || !mayOverrideShields)) return { may_override_shields: false, ...askedForBy(administrator) };
  if (lent) return { may_override_shields: false, ...notAskedFor };
  return { may_override_shields: mayOverrideShields };
}

export function viewOf(user: User): UserView {
  return {
    userId: user.id,
    username: user.username,
    name: user.name,
    role: user.role,
    organisation:
      user.organisationName !== null && user.organisationSector !== null
        ? { name: user.organisationName, sector: user.organisationSector }
        : null,
    authority: user.authority,
    mayOverrideShields: user.mayOverrideShields,
    overrideAsked:
      user.overrideAskedBy !== null && user.overrideAskedUntil !== null
        ? { by: user.overrideAskedBy, until: user.overrideAskedUntil.toISOString() }
        : null,
    externalSubject: user.externalSubject,
    backgroundCheckOn: user.backgroundCheckOn,
    trainingCompletedOn: user.trainingCompletedOn,
    agreementSignedOn: user.agreementSignedOn,
    disabled: user.disabledAt !== null,
    usable: user.stands,
  };
}
