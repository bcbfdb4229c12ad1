import { Type } from 'typebox';
import { childIdSchema, genderSchema, lineText, nameText, numberSchema } from './child.js';

const strict = { additionalProperties: false };

export const searchRequestSchema = Type.Object(
  {
    givenNames: Type.Optional(nameText('Given names, as heard or read')),
    familyName: Type.Optional(nameText('Family name, as heard or read')),
    dateOfBirth: Type.Optional(
      Type.Union([
        Type.String({ pattern: '^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$', description: 'A day, a month or a year' }),
        Type.Object({ from: Type.String({ format: 'date' }), to: Type.String({ format: 'date' }) }, strict),
      ]),
    ),
    gender: Type.Optional(genderSchema),
    address: Type.Optional(
      Type.Object(
        {
          line: Type.Optional(lineText('House and street', 200)),
          town: Type.Optional(lineText('Town', 100)),
          postcode: Type.Optional(lineText('Postcode', 10)),
        },
        strict,
      ),
    ),
    parentName: Type.Optional(nameText('Name of a parent or carer')),
    number: Type.Optional(numberSchema),
    mode: Type.Optional(Type.Union([Type.Literal('fuzzy'), Type.Literal('exact')])),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 50 })),
  },
  strict,
);
export type SearchRequest = Type.Static<typeof searchRequestSchema>;

const resultSchema = Type.Object({
  childId: childIdSchema,
  number: numberSchema,
  givenNames: Type.String(),
  familyName: Type.String(),
  dateOfBirth: Type.String(),
  gender: genderSchema,
  address: Type.Optional(
    Type.Object({ line: Type.String(), town: Type.String(), postcode: Type.Optional(Type.String()) }),
  ),
  shielded: Type.Boolean(),
  hidden: Type.Optional(Type.Boolean()),
  contact: Type.Optional(Type.String()),
  score: Type.Number({ minimum: 0, maximum: 1 }),
  band: Type.Union([Type.Literal('match'), Type.Literal('possible'), Type.Literal('weak')]),
  agreement: Type.Record(Type.String(), Type.String(), { description: 'How each stated field agrees' }),
});
export type SearchResult = Type.Static<typeof resultSchema>;

export const searchAnswerSchema = Type.Object({
  searchId: Type.String({ format: 'uuid' }),
  outcome: Type.Union([Type.Literal('match'), Type.Literal('candidates'), Type.Literal('none')]),
  degraded: Type.Boolean({ description: 'Answered from PostgreSQL while the index is away' }),
  results: Type.Array(resultSchema),
  took: Type.Optional(
    Type.Object({
      totalMs: Type.Number(),
      candidatesMs: Type.Number(),
      decideMs: Type.Number(),
      auditMs: Type.Number(),
    }),
  ),
});
export type SearchAnswer = Type.Static<typeof searchAnswerSchema>;
