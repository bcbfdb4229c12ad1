import type { FastifyInstance } from 'fastify';
import { createAjv, refusalOf } from '../schemas/check.js';

/** What a schema does not allow is refused; only what came as text in a URL or a header is converted. */
export function validateStrictly(app: FastifyInstance): void {
  const bodies = createAjv(false);
  const texts = createAjv(true);
  app.setValidatorCompiler(({ schema, httpPart }) => {
    const validate = (httpPart === 'body' ? bodies : texts).compile(schema as object);
    return (value: unknown) => (validate(value) ? { value } : { error: refusalOf(validate) });
  });
}
