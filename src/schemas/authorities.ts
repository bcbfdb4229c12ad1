import { Type } from 'typebox';
import { CONTROLS, nullable } from './common.js';

const time = Type.String({ format: 'date-time' });
const count = (description: string) => Type.Integer({ minimum: 0, description });

export const authorityCode = Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9 .&'-]{0,63}$" });
export const authorityParams = Type.Object({ code: authorityCode }, { additionalProperties: false });

export const authoritySchema = Type.Object({
  code: Type.String(),
  name: Type.String(),
  trainingSince: nullable(time),
  liveAt: nullable(time),
  users: count('Practitioners, management team and call centre, without who is disabled'),
  checked: count('Of them, whose background check is under three years old'),
  trained: count('Who have completed the training'),
  agreed: count('Who have signed the agreement'),
  ready: count('Who have done all three'),
  mayGoLive: Type.Boolean({ description: 'Not live yet, and one of its management team is ready' }),
});
export type AuthorityView = Type.Static<typeof authoritySchema>;

export const authoritiesSchema = Type.Object({ authorities: Type.Array(authoritySchema) });
export type AuthoritiesView = Type.Static<typeof authoritiesSchema>;

export const newAuthoritySchema = Type.Object(
  {
    code: authorityCode,
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 200, pattern: `^[^${CONTROLS}]+$` })),
  },
  { additionalProperties: false },
);
export type NewAuthority = Type.Static<typeof newAuthoritySchema>;
