import { Type } from 'typebox';
import { disputedParts } from '../db/schema.js';
import { nullable } from './common.js';
import { recordSchema } from './record.js';

const strict = { additionalProperties: false };
const text = Type.String();
const moment = Type.String({ format: 'date-time' });

export const disputeSchema = Type.Object(
  {
    parts: Type.Array(Type.Enum([...disputedParts]), {
      minItems: 1,
      maxItems: disputedParts.length,
      description:
        'What the family says is wrong, all of it: what was marked before and is not named is no longer disputed',
    }),
  },
  strict,
);

export const subjectAccessSchema = Type.Object(
  {
    requestedBy: Type.Enum(['child', 'parent'], {
      description:
        'Whoever it is handed to. A parent gets no sensitive service, nobody who works by one, no contact details of other parents, nothing of a shield that stood, and nothing at all of a shielded child',
    }),
    parentId: Type.Optional(
      Type.String({ format: 'uuid', description: 'The parent who asks, where the record holds them' }),
    ),
  },
  strict,
);
export type SubjectAccessRequest = Type.Static<typeof subjectAccessSchema>;

const person = nullable(
  Type.Object(
    { name: text, organisation: nullable(text) },
    { description: 'Null: a system, or somebody not to be named' },
  ),
);

export const subjectAccessAnswer = Type.Object({
  preparedAt: moment,
  requestedBy: Type.Enum(['child', 'parent']),
  record: recordSchema,
  archivedAt: nullable(moment),
  sources: Type.Array(Type.Object({ source: text, sourceId: text, receivedAt: moment })),
  shields: Type.Array(Type.Object({ reason: text, setAt: moment, reviewOn: text, liftedAt: nullable(moment) })),
  history: Type.Array(
    Type.Object({
      version: Type.Integer(),
      at: moment,
      by: person,
      source: nullable(text),
      reason: text,
      action: nullable(text),
      parts: Type.Array(text),
      before: Type.Optional(
        Type.Record(Type.String(), Type.Unknown(), { description: 'What stood in these parts until then' }),
      ),
    }),
  ),
  accesses: Type.Array(
    Type.Object({
      at: moment,
      by: person,
      onBehalfOf: Type.Optional(person),
      role: nullable(text),
      action: text,
      reason: nullable(text),
    }),
    {
      description:
        'Who looked at the record or changed it, the latest first, but not that it was listed with the household of another; for a parent nothing of shields and of work',
    },
  ),
  accessesComplete: Type.Boolean({ description: 'False where there were more than could be given at once' }),
  queued: Type.Integer({ description: 'Feed rows compared with this child and kept in the matching queue' }),
});
export type SubjectAccess = Type.Static<typeof subjectAccessAnswer>;

export const authorityParams = Type.Object({
  code: Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9 .&'-]{0,63}$" }),
});
