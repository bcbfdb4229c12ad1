import { Type } from 'typebox';
import { roles, sectors } from '../db/schema.js';
import { CONTROLS, nullable } from './common.js';

const strict = { additionalProperties: false };
const uuid = Type.String({ format: 'uuid' });
const date = Type.String({ format: 'date', description: 'YYYY-MM-DD' });

export const userParams = Type.Object({ userId: uuid }, strict);

export const approvalSchema = Type.Object(
  { askedBy: Type.String({ format: 'uuid', description: 'Who asked: `overrideAsked.by` of the account' }) },
  strict,
);

export const organisationSchema = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 200, pattern: `^[^${CONTROLS}]*[^${CONTROLS}\\s][^${CONTROLS}]*$` }),
    sector: Type.Enum([...sectors]),
  },
  strict,
);

const fields = {
  name: Type.String({
    minLength: 1,
    maxLength: 180,
    pattern: `^[^${CONTROLS}]*[^${CONTROLS}\\s][^${CONTROLS}]*$`,
    description: "The person's name",
  }),
  role: Type.Enum([...roles]),
  authority: nullable(Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9 .&'-]{0,63}$" })),
  organisation: nullable(organisationSchema),
  backgroundCheckOn: nullable(date),
  trainingCompletedOn: nullable(date),
  agreementSignedOn: nullable(date),
  mayOverrideShields: Type.Boolean({
    description:
      'Of a management team: may look past a shield of another authority, once and alerted. Asked for by true: it is there once another administrator has approved',
  }),
  externalSubject: nullable(
    Type.String({
      pattern: '^[!-~]{1,255}$',
      description: 'The "sub" of the person at the identity provider, from 1 to 255 characters; null: the userId',
    }),
  ),
  password: Type.String({ minLength: 12, maxLength: 256, description: 'At least 12 characters' }),
};
const { name, role, ...optional } = fields;

export const newUserSchema = Type.Object(
  {
    username: Type.String({
      pattern: '^[a-z0-9][a-z0-9._@-]{1,63}$',
      description: 'lower-case letters, digits and . _ @ -, from 2 to 64 characters',
    }),
    name,
    role,
    ...Type.Partial(Type.Object(optional)).properties,
  },
  strict,
);
export type NewUser = Type.Static<typeof newUserSchema>;

export const userChangeSchema = Type.Object(
  {
    ...Type.Partial(Type.Object(fields)).properties,
    disabled: Type.Optional(Type.Boolean()),
    resetTotp: Type.Optional(
      Type.Literal(true, { description: 'Makes a new second factor; the old one ends at once' }),
    ),
  },
  { ...strict, minProperties: 1 },
);
export type UserChange = Type.Static<typeof userChangeSchema>;

const userFields = {
  userId: uuid,
  username: Type.String(),
  name: Type.String(),
  role: Type.Enum([...roles]),
  organisation: nullable(organisationSchema),
  authority: nullable(Type.String()),
  mayOverrideShields: Type.Boolean(),
  overrideAsked: nullable(
    Type.Object(
      { by: uuid, until: Type.String({ format: 'date-time' }) },
      { description: 'mayOverrideShields was asked for, by whom, and until when another administrator may approve' },
    ),
  ),
  externalSubject: nullable(Type.String()),
  backgroundCheckOn: nullable(date),
  trainingCompletedOn: nullable(date),
  agreementSignedOn: nullable(date),
  disabled: Type.Boolean(),
  usable: Type.Boolean({ description: 'Not disabled; check, training and agreement stand' }),
};
export const userSchema = Type.Object(userFields);
export type UserView = Type.Static<typeof userSchema>;

export const userWithSecretSchema = Type.Object({
  ...userFields,
  totpSecret: Type.Optional(Type.String({ description: 'Of a new second factor; shown this once' })),
  totpUri: Type.Optional(Type.String()),
  recoveryCodes: Type.Optional(
    Type.Array(Type.String(), { description: 'Each works once in the place of a one-time code; shown this once' }),
  ),
});
export type UserWithSecret = Type.Static<typeof userWithSecretSchema>;

export const userPageQuery = Type.Object(
  {
    cursor: Type.Optional(Type.String({ format: 'uuid', description: 'nextCursor of the page before' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, description: 'Default 50' })),
  },
  strict,
);
export type UserPageQuery = Type.Static<typeof userPageQuery>;

export const userPageSchema = Type.Object({ users: Type.Array(userSchema), nextCursor: Type.Optional(uuid) });
export type UserPage = Type.Static<typeof userPageSchema>;
