import { v7 as uuid } from 'uuid';
import type { Access } from '../../caller.js';
import type { Context } from '../../context.js';
import { recordAudit } from '../../db/audit.js';
import { attemptsLeft, countAttempt, findCredentials, findEmployer, forgetFailures } from '../../db/users.js';
import { insertPractitionerVerification } from '../../db/verifications.js';
import { DirectoryError } from '../../errors.js';
import { type ClaimAnswer, comparePractitionerClaims, type PractitionerClaims } from '../../matching/index.js';
import type { VerificationAnswer } from '../../schemas/verification.js';
import { useSecondFactor } from '../second-factor.js';

/** All of them, and nothing that is only close. */
const needed = ['givenNames', 'familyName', 'organisation', 'otp'];

/**
 * A practitioner on the telephone shows who they are by name, organisation and a code of their second factor, which is
 * spent then as by signing in. After wrong ones the operator has to wait, as who signs in from one address has: no
 * operator can lock a practitioner out.
 * @throws DirectoryError `not-found` where no practitioner has that user name; `verification-locked`
 */
export async function verifyPractitioner(
  context: Context,
  access: Access,
  username: string,
  { otp, ...claims }: PractitionerClaims & { otp?: string },
): Promise<VerificationAnswer> {
  const { db } = context;
  const found = await findCredentials(db, username);
  if (found?.role !== 'practitioner') {
    await recordAudit(db, access, { action: 'verify-not-found', details: { subject: 'practitioner' } });
    throw new DirectoryError('not-found', 'No practitioner has this user name');
  }
  const { userId, name } = found;
  const source = `operator ${access.caller.userId}`;
  // Counted before the code is looked at, as at sign-in.
  if (otp !== undefined && !(await countAttempt(db, userId, source, false))) {
    await recordAudit(db, access, { action: 'verify-locked', details: { subject: 'practitioner', userId } });
    throw new DirectoryError(
      'verification-locked',
      'Too many codes of this practitioner were wrong: try again in a while',
    );
  }
  const organisation = (await findEmployer(db, userId)) ?? null;
  return db.transaction().execute(async (trx) => {
    const fields: Record<string, ClaimAnswer> = comparePractitionerClaims(claims, { name, organisation });
    if (otp !== undefined) {
      const accepted = found.stands && found.live && (await useSecondFactor(trx, context, found, otp));
      if (accepted) await forgetFailures(trx, userId, source);
      fields.otp = accepted ? 'agrees' : 'disagrees';
    }
    const verified = needed.every((field) => fields[field] === 'agrees');
    const verificationId = uuid();
    if (verified) {
      await insertPractitionerVerification(trx, {
        id: verificationId,
        operatorId: access.caller.userId,
        practitionerId: userId,
      });
    }
    await recordAudit(trx, access, {
      action: 'verify',
      details: { subject: 'practitioner', userId, verificationId, fields: Object.keys(fields).sort(), verified },
    });
    return { verificationId, verified, fields, attemptsLeft: await attemptsLeft(trx, userId, source) };
  });
}
