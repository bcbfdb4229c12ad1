import { Type } from 'typebox';
import { CONTROLS, nullable } from './common.js';

const WORD = `[^\\s${CONTROLS}]{1,35}`;
/** One to five words of at most 35 characters each: what a name is allowed to be. */
const NAME = `\\s*${WORD}(\\s+${WORD}){0,4}\\s*$`;
const KIN = "\\p{L}[\\p{L}\\p{M}'’-]*";
const LINE = `^[^${CONTROLS}]*$`;

/** A name as somebody looks for it: what is no name in it is passed over. */
const limits = 'one to five words of at most 35 characters each';
export const nameText = (description: string) =>
  Type.String({ description: `${description}: ${limits}`, maxLength: 180, pattern: `^${NAME}` });
/** A name as it is recorded: without a letter it would be nobody's. */
export const recordedName = (description: string, maxLength = 180) =>
  Type.String({
    description: `${description}: ${limits}`,
    maxLength,
    pattern: `^(?=[\\s\\S]*[\\p{Lu}\\p{Ll}\\p{Lo}])${NAME}`,
  });
export const lineText = (description: string, maxLength: number) =>
  Type.String({ description, maxLength, pattern: LINE });

export const genderSchema = Type.Union(
  [Type.Literal('female'), Type.Literal('male'), Type.Literal('other'), Type.Literal('unknown')],
  { description: 'As recorded' },
);
export const dateSchema = Type.String({ format: 'date', description: 'YYYY-MM-DD' });
export const childIdSchema = Type.String({ format: 'uuid' });
export const numberSchema = Type.String({ pattern: '^[0-9]{10}$', description: 'Ten digits, the last a check digit' });

export const strict = { additionalProperties: false };

export const childParams = Type.Object({ childId: childIdSchema }, strict);
export const nameParams = Type.Object({ childId: childIdSchema, nameId: childIdSchema }, strict);
export const addressParams = Type.Object({ childId: childIdSchema, addressId: childIdSchema }, strict);
export const parentParams = Type.Object({ childId: childIdSchema, parentId: childIdSchema }, strict);

const addressFields = {
  kind: Type.Union([
    Type.Literal('home'),
    Type.Literal('second-home'),
    Type.Literal('temporary'),
    Type.Literal('overseas'),
    Type.Literal('former'),
  ]),
  line1: lineText('House and street', 200),
  line2: lineText('Second line', 200),
  town: lineText('Town', 100),
  postcode: Type.String({ maxLength: 10, pattern: '^[A-Za-z0-9 -]{3,10}$' }),
  country: Type.String({
    maxLength: 60,
    pattern: "^[\\p{L}][\\p{L} .'-]*$",
    description: 'GB, or the country as recorded',
  }),
  validFrom: dateSchema,
  validTo: dateSchema,
};
export const newAddressSchema = Type.Object(
  { ...Type.Partial(Type.Object(addressFields)).properties, kind: addressFields.kind },
  strict,
);
export const addressChangeSchema = Type.Object(
  {
    ...Type.Partial(Type.Object(addressFields)).properties,
    postcode: Type.Optional(nullable(addressFields.postcode)),
    validFrom: Type.Optional(nullable(dateSchema)),
    validTo: Type.Optional(nullable(dateSchema)),
  },
  { ...strict, minProperties: 1 },
);

export const phoneSchema = Type.String({ maxLength: 40, pattern: '^[0-9+() -]{5,40}$' });
export const emailSchema = Type.String({ format: 'email', maxLength: 254 });

const parentFields = {
  name: recordedName('Name of the parent or carer'),
  // No line to write a note in.
  relationship: Type.String({
    description: 'Mother, father, foster carer…: up to three words',
    maxLength: 40,
    pattern: `^(${KIN}( ${KIN}){0,2})?$`,
  }),
};
export const newParentSchema = Type.Object(
  {
    ...Type.Partial(Type.Object({ ...parentFields, phone: phoneSchema, email: emailSchema })).properties,
    name: parentFields.name,
  },
  strict,
);
export type NewParent = Type.Static<typeof newParentSchema>;
export const parentChangeSchema = Type.Object(
  Type.Partial(Type.Object({ ...parentFields, phone: nullable(phoneSchema), email: nullable(emailSchema) })).properties,
  { ...strict, minProperties: 1 },
);
export type ParentChange = Type.Static<typeof parentChangeSchema>;

const childFields = {
  givenNames: recordedName('Given names, first and middle'),
  familyName: recordedName('Family name', 110),
  dateOfBirth: dateSchema,
  gender: genderSchema,
};

/** The current name is changed with the record itself. */
const otherKind = Type.Union([Type.Literal('birth'), Type.Literal('former'), Type.Literal('known-as')]);
export const newNameSchema = Type.Object(
  {
    kind: otherKind,
    givenNames: Type.Optional(childFields.givenNames),
    familyName: Type.Optional(childFields.familyName),
  },
  { ...strict, description: 'A part that is left out is that of the current name' },
);
export type NewName = Type.Static<typeof newNameSchema>;
export const nameChangeSchema = Type.Object(
  Type.Partial(
    Type.Object({
      kind: otherKind,
      givenNames: nullable(childFields.givenNames),
      familyName: nullable(childFields.familyName),
    }),
  ).properties,
  { ...strict, minProperties: 1, description: 'null: the name has no such part' },
);
export type NameChange = Type.Static<typeof nameChangeSchema>;

/** Either name may be missing (a mononym), not both. */
export const newChildSchema = Type.Object(
  {
    givenNames: Type.Optional(childFields.givenNames),
    familyName: Type.Optional(childFields.familyName),
    dateOfBirth: childFields.dateOfBirth,
    gender: Type.Optional(childFields.gender),
    otherNames: Type.Optional(Type.Array(newNameSchema, { maxItems: 10 })),
    addresses: Type.Optional(Type.Array(newAddressSchema, { maxItems: 10 })),
    parents: Type.Optional(Type.Array(newParentSchema, { maxItems: 10 })),
  },
  strict,
);
export type NewChild = Type.Static<typeof newChildSchema>;

export const childChangeSchema = Type.Object(
  {
    ...Type.Partial(Type.Object(childFields)).properties,
    diedOn: Type.Optional(nullable(dateSchema)),
  },
  { ...strict, minProperties: 1 },
);
export type ChildChange = Type.Static<typeof childChangeSchema>;
export type NewAddress = Type.Static<typeof newAddressSchema>;
export type AddressChange = Type.Static<typeof addressChangeSchema>;

/** The same whoever is resembled: not even how many, or whether one of them is shielded. */
export const queuedSchema = Type.Object({ queued: Type.Literal(true) });
