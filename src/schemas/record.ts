import { Type } from 'typebox';
import { disputedParts } from '../db/schema.js';
import { childIdSchema, genderSchema, numberSchema, phoneSchema } from './child.js';
import { nullable } from './common.js';
import { holderSchema, involvementSchema, serviceSchema } from './work.js';

const text = Type.String();
const nullableText = nullable(text);

const hour = Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$', description: 'Time of day, 09:00' });
export const contactSchema = Type.Object(
  { phone: phoneSchema, opens: hour, closes: hour, outOfHoursPhone: phoneSchema },
  { additionalProperties: false },
);
export type Contact = Type.Static<typeof contactSchema>;
export const contactViewSchema = Type.Object(
  { authority: text, ...contactSchema.properties },
  { description: "How the management team of the caller's own authority is reached, whichever the child's is" },
);
export type ContactView = Type.Static<typeof contactViewSchema>;

/** What the caller may not see is left out, and `hidden` stands beside. */
export const recordSchema = Type.Object({
  childId: childIdSchema,
  number: numberSchema,
  shielded: Type.Boolean(),
  hidden: Type.Optional(Type.Boolean()),
  contact: Type.Optional(text),
  contactDetails: Type.Optional(contactViewSchema),
  version: Type.Optional(Type.Integer()),
  names: Type.Array(
    Type.Object({
      nameId: Type.Optional(text),
      kind: text,
      givenNames: text,
      familyName: text,
      current: Type.Boolean(),
    }),
  ),
  dateOfBirth: text,
  gender: genderSchema,
  authority: Type.Optional(text),
  diedOn: Type.Optional(nullableText),
  disputed: Type.Optional(Type.Array(Type.Enum([...disputedParts]), { description: 'What the family says is wrong' })),
  archived: Type.Optional(Type.Boolean({ description: 'Its own management team alone knows of it' })),
  consentTo25: Type.Optional(Type.Boolean({ description: 'Agreed to stay in the directory to 25' })),
  addresses: Type.Optional(
    Type.Array(
      Type.Object({
        addressId: text,
        kind: text,
        line1: text,
        line2: text,
        town: text,
        postcode: nullableText,
        country: text,
        validFrom: nullableText,
        validTo: nullableText,
      }),
    ),
  ),
  parents: Type.Optional(
    Type.Array(
      Type.Object({ parentId: text, name: text, relationship: text, phone: nullableText, email: nullableText }),
    ),
  ),
  services: Type.Optional(Type.Array(serviceSchema)),
  involvements: Type.Optional(Type.Array(involvementSchema)),
  leadProfessional: Type.Optional(nullable(holderSchema)),
  cafIndicator: Type.Optional(nullable(holderSchema)),
  sensitiveService: Type.Optional(
    Type.Boolean({ description: 'There is a sensitive service; the management team of its authority knows which' }),
  ),
});
export type ChildView = Type.Static<typeof recordSchema>;
