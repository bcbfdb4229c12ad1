import { Type } from 'typebox';
import { CLAIM_ANSWERS } from '../matching/index.js';
import { childIdSchema, dateSchema, lineText, numberSchema, phoneSchema, recordedName, strict } from './child.js';

const claimsSchema = Type.Object(
  {
    givenNames: Type.Optional(recordedName('Given names')),
    familyName: Type.Optional(recordedName('Family name', 110)),
    dateOfBirth: Type.Optional(dateSchema),
    postcode: Type.Optional(Type.String({ maxLength: 10, pattern: '^[A-Za-z0-9 -]{3,10}$' })),
    addressLine: Type.Optional(Type.String({ ...lineText('House and street', 200), minLength: 1 })),
    parentName: Type.Optional(recordedName('Name of a parent or carer')),
    parentPhone: Type.Optional(phoneSchema),
    organisation: Type.Optional(Type.String({ ...lineText('Of a practitioner', 200), minLength: 1 })),
    otp: Type.Optional(Type.String({ pattern: '^[0-9]{6}$', description: 'One-time code of a practitioner' })),
  },
  { ...strict, minProperties: 1, description: 'What the caller says, as the operator heard it' },
);

export const verificationRequestSchema = Type.Object(
  {
    subject: Type.Enum(['child', 'practitioner']),
    childId: Type.Optional(childIdSchema),
    number: Type.Optional(numberSchema),
    username: Type.Optional(Type.String({ minLength: 2, maxLength: 64, description: 'Of a practitioner' })),
    claims: claimsSchema,
  },
  {
    ...strict,
    description:
      'Of a child: childId or number, and claims but organisation and otp. Of a practitioner: username, and givenNames, familyName, organisation, otp.',
  },
);
export type VerificationRequest = Type.Static<typeof verificationRequestSchema>;

export const verificationAnswerSchema = Type.Object({
  verificationId: Type.String({ format: 'uuid', description: "Of a verified practitioner: a search's onBehalfOf" }),
  verified: Type.Boolean(),
  fields: Type.Record(Type.String(), Type.Enum([...CLAIM_ANSWERS]), { description: 'How each claim compares' }),
  attemptsLeft: Type.Integer({ description: 'Failed attempts until verification is locked' }),
});
export type VerificationAnswer = Type.Static<typeof verificationAnswerSchema>;
