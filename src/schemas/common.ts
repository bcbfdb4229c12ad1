import { Type } from 'typebox';

/**
 * Control characters, for a pattern: PostgreSQL stores not all of them, and no name has one. Spelled out, as \p{Cc} is not
 * known everywhere that patterns of an OpenAPI description are read. Halves of surrogate pairs are refused with the body.
 */
export const CONTROLS = '\\u0000-\\u001f\\u007f-\\u009f';

/** RFC 9457, with the stable code and the request's id. */
export const problemSchema = Type.Object(
  {
    type: Type.String({ format: 'uri-reference' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    code: Type.String({ description: 'Stable; what programs decide by' }),
    requestId: Type.String(),
    errors: Type.Optional(
      Type.Array(
        Type.Object({
          path: Type.String({ description: 'JSON pointer' }),
          message: Type.String(),
          id: Type.Optional(Type.String({ description: 'Of the child or the value that it is about' })),
        }),
      ),
    ),
  },
  { description: 'What went wrong' },
);
export type Problem = Type.Static<typeof problemSchema>;

export const nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

/** The body of a request that says all by its address: none, or an empty one. */
export const nothingSchema = Type.Union([Type.Object({}, { additionalProperties: false }), Type.Null()]);
