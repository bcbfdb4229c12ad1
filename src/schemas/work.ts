import { Type } from 'typebox';
import { practitionerRoles, sensitiveBases, sensitiveKinds, serviceKinds } from '../db/schema.js';
import { childIdSchema, dateSchema, emailSchema, phoneSchema, strict } from './child.js';
import { CONTROLS, nullable } from './common.js';

/** Who works with a child. Nothing here can be written freely but the names of organisations. */

export const serviceParams = Type.Object({ childId: childIdSchema, serviceId: childIdSchema }, strict);
export const involvementParams = Type.Object({ childId: childIdSchema, involvementId: childIdSchema }, strict);

const basisSchema = Type.Enum([...sensitiveBases], { description: 'What allows a sensitive service to be held' });
const sensitiveSchema = Type.Object(
  { kind: Type.Enum([...sensitiveKinds]), basis: basisSchema },
  { ...strict, description: 'Others see no more than that there is one' },
);
const contact = { phone: phoneSchema, email: emailSchema };
const contactChange = { phone: nullable(phoneSchema), email: nullable(emailSchema) };

const serviceFields = {
  kind: Type.Enum([...serviceKinds]),
  name: Type.String({
    description: 'Name of the organisation',
    maxLength: 200,
    pattern: `^(?=.*[\\p{L}\\p{N}])[^${CONTROLS}]*$`,
  }),
};
export const newServiceSchema = Type.Object(
  { ...serviceFields, ...Type.Partial(Type.Object({ ...contact, sensitive: sensitiveSchema })).properties },
  strict,
);
export type NewService = Type.Static<typeof newServiceSchema>;
export const serviceChangeSchema = Type.Object(
  Type.Partial(Type.Object({ ...serviceFields, ...contactChange, basis: basisSchema })).properties,
  { ...strict, minProperties: 1 },
);
export type ServiceChange = Type.Static<typeof serviceChangeSchema>;

const involvementFields = {
  role: Type.Enum([...practitionerRoles], { description: 'What the practitioner is to the child' }),
  additional: Type.Boolean({ description: 'A service beyond the universal ones' }),
  startedOn: dateSchema,
};
export const newInvolvementSchema = Type.Object(
  {
    ...Type.Partial(Type.Object({ ...involvementFields, ...contact, endedOn: dateSchema, sensitive: sensitiveSchema }))
      .properties,
    role: involvementFields.role,
    username: Type.Optional(
      Type.String({ maxLength: 64, description: 'Whose work it is, where a management team declares it for them' }),
    ),
  },
  strict,
);
export type NewInvolvement = Type.Static<typeof newInvolvementSchema>;
export const involvementChangeSchema = Type.Object(
  Type.Partial(
    Type.Object({ ...involvementFields, ...contactChange, endedOn: nullable(dateSchema), basis: basisSchema }),
  ).properties,
  { ...strict, minProperties: 1 },
);
export type InvolvementChange = Type.Static<typeof involvementChangeSchema>;

/** Whoever becomes lead professional or holder of the CAF: by their involvement. */
export const holderRequestSchema = Type.Object({ involvementId: childIdSchema }, strict);
export type HolderRequest = Type.Static<typeof holderRequestSchema>;

const text = Type.String();
const nullableText = nullable(text);
const sensitiveView = nullable(Type.Object({ kind: text, basis: text }));

export const serviceSchema = Type.Object({
  serviceId: text,
  kind: text,
  name: text,
  phone: nullableText,
  email: nullableText,
  sensitive: sensitiveView,
});

const practitionerView = {
  involvementId: text,
  userId: text,
  practitioner: Type.String({ description: 'Their name' }),
  organisation: text,
  role: text,
  phone: nullableText,
  email: nullableText,
};
export const involvementSchema = Type.Object({
  ...practitionerView,
  additional: Type.Boolean(),
  startedOn: text,
  endedOn: nullableText,
  sensitive: sensitiveView,
});
export const holderSchema = Type.Object({ ...practitionerView, since: text });
export type HolderView = Type.Static<typeof holderSchema>;
