import type { Access } from '../../caller.js';
import type { Context } from '../../context.js';
import { recordAudit } from '../../db/audit.js';
import { listOverrides, listReviews } from '../../db/shields.js';
import { DirectoryError } from '../../errors.js';
import { isCalendarDate } from '../../matching/dates.js';
import type { OverridePage, OverridePageQuery, ReviewPage, ReviewPageQuery } from '../../schemas/shields.js';
import { todayInEngland } from '../child-age.js';

const PAGE = 50;

/** Shields of the caller's own authority that are due for review, the longest due first. */
export async function readReviews(context: Context, access: Access, query: ReviewPageQuery): Promise<ReviewPage> {
  const { before = dayAfter(todayInEngland()), cursor, limit = PAGE } = query;
  const [reviewOn, shieldId] = cursor?.split('_') ?? [];
  if (reviewOn !== undefined && !isCalendarDate(reviewOn)) {
    throw new DirectoryError('invalid-request', 'No page ends there', {
      errors: [{ path: '/cursor', message: 'is no nextCursor of a page' }],
    });
  }
  const found = await listReviews(context.db, authorityOf(access), {
    before,
    limit: limit + 1,
    ...(reviewOn && shieldId ? { after: { reviewOn, shieldId } } : {}),
  });
  const reviews = found.slice(0, limit);
  await recordAudit(context.db, access, {
    action: 'list-shield-reviews',
    childIds: reviews.map(({ childId }) => childId),
  });
  const last = reviews.at(-1);
  return {
    reviews: reviews.map((review) => ({ ...review, setAt: review.setAt.toISOString() })),
    ...(found.length > limit && last ? { nextCursor: `${last.reviewOn}_${last.shieldId}` } : {}),
  };
}

/** Who looked past a shield that the caller's own authority answered for, the latest first. */
export async function readOverrides(context: Context, access: Access, query: OverridePageQuery): Promise<OverridePage> {
  const { cursor, limit = PAGE } = query;
  const found = await listOverrides(context.db, authorityOf(access), {
    limit: limit + 1,
    ...(cursor ? { after: cursor } : {}),
  });
  const page = found.slice(0, limit);
  await recordAudit(context.db, access, {
    action: 'list-shield-overrides',
    childIds: [...new Set(page.map(({ childId }) => childId))],
  });
  const last = page.at(-1);
  return {
    overrides: page.map(({ overrideId, childId, at, reason, userId, name, authority }) => ({
      overrideId,
      childId,
      at: at.toISOString(),
      reason,
      by: { userId, name, authority },
    })),
    ...(found.length > limit && last ? { nextCursor: last.overrideId } : {}),
  };
}

function authorityOf({ caller }: Access): string {
  if (!caller.authority) throw new DirectoryError('forbidden', 'Your account belongs to no authority');
  return caller.authority;
}

function dayAfter(date: string): string {
  return new Date(Date.parse(date) + 86_400_000).toISOString().slice(0, 10);
}
