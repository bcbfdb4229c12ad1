import type { FastifyRequest } from 'fastify';
import { DirectoryError } from '../errors.js';

/**
 * The version that a change is made upon, from If-Match.
 * @throws DirectoryError `version-required`, `stale-version` for a tag that no version has
 */
export function expectedVersion(request: Pick<FastifyRequest, 'headers'>): number {
  const tag = request.headers['if-match'];
  if (tag === undefined)
    throw new DirectoryError('version-required', 'A change needs If-Match with the ETag of the record as read');
  const version = /^"([0-9]{1,15})"$/.exec(tag)?.[1];
  if (version === undefined) throw new DirectoryError('stale-version', 'If-Match holds no ETag of this record');
  return Number(version);
}
