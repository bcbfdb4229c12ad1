import type { Transaction } from 'kysely';
import { v7 as uuid } from 'uuid';
import type { Access } from '../../caller.js';
import type { Context } from '../../context.js';
import { recordAudit } from '../../db/audit.js';
import { type ChildFacts, findSomeFacts } from '../../db/children.js';
import type { Database } from '../../db/schema.js';
import { type Attempts, lockAttempts, saveAttempts } from '../../db/verifications.js';
import { DirectoryError } from '../../errors.js';
import { type ChildClaims, type ChildHeld, type ClaimAnswers, compareChildClaims } from '../../matching/index.js';
import type { VerificationAnswer } from '../../schemas/verification.js';
import { addressLine } from '../../search/projection.js';
import { todayInEngland } from '../child-age.js';
import { isCurrentAddress } from '../search/answer.js';
import { behindShield } from '../visibility.js';

const MOST_FAILURES = 5;
const LEAST_AGREEING = 3;

/** Nobody. In the place of what a shield hides: comparing with it takes as long, whatever is hidden. */
const decoy: ChildHeld = {
  names: [{ givenNames: 'Ottoline', familyName: 'Quarrington' }],
  dateOfBirth: '2010-10-20',
  addresses: [{ line: '18 Thistledown Passage', postcode: 'ZZ99 9ZZ' }],
  parents: [{ name: 'Leopold Quarrington', phone: '01632 960960' }],
};

type Outcome = VerificationAnswer | 'not-found' | 'verification-locked';

/**
 * One attempt of a caller who says that they are, or know, a child. Attempts on a child come one after another; each is
 * counted and in the audit log, in one transaction, before its answer.
 * @throws DirectoryError `not-found`, also for an archived child; `verification-locked`, whatever is claimed
 */
export async function verifyChild(
  context: Context,
  access: Access,
  child: { childId: string } | { number: string },
  claims: ChildClaims,
): Promise<VerificationAnswer> {
  const outcome = await context.db.transaction().execute(async (trx): Promise<Outcome> => {
    const attempts = await lockAttempts(trx, child);
    const [facts] = attempts ? await findSomeFacts(trx, [attempts.childId], wantedFor(claims)) : [];
    if (!attempts || !facts || facts.archived) {
      await recordAudit(trx, access, { action: 'verify-not-found', details: { subject: 'child' } });
      return 'not-found';
    }
    return attempt(trx, access, facts, attempts, claims);
  });
  if (outcome === 'not-found') throw new DirectoryError(outcome, 'No such child');
  if (outcome === 'verification-locked') {
    throw new DirectoryError(
      outcome,
      'Too many attempts on this child have failed: nobody can be verified on it today',
    );
  }
  if (outcome.attemptsLeft === 0) context.log.warn({ action: ALERT }, 'alert in the audit log');
  return outcome;
}

const ALERT = 'alert-verification-locked';

async function attempt(
  trx: Transaction<Database>,
  access: Access,
  child: ChildFacts,
  attempts: Attempts,
  claims: ChildClaims,
): Promise<Outcome> {
  const childIds = [child.childId];
  const locked = (child.shielded ? attempts.failedVisibly : attempts.failed) >= MOST_FAILURES;
  const { fields, visibly } = compare(claims, child, child.shielded || locked);
  const failed = !locked && hasFailed(fields);
  const counts = {
    childId: child.childId,
    failed: added(attempts.failed, failed),
    // Also under a lock, which hidden values may have brought about before a shield is set.
    failedVisibly: added(attempts.failedVisibly, hasFailed(visibly)),
  };
  await saveAttempts(trx, counts);
  if (locked) {
    await recordAudit(trx, access, { action: 'verify-locked', childIds, details: { subject: 'child' } });
    return 'verification-locked';
  }
  const attemptsLeft = MOST_FAILURES - (child.shielded ? counts.failedVisibly : counts.failed);
  const verified = !failed && fields.dateOfBirth === 'agrees' && agreeing(fields) >= LEAST_AGREEING;
  const verificationId = uuid();
  await recordAudit(trx, access, {
    action: 'verify',
    childIds,
    details: { subject: 'child', verificationId, fields: Object.keys(claims).sort(), verified, failed, attemptsLeft },
  });
  if (attemptsLeft === 0)
    await recordAudit(trx, access, { action: ALERT, childIds, details: { count: MOST_FAILURES } });
  return { verificationId, verified, fields, attemptsLeft };
}

/**
 * How the claims compare with what may be compared; and with what a shield would leave, by which attempts are counted
 * while one stands. The same work where all the rest is `concealed`.
 */
function compare(
  claims: ChildClaims,
  child: ChildFacts,
  concealed: boolean,
): Record<'fields' | 'visibly', ClaimAnswers<ChildClaims>> {
  const whole = compareChildClaims(claims, concealed ? decoy : heldOf(child));
  const visibly = compareChildClaims(claims, heldOf(behindShield(child)));
  return { fields: concealed ? visibly : whole, visibly };
}

function heldOf({ names, dateOfBirth, addresses, parents }: ChildFacts): ChildHeld {
  const today = todayInEngland();
  return {
    names,
    dateOfBirth,
    addresses: addresses
      .filter((address) => isCurrentAddress(address, today))
      .map((address) => ({ line: addressLine(address), postcode: address.postcode ?? '' })),
    parents,
  };
}

/** By what is claimed alone, not by what is held. */
function wantedFor({ postcode, addressLine, parentName, parentPhone }: ChildClaims) {
  return {
    addresses: postcode !== undefined || addressLine !== undefined,
    parents: parentName !== undefined || parentPhone !== undefined,
  };
}

function hasFailed(fields: ClaimAnswers<ChildClaims>): boolean {
  return Object.values(fields).some((answer) => answer === 'close' || answer === 'disagrees');
}

function agreeing(fields: ClaimAnswers<ChildClaims>): number {
  return Object.values(fields).filter((answer) => answer === 'agrees').length;
}

function added(count: number, failed: boolean): number {
  return Math.min(MOST_FAILURES, count + (failed ? 1 : 0));
}
