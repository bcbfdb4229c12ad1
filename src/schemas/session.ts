import { Type } from 'typebox';
import { roles } from '../db/schema.js';
import { CONTROLS, nullable } from './common.js';

const strict = { additionalProperties: false };

export const signInSchema = Type.Object(
  {
    username: Type.String({ pattern: `^[^${CONTROLS}]{1,64}$`, description: 'from 1 to 64 characters' }),
    password: Type.String({ minLength: 1, maxLength: 256 }),
    otp: Type.String({
      pattern: '^([0-9]{6}|[0-9A-Za-z]{5}(-?[0-9A-Za-z]{5}){3})$',
      description: 'The six digits that the authenticator app shows, or one of the recovery codes',
    }),
  },
  strict,
);
export type SignIn = Type.Static<typeof signInSchema>;

export const refreshSchema = Type.Object({ refreshToken: Type.String({ minLength: 1, maxLength: 200 }) }, strict);

export const sessionSchema = Type.Object({
  accessToken: Type.String(),
  expiresAt: Type.String({ format: 'date-time', description: 'Of the access token' }),
  refreshToken: Type.String({ description: 'Good for one refresh; used twice, it ends the session' }),
});
export type SessionView = Type.Static<typeof sessionSchema>;

export const meSchema = Type.Object({
  userId: Type.String({ format: 'uuid' }),
  name: Type.String(),
  role: Type.Enum([...roles]),
  organisation: nullable(Type.String()),
  authority: nullable(Type.String()),
  recoveryCodesLeft: Type.Integer({ description: 'How many of the recovery codes have not been used' }),
});
export type Me = Type.Static<typeof meSchema>;
