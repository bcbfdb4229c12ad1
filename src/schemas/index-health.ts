import { Type } from 'typebox';
import { childIdSchema, strict } from './child.js';
import { nullable } from './common.js';

const count = Type.Integer({ minimum: 0 });
const countOrNull = nullable(count);
const moment = Type.Unsafe<Date>(Type.String({ format: 'date-time' }));
const momentOrNull = nullable(moment);

export const indexStatuses = ['healthy', 'lagging', 'drifting', 'rebuilding', 'down'] as const;

/** Figures of a service that is away are null. */
export const indexHealthSchema = Type.Object({
  status: Type.Enum([...indexStatuses]),
  reasons: Type.Array(Type.String(), { description: 'Why the status is not healthy' }),
  index: nullable(Type.String({ description: 'The index that searches read' })),
  mappingVersion: countOrNull,
  documents: countOrNull,
  records: countOrNull,
  lag: Type.Object({
    seconds: nullable(Type.Number({ description: 'Age of the oldest change that the index has not acknowledged' })),
    oldestPendingAt: momentOrNull,
    pending: nullable(Type.Integer({ description: 'Exact below 50,000; beyond, as PostgreSQL estimates it' })),
  }),
  queue: Type.Object(
    { waiting: countOrNull, active: countOrNull, delayed: countOrNull, failed: countOrNull },
    { description: 'Jobs, each of up to 500 children' },
  ),
  deadLetters: countOrNull,
  throughput: Type.Object(
    { perSecond1m: nullable(Type.Number()), perSecond15m: nullable(Type.Number()) },
    { description: 'Documents acknowledged' },
  ),
  drift: Type.Object(
    {
      checkedAt: momentOrNull,
      deep: nullable(Type.Boolean()),
      missing: countOrNull,
      stale: countOrNull,
      extra: countOrNull,
      repaired: countOrNull,
    },
    { description: 'What the last check found' },
  ),
  rebuild: nullable(
    Type.Object(
      {
        rebuildId: nullable(Type.String()),
        index: nullable(Type.String()),
        state: Type.String({
          description: 'filling: there is none to search. running, checking: a rebuild beside one',
        }),
        startedAt: moment,
        percent: nullable(Type.Number()),
      },
      { description: 'The index being made, if any' },
    ),
  ),
  elasticsearch: Type.Object({
    reachable: Type.Boolean(),
    status: nullable(Type.String({ description: "The cluster's: green, yellow, red" })),
    nodes: countOrNull,
  }),
  redis: Type.Object({
    reachable: Type.Boolean(),
    evicts: nullable(Type.Boolean({ description: 'It may throw jobs away when memory is short: set noeviction' })),
  }),
});
export type IndexHealth = Type.Static<typeof indexHealthSchema>;

export const reconciliationSchema = Type.Object({
  reconciliationId: Type.String(),
  deep: Type.Boolean(),
  state: Type.Enum(['requested', 'running', 'done', 'failed']),
  requestedAt: moment,
  startedAt: momentOrNull,
  endedAt: momentOrNull,
  index: nullable(Type.String()),
  records: count,
  documents: count,
  bucketsCompared: Type.Integer({ description: 'Of 4,096, how many were compared id by id' }),
  missing: count,
  stale: count,
  extra: count,
  repaired: count,
  reason: nullable(Type.String()),
});
export const reconciliationListSchema = Type.Object({ reconciliations: Type.Array(reconciliationSchema) });
export const reconciliationParams = Type.Object({ reconciliationId: childIdSchema }, strict);
export const reconciliationRequestSchema = Type.Union([
  Type.Object(
    { deep: Type.Optional(Type.Boolean({ description: 'Compare contents as well; takes minutes a million' })) },
    strict,
  ),
  Type.Null(),
]);
export const reconciliationAcceptedSchema = Type.Object({ reconciliationId: Type.String() });

export const deadLetterQuery = Type.Object(
  {
    cursor: Type.Optional(Type.String({ format: 'uuid', description: '`next` of the page before' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500 })),
  },
  strict,
);
export const deadLetterPageSchema = Type.Object({
  total: count,
  deadLetters: Type.Array(
    Type.Object({
      id: Type.String(),
      childId: Type.String(),
      reason: Type.String({ description: 'Types of errors, never a value of the record' }),
      failedAt: moment,
    }),
  ),
  next: nullable(Type.String({ description: 'Cursor of the next page' })),
});
export type DeadLetterPage = Type.Static<typeof deadLetterPageSchema>;

export const retryRequestSchema = Type.Union([
  Type.Object(
    {
      ids: Type.Optional(
        Type.Array(childIdSchema, {
          minItems: 1,
          // As many as fit into the largest body that is read.
          maxItems: 400,
          description: 'Of the letters; all where none are given',
        }),
      ),
    },
    strict,
  ),
  Type.Null(),
]);
export type RetryRequest = Type.Static<typeof retryRequestSchema>;
export const retriedSchema = Type.Object({ retried: count });
