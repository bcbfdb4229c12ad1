import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { DirectoryError } from '../errors.js';
import type { ChangedIdentity } from '../services/change-identity.js';
import type { ReadChild } from '../services/read-child.js';

export const versionHeaders = Type.Object({
  'if-match': Type.Optional(Type.String({ description: 'ETag of the record as read' })),
});

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

/** A record with its ETag, where the caller may know how often it changed. */
export function sendRecord(reply: FastifyReply, { view, version }: ReadChild): ReadChild['view'] {
  if (version !== undefined) reply.header('etag', `"${version}"`);
  return view;
}

/** The same, of a change that may have been left in the matching queue. */
export function sendChanged(reply: FastifyReply, changed: ChangedIdentity, status: 200 | 201) {
  if (changed.queued) return reply.code(202).send({ queued: true });
  return reply.code(status).send(sendRecord(reply, changed));
}
