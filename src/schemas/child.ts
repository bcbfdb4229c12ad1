import { Type } from 'typebox';
import { nullable } from './common.js';

/** Neither control characters nor halves of a surrogate pair: PostgreSQL stores neither, and no name has them. */
const NOT_TEXT = '\\p{Cc}\\p{Cs}';
const WORD = `[^\\s${NOT_TEXT}]{1,35}`;
/** One to five words of at most 35 characters each: what a name is allowed to be. */
const NAME = `\\s*${WORD}(\\s+${WORD}){0,4}\\s*$`;
const LINE = `^[^${NOT_TEXT}]*$`;

/** A name as somebody looks for it: what is no name in it is passed over. */
const limits = 'one to five words of at most 35 characters each';
export const nameText = (description: string) =>
  Type.String({ description: `${description}: ${limits}`, maxLength: 180, pattern: `^${NAME}` });
/** A name as it is recorded: without a letter it would be nobody's. */
const recordedName = (description: string, maxLength = 180) =>
  Type.String({
    description: `${description}: ${limits}`,
    maxLength,
    pattern: `^(?=[^]*[\\p{Lu}\\p{Ll}\\p{Lt}\\p{Lo}])${NAME}`,
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

const strict = { additionalProperties: false };

export const childParams = Type.Object({ childId: childIdSchema }, strict);
export const addressParams = Type.Object({ childId: childIdSchema, addressId: childIdSchema }, strict);

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

const parentFields = {
  name: recordedName('Name of the parent or carer'),
  relationship: Type.Optional(lineText('Mother, father, carer…', 40)),
  phone: Type.Optional(Type.String({ maxLength: 40, pattern: '^[0-9+() -]{5,40}$' })),
  email: Type.Optional(Type.String({ format: 'email', maxLength: 254 })),
};
export const newParentSchema = Type.Object(parentFields, strict);

const childFields = {
  givenNames: recordedName('Given names, first and middle'),
  familyName: recordedName('Family name', 110),
  dateOfBirth: dateSchema,
  gender: genderSchema,
};

/** Either name may be missing (a mononym), not both. */
export const newChildSchema = Type.Object(
  {
    givenNames: Type.Optional(childFields.givenNames),
    familyName: Type.Optional(childFields.familyName),
    dateOfBirth: childFields.dateOfBirth,
    gender: Type.Optional(childFields.gender),
    otherNames: Type.Optional(
      Type.Array(
        Type.Object(
          {
            kind: Type.Union([Type.Literal('birth'), Type.Literal('former'), Type.Literal('known-as')]),
            givenNames: Type.Optional(childFields.givenNames),
            familyName: Type.Optional(childFields.familyName),
          },
          strict,
        ),
        { maxItems: 10 },
      ),
    ),
    addresses: Type.Optional(Type.Array(newAddressSchema, { maxItems: 10 })),
    parents: Type.Optional(Type.Array(newParentSchema, { maxItems: 10 })),
  },
  strict,
);
export type NewChild = Type.Static<typeof newChildSchema>;

export const childChangeSchema = Type.Object(Type.Partial(Type.Object(childFields)).properties, {
  ...strict,
  minProperties: 1,
});
export type ChildChange = Type.Static<typeof childChangeSchema>;
export type NewAddress = Type.Static<typeof newAddressSchema>;
export type AddressChange = Type.Static<typeof addressChangeSchema>;

/** The same whoever is resembled: not even how many, or whether one of them is shielded. */
export const queuedSchema = Type.Object({ queued: Type.Literal(true) });

const text = Type.String();
const nullableText = nullable(text);

/** What the caller may not see is left out, and `hidden` stands beside. */
export const recordSchema = Type.Object({
  childId: childIdSchema,
  number: numberSchema,
  shielded: Type.Boolean(),
  hidden: Type.Optional(Type.Boolean()),
  contact: Type.Optional(text),
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
  services: Type.Optional(
    Type.Array(Type.Object({ serviceId: text, kind: text, name: text, phone: nullableText, email: nullableText })),
  ),
});
export type ChildView = Type.Static<typeof recordSchema>;
