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
    onBehalfOf: Type.Optional(
      Type.String({
        format: 'uuid',
        description: 'verificationId of a practitioner; for the call centre, which needs one',
      }),
    ),
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

const bits = (description: string) => Type.Number({ description });
const explanationSchema = Type.Object(
  {
    looks: Type.Array(
      Type.Object({
        candidatesAtMost: Type.Integer(),
        rules: Type.Array(
          Type.Object({
            name: Type.String(),
            worth: Type.Number({ description: 'What meeting it adds in the order of candidates' }),
            query: Type.Array(Type.Unknown(), {
              description: 'Clauses that must all be met, in the words of Elasticsearch',
            }),
          }),
        ),
      }),
      { description: 'Questions to the index, the second and wider one only where the first found nobody plausible' },
    ),
    results: Type.Array(
      Type.Object({
        childId: childIdSchema,
        rules: Type.Array(Type.String(), { description: 'Blocking rules met' }),
        prior: bits('Bits before anything is compared: one child among all'),
        levels: Type.Array(
          Type.Object({
            field: Type.String(),
            level: Type.String(),
            bits: bits('For, or below 0 against, this child'),
          }),
        ),
        household: bits('Bits taken off because a brother, sister or twin would agree as well'),
        weight: bits('Levels and household together'),
        floor: Type.Number({ description: 'Least score that the agreement is given' }),
        score: Type.Number(),
      }),
    ),
  },
  { description: 'Only where it was asked for' },
);
export type SearchExplanation = Type.Static<typeof explanationSchema>;

export const searchQuerySchema = Type.Object(
  { explain: Type.Optional(Type.Boolean({ description: 'How the answer came about; for a management team' })) },
  strict,
);

export const searchAnswerSchema = Type.Object({
  searchId: Type.String({ format: 'uuid' }),
  outcome: Type.Union([Type.Literal('match'), Type.Literal('candidates'), Type.Literal('none')]),
  degraded: Type.Boolean({ description: 'Answered from PostgreSQL while the index is away' }),
  results: Type.Array(resultSchema),
  took: Type.Optional(
    Type.Object({
      totalMs: Type.Number({ description: 'All of these, and what lies between' }),
      planMs: Type.Number({ description: 'Variants of what was typed, choice of blocking rules' }),
      candidatesMs: Type.Number({ description: 'The index' }),
      readMs: Type.Number({ description: 'The candidates as PostgreSQL holds them' }),
      decideMs: Type.Number({ description: 'Score and order' }),
      auditMs: Type.Number({ description: 'Until the audit log has it on disk' }),
    }),
  ),
  explanation: Type.Optional(explanationSchema),
});
export type SearchAnswer = Type.Static<typeof searchAnswerSchema>;
