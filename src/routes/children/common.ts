import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import { recordSchema } from '../../schemas/record.js';
import type { ReadChild } from '../../services/read-child.js';

/** Whoever may read a record; and, of their own work with a child, declare and end it. */
export const readers = { roles: ['practitioner', 'management-team'], touchesChild: true } as const;
export const managers = { roles: ['management-team'], touchesChild: true } as const;
export const tags = ['Children'];

const ifMatch = Type.Optional(Type.String({ description: 'ETag of the record as read' }));
const idempotencyKey = Type.Optional(
  Type.String({
    minLength: 1,
    maxLength: 200,
    pattern: '^[!-~]+$',
    description: 'A repeated request makes nothing twice',
  }),
);
export const idempotencyHeaders = Type.Object({ 'idempotency-key': idempotencyKey });

/** Of a request that adds something to a record. */
export const addition = {
  headers: Type.Object({ 'if-match': ifMatch, 'idempotency-key': idempotencyKey }),
  response: { 201: recordSchema },
};
/** Of a request that changes something in a record. */
export const change = { headers: Type.Object({ 'if-match': ifMatch }), response: { 200: recordSchema } };

/** A record with its ETag, where the caller may know how often it changed. */
export function send(reply: FastifyReply, { view, version }: ReadChild): ReadChild['view'] {
  if (version !== undefined) reply.header('etag', `"${version}"`);
  return view;
}
