import type { Transaction } from 'kysely';
import type { Access, Caller } from '../../caller.js';
import type { Context } from '../../context.js';
import { recordAudit } from '../../db/audit.js';
import { findStandingForUpdate, type Standing } from '../../db/children.js';
import { holdHouseholds } from '../../db/households.js';
import type { Database, KeptDecision, ShieldDecision } from '../../db/schema.js';
import {
  type Decided,
  findDecisions,
  findStandingShield,
  insertDecisions,
  insertShield,
  updateShield,
} from '../../db/shields.js';
import { DirectoryError, type FieldError } from '../../errors.js';
import type { ShieldRequest } from '../../schemas/shields.js';
import { type Change, makeChange, readBack, requireEntitled, withChild } from '../change-child.js';
import { todayInEngland } from '../child-age.js';
import type { ReadChild } from '../read-child.js';
import { findHousehold, recordListed, type Sharer } from './household.js';

const REVIEW_AFTER_MONTHS = 6;
const SHARES_NOTHING = 'shares no address and no parent';

type Decisions = Map<string, ShieldDecision>;
type Terms = Pick<ShieldRequest, 'reason'> & { reviewOn: string };

/**
 * Sets a shield, or gives a standing one a new reason and review date. It holds from the commit. Each child who shares an
 * address or a parent needs a decision, kept in the same transaction, in which nobody can join the household; so does
 * whoever shares them with a child who is shielded along. At a review only who came since needs one. A shield never waits for
 * want of them: where the request speaks of no decisions at all they are kept as undecided, and listed until they are made.
 * @throws DirectoryError as `changeChild` does; `conflict` names whoever lacks a decision, or needs another or none
 */
export async function shieldChild(
  context: Context,
  access: Access,
  childId: string,
  version: number,
  request: ShieldRequest,
): Promise<ReadChild> {
  const terms = { reason: request.reason, reviewOn: reviewDay(request.reviewOn) };
  const decisions = decisionsOf(childId, request);
  const wanted = { childId, expectedVersion: version, action: 'shield', holdFirst: holdHouseholds };
  try {
    return await withChild(context, access, wanted, async (trx, standing) => {
      const { childId } = standing;
      const earlier = standing.shielded ? await findDecisions(trx, childId) : new Map<string, KeptDecision>();
      const households = await findHouseholds(trx, access.caller, childId, decisions);
      if (request.decisions) requireDecisions(households, decisions, earlier);
      // In the order of their ids, as a new index queues them: one that waited for the other here would wait in a circle. All
      // of them before the first is shielded: what is noted of it (migrations, `protections`) makes others wait until the commit.
      const locked: Standing[] = [];
      for (const id of [...households.keys()].sort()) {
        const shielded = id === childId ? standing : await findStandingForUpdate(trx, id);
        requireEntitled(access, shielded);
        locked.push(shielded);
      }
      for (const shielded of locked) await makeChange(trx, access, shielded, shieldWith(terms, access));
      await keepDecisions(trx, access, childId, households, (id) =>
        request.decisions || earlier.has(id) ? decisions.get(id) : 'undecided',
      );
      return readBack(trx, access, childId);
    });
  } catch (error) {
    // The answer names children.
    if (error instanceof DirectoryError && error.code === 'conflict') {
      await recordAudit(context.db, access, { action: 'shield-undecided', childIds: [childId] });
      await recordListed(
        context.db,
        access,
        (error.errors ?? []).flatMap(({ id, message }) => (id && message !== SHARES_NOTHING ? [id] : [])),
      );
    }
    throw error;
  }
}

function shieldWith({ reason, reviewOn }: Terms, { caller }: Access): Change {
  return {
    action: 'shield',
    parts: ['shield'],
    // A new shield is not acknowledged before the index has said so; a standing one stays as it is.
    reach: { urgent: true, hidden: true },
    async apply(trx, { childId, authority, shielded }: Standing) {
      if (shielded) await updateShield(trx, childId, { reason, reviewOn });
      else await insertShield(trx, { childId, reason, reviewOn, authority, setBy: caller.userId });
    },
  };
}

