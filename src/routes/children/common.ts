import { Type } from 'typebox';
import { queuedSchema } from '../../schemas/child.js';
import { recordSchema } from '../../schemas/record.js';
import { versionHeaders } from '../versions.js';

/** Whoever may read a record; and, of their own work with a child, declare and end it. */
export const readers = { roles: ['practitioner', 'management-team'], touchesChild: true } as const;
export const managers = { roles: ['management-team'], touchesChild: true } as const;
export const tags = ['Children'];

export const idempotencyHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      pattern: '^[!-~]+$',
      description: 'A repeated request makes nothing twice',
    }),
  ),
});

/** Of a request that adds something to a record. */
export const addition = {
  headers: Type.Object({ ...versionHeaders.properties, ...idempotencyHeaders.properties }),
  response: { 201: recordSchema },
};
/** Of a request that changes something in a record. */
export const change = { headers: versionHeaders, response: { 200: recordSchema } };
/** Of a request by which a child might come to resemble another. */
export const queued = { 202: queuedSchema };
