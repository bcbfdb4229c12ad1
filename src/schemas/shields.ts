import { Type } from 'typebox';
import { overrideReasons, shieldDecisions, shieldReasons } from '../db/schema.js';
import { childIdSchema, dateSchema, numberSchema } from './child.js';
import { nullable } from './common.js';

const strict = { additionalProperties: false };
const text = Type.String();
const moment = Type.String({ format: 'date-time' });
const decision = Type.Enum([...shieldDecisions]);
const shieldReason = Type.Enum([...shieldReasons]);

/** A boarding school is one address. */
export const MOST_DECISIONS = 1_000;

export const shieldSchema = Type.Object(
  {
    reason: shieldReason,
    reviewOn: Type.Optional(dateSchema),
    decisions: Type.Optional(
      Type.Array(Type.Object({ childId: childIdSchema, decision }, strict), {
        maxItems: MOST_DECISIONS,
        description: 'On each child who shares an address or a parent; left out altogether they stay undecided',
      }),
    ),
  },
  strict,
);
export type ShieldRequest = Type.Static<typeof shieldSchema>;

/** No body is as good as one that names nothing. */
export const liftSchema = nullable(
  Type.Object(
    {
      show: Type.Optional(
        Type.Array(Type.String({ format: 'uuid' }), {
          maxItems: 400,
          description: 'Ids of the values recorded while the shield stood that may show; the others are removed',
        }),
      ),
    },
    strict,
  ),
);

export const householdSchema = Type.Object({
  children: Type.Array(
    Type.Object({
      childId: childIdSchema,
      number: numberSchema,
      givenNames: text,
      familyName: text,
      dateOfBirth: dateSchema,
      shielded: Type.Boolean(),
      shares: Type.Array(Type.Union([Type.Literal('address'), Type.Literal('parent')])),
      decisions: Type.Array(decision, { description: 'What may be decided; nothing where a shield stands' }),
      decided: Type.Optional(Type.Enum([...shieldDecisions, 'undecided'])),
    }),
  ),
});
export type HouseholdView = Type.Static<typeof householdSchema>;

const overrideReason = Type.Enum([...overrideReasons]);
export const overrideSchema = Type.Object({ reason: overrideReason }, strict);

const limit = Type.Optional(Type.Integer({ minimum: 1, maximum: 100, description: 'Default 50' }));

export const reviewPageQuery = Type.Object(
  {
    before: Type.Optional(
      Type.String({ format: 'date', description: 'Reviews before this day; else all that are due by today' }),
    ),
    cursor: Type.Optional(
      Type.String({
        pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$',
        description: 'nextCursor of the page before',
      }),
    ),
    limit,
  },
  strict,
);
export type ReviewPageQuery = Type.Static<typeof reviewPageQuery>;

export const reviewPageSchema = Type.Object({
  reviews: Type.Array(
    Type.Object({
      shieldId: text,
      childId: childIdSchema,
      number: numberSchema,
      givenNames: text,
      familyName: text,
      reason: shieldReason,
      setAt: moment,
      reviewOn: dateSchema,
      undecided: Type.Integer({
        description: 'Children who share an address or a parent, on whom nothing is decided yet',
      }),
    }),
  ),
  nextCursor: Type.Optional(text),
});
export type ReviewPage = Type.Static<typeof reviewPageSchema>;

export const overridePageQuery = Type.Object(
  {
    cursor: Type.Optional(Type.String({ format: 'uuid', description: 'nextCursor of the page before' })),
    limit,
  },
  strict,
);
export type OverridePageQuery = Type.Static<typeof overridePageQuery>;

export const overridePageSchema = Type.Object({
  overrides: Type.Array(
    Type.Object({
      overrideId: text,
      childId: childIdSchema,
      at: moment,
      reason: overrideReason,
      by: Type.Object({ userId: text, name: text, authority: nullable(text) }),
    }),
  ),
  nextCursor: Type.Optional(text),
});
export type OverridePage = Type.Static<typeof overridePageSchema>;