/** Households of the child and of everybody who is shielded along: decided on so, and reached from the child. */
async function findHouseholds(
  trx: Transaction<Database>,
  caller: Caller,
  childId: string,
  decisions: Decisions,
): Promise<Map<string, Sharer[]>> {
  const households = new Map<string, Sharer[]>();
  const waiting = [childId];
  for (const id of waiting) {
    if (households.has(id)) continue;
    const sharers = await findHousehold(trx, caller, id);
    households.set(id, sharers);
    for (const { child, decisions: possible } of sharers)
      if (possible.includes('shield') && decisions.get(child.childId) === 'shield') waiting.push(child.childId);
  }
  return households;
}

/** @throws DirectoryError `conflict`. Of a child whose shield hides it from the caller it says what it says of a stranger. */
function requireDecisions(
  households: Map<string, Sharer[]>,
  decisions: Decisions,
  earlier: Map<string, KeptDecision>,
): void {
  const sharers = new Map([...households.values()].flat().map((sharer) => [sharer.child.childId, sharer]));
  for (const id of households.keys()) sharers.delete(id);
  const errors: FieldError[] = [];
  for (const [id, { decisions: possible }] of sharers) {
    const decision = decisions.get(id);
    const settled = earlier.has(id) && !['shield', 'undecided'].includes(earlier.get(id) as string);
    if (possible.length === 0) {
      if (decision) errors.push({ path: '/decisions', message: 'is shielded already', id });
    } else if (decision ? !possible.includes(decision) : !settled) {
      errors.push({ path: '/decisions', message: `needs a decision: ${possible.join(' or ')}`, id });
    }
  }
  for (const id of decisions.keys()) {
    if (!sharers.has(id) && !households.has(id)) errors.push({ path: '/decisions', message: SHARES_NOTHING, id });
  }
  if (errors.length === 0) return;
  throw new DirectoryError(
    'conflict',
    'Each child who shares an address or a parent needs one decision: see errors, and GET …/shield/household',
    { errors },
  );
}

async function keepDecisions(
  trx: Transaction<Database>,
  access: Access,
  childId: string,
  households: Map<string, Sharer[]>,
  decisionOn: (childId: string) => KeptDecision | undefined,
): Promise<void> {
  const kept: Decided[] = [];
  for (const [id, sharers] of households) {
    const shield = await findStandingShield(trx, id);
    if (!shield) throw new Error('A shield that was just set does not stand');
    for (const { child, shares, decisions: possible } of sharers) {
      if (possible.length === 0 && !households.has(child.childId)) continue;
      const decision = households.has(child.childId) ? 'shield' : decisionOn(child.childId);
      if (decision) kept.push({ ...shield, childId: child.childId, decision, shares });
    }
  }
  await insertDecisions(trx, kept, { userId: access.caller.userId, reason: access.reason });
  const count = (decision: KeptDecision) =>
    new Set(kept.flatMap((one) => (one.decision === decision && one.childId !== childId ? one.childId : []))).size;
  // No word of whom: on the list of who looked at an open child it would tell of the shielded one.
  const details = {
    shielded: count('shield'),
    left: count('leave'),
    referred: count('refer'),
    undecided: count('undecided'),
  };
  if (kept.length > 0) await recordAudit(trx, access, { action: 'decide-household', childIds: [childId], details });
}

function decisionsOf(ofChild: string, { decisions = [] }: ShieldRequest): Decisions {
  const found: Decisions = new Map();
  for (const [at, { childId, decision }] of decisions.entries()) {
    const id = childId.toLowerCase();
    if (found.has(id) || id === ofChild.toLowerCase()) {
      throw new DirectoryError('invalid-request', 'The request is not valid: see errors', {
        errors: [{ path: `/decisions/${at}/childId`, message: found.has(id) ? 'is decided on twice' : 'is the child' }],
      });
    }
    found.set(id, decision);
  }
  return found;
}

function reviewDay(stated: string | undefined): string {
  const today = todayInEngland();
  const reviewOn = stated ?? monthsAfter(today, REVIEW_AFTER_MONTHS);
  if (reviewOn > today) return reviewOn;
  throw new DirectoryError('invalid-request', 'The review lies ahead', {
    errors: [{ path: '/reviewOn', message: 'must be a day to come' }],
  });
}

function monthsAfter(date: string, months: number): string {
  const [year, month, day] = date.split('-').map(Number) as [number, number, number];
  return new Date(Date.UTC(year, month - 1 + months, day)).toISOString().slice(0, 10);
}
