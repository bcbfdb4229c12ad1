import type { Access } from '../../caller.js';
import type { Context } from '../../context.js';
import { isChildNumber } from '../../db/child-number.js';
import { DirectoryError, type FieldError } from '../../errors.js';
import type { VerificationAnswer, VerificationRequest } from '../../schemas/verification.js';
import { verifyChild } from './verify-child.js';
import { verifyPractitioner } from './verify-practitioner.js';

const ofChild = ['givenNames', 'familyName', 'dateOfBirth', 'postcode', 'addressLine', 'parentName', 'parentPhone'];
const ofPractitioner = ['givenNames', 'familyName', 'organisation', 'otp'];

/**
 * Compares what a caller claims with what is held, and tells the operator how, never what.
 * @throws DirectoryError `invalid-request`, `not-found`, `verification-locked`
 */
export async function verifyCaller(
  context: Context,
  access: Access,
  { subject, childId, number, username, claims }: VerificationRequest,
): Promise<VerificationAnswer> {
  const known = subject === 'child' ? ofChild : ofPractitioner;
  const errors: FieldError[] = Object.keys(claims)
    .filter((claim) => !known.includes(claim))
    .map((claim) => ({ path: `/claims/${claim}`, message: `is no claim about a ${subject}` }));
  if (subject === 'child') {
    if (username !== undefined) errors.push({ path: '/username', message: 'is for a practitioner' });
    if ((childId === undefined) === (number === undefined))
      errors.push({ path: '/childId', message: 'or a number is needed, one of them' });
    if (number !== undefined && !isChildNumber(number))
      errors.push({ path: '/number', message: 'has a wrong check digit' });
    const child = childId === undefined ? { number: number ?? '' } : { childId };
    if (errors.length === 0) return verifyChild(context, access, child, claims);
  } else {
    for (const [field, value] of Object.entries({ childId, number }))
      if (value !== undefined) errors.push({ path: `/${field}`, message: 'is for a child' });
    if (username === undefined) errors.push({ path: '/username', message: 'is needed' });
    else if (errors.length === 0) return verifyPractitioner(context, access, username, claims);
  }
  throw new DirectoryError('invalid-request', 'The request is not valid: see errors', { errors });
}
