import { Type } from 'typebox';
import { childIdSchema } from './child.js';
import { nullable } from './common.js';

const strict = { additionalProperties: false };
const uuid = Type.String({ format: 'uuid' });
/** As PostgreSQL takes them as well: no leap second, no offset that no place has. */
const moment = Type.String({
  format: 'date-time',
  pattern:
    '^(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$',
  description: 'RFC 3339, 2026-11-25T15:10:00Z or with an offset',
});

const page = {
  cursor: Type.Optional(
    Type.String({ pattern: '^[0-9]{1,17}-[0-9]{1,18}$', description: 'nextCursor of the page before' }),
  ),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, description: 'Default 50' })),
};
const nextCursor = Type.Optional(Type.String({ description: 'Where older ones begin; left out on the last page' }));

export const pageQuery = Type.Object(page, strict);
export type PageQuery = Type.Static<typeof pageQuery>;

export const auditEventQuery = Type.Object(
  {
    child: Type.Optional(childIdSchema),
    user: Type.Optional(uuid),
    from: Type.Optional(moment),
    to: Type.Optional(moment),
    ...page,
  },
  strict,
);
export type AuditEventQuery = Type.Static<typeof auditEventQuery>;

const actor = Type.Enum(['user', 'system']);
const text = nullable(Type.String());

export const auditEventPageSchema = Type.Object({
  events: Type.Array(
    Type.Object({
      eventId: Type.Integer(),
      at: Type.String({ format: 'date-time' }),
      actor,
      userId: nullable(uuid),
      role: text,
      organisationId: nullable(uuid),
      authority: text,
      onBehalfOf: nullable(uuid),
      action: Type.String(),
      reason: text,
      childIds: Type.Array(uuid),
      requestId: text,
      details: Type.Record(Type.String(), Type.Unknown(), { description: 'Counts and names of fields, no values' }),
      sealed: Type.Boolean({ description: 'Has its place in the hash chain' }),
    }),
    { description: 'The latest first' },
  ),
  nextCursor,
});
export type AuditEventPage = Type.Static<typeof auditEventPageSchema>;

export const accessPageSchema = Type.Object({
  accesses: Type.Array(
    Type.Object({
      at: Type.String({ format: 'date-time' }),
      actor,
      userId: nullable(uuid),
      name: nullable(Type.String({ description: 'Of the person who looked' })),
      organisation: text,
      role: text,
      action: Type.String(),
      reason: text,
      onBehalfOf: Type.Optional(
        Type.Object(
          { userId: uuid, name: text, organisation: text },
          { description: 'The practitioner for whom a call-centre operator looked' },
        ),
      ),
    }),
    { description: 'The latest first' },
  ),
  nextCursor,
});
export type AccessPage = Type.Static<typeof accessPageSchema>;

export const verificationSchema = Type.Object({
  ok: Type.Boolean(),
  checked: Type.Integer({ description: 'Rows' }),
  firstBroken: nullable(
    Type.Object({
      fault: Type.Enum([
        'edited',
        'removed',
        'inserted',
        'reordered',
        'seal',
        'rewritten',
        'truncated',
        'signature',
        'unsealed',
      ]),
      eventId: Type.Optional(Type.Integer()),
      position: Type.Optional(Type.Integer()),
      seal: Type.Optional(Type.Integer()),
      fromPosition: Type.Optional(Type.Integer()),
      toPosition: Type.Optional(Type.Integer()),
    }),
  ),
  seals: Type.Integer(),
  headsCompared: Type.Integer({ description: 'Seals compared with their exported heads' }),
  waiting: Type.Integer({ description: 'Rows written lately, to be sealed yet' }),
  complete: Type.Boolean({ description: 'False where only the end of the chain was checked' }),
  fromPosition: Type.Integer({ description: 'The first row that was checked' }),
});
