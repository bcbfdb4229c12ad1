import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import { DirectoryError } from '../errors.js';

/** Escapes of NUL, and of half a surrogate pair: JSON may hold them, PostgreSQL's text may not. */
const UNSTORABLE = /\\u0000|\\ud[89ab]..(?!\\ud[c-f])|(?<!\\ud[89ab]..)\\ud[c-f]/i;

/** JSON in UTF-8 is the only body taken. */
export function acceptJsonBodies(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<Buffer>(
    /^application\/json\s*(;\s*charset="?utf-8"?\s*)?$/i,
    { parseAs: 'buffer' },
    (request, body, done) => {
      if (body.length === 0) return done(null, undefined);
      // A lenient decoder would turn a Latin-1 "é" into "�" and store it as somebody's name.
      if (!isUtf8(body)) return done(new DirectoryError('invalid-request', 'The body is not valid UTF-8'));
      const text = body.toString('utf8');
      if (UNSTORABLE.test(text.replaceAll('\\\\', ''))) {
        return done(
          new DirectoryError(
            'invalid-request',
            'The body escapes a character that is none: NUL or half a surrogate pair',
          ),
        );
      }
      return parseJson(request, text, done);
    },
  );
}
