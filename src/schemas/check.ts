import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import ajvFormats from 'ajv-formats';
import { DirectoryError, type FieldError } from '../errors.js';
import { isCalendarDate } from '../matching/dates.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Strict: nothing is removed and nothing filled in. With `coerceTypes`, text (of a URL or a header) becomes the type asked for. */
export function createAjv(coerceTypes: boolean): Ajv {
  // `verbose` hands each error the schema that it failed, for a message in words; the value beside it is never used.
  const ajv = new Ajv({
    allErrors: true,
    coerceTypes,
    useDefaults: false,
    removeAdditional: false,
    strictTypes: false,
    verbose: true,
  });
  ajvFormats.default(ajv);
  // As PostgreSQL takes them: the library allows a year 0, and `urn:uuid:` before an id.
  ajv.addFormat('date', isCalendarDate);
  ajv.addFormat('uuid', UUID);
  return ajv;
}

/** @throws DirectoryError `invalid-request` */
export function requireValid(schema: object, value: unknown): void {
  const validate = createAjv(false).compile(schema);
  if (!validate(value)) throw refusalOf(validate);
}

/** Why a value was refused: fields and rules, never the value. */
export function refusalOf(validate: ValidateFunction): DirectoryError {
  return new DirectoryError('invalid-request', 'The request is not valid: see errors', {
    errors: describe(validate.errors ?? []),
  });
}

/** One message a field. What failed inside the branches of a choice is told once, by the choice itself. */
function describe(errors: ErrorObject[]): FieldError[] {
  const choices = errors.filter((error) => error.keyword === 'anyOf').map((error) => `${error.schemaPath}/`);
  const messages = new Map<string, string>();
  for (const error of errors) {
    if (error.keyword !== 'additionalProperties' && choices.some((choice) => error.schemaPath.startsWith(choice)))
      continue;
    const path = pathOf(error);
    if (!messages.has(path)) messages.set(path, messageOf(error));
  }
  return [...messages].map(([path, message]) => ({ path, message }));
}

function pathOf({ instancePath, params }: ErrorObject): string {
  const child = params.additionalProperty ?? params.missingProperty;
  if (typeof child !== 'string') return instancePath;
  return `${instancePath}/${child.slice(0, 60).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

interface Described {
  description?: string;
  anyOf?: { const?: unknown }[];
}

function messageOf({ keyword, params, parentSchema, message }: ErrorObject): string {
  const { description, anyOf = [] } = (parentSchema ?? {}) as Described;
  const form = description ? `: ${description}` : '';
  switch (keyword) {
    case 'additionalProperties':
      return 'is not a field that is known here';
    case 'required':
      return 'is missing';
    case 'pattern':
      return `has not the right form${form}`;
    case 'format':
      return `is not a valid ${params.format}${form}`;
    case 'enum':
      return `must be one of ${params.allowedValues.join(', ')}`;
    case 'const':
      return `must be ${JSON.stringify(params.allowedValue)}`;
    case 'anyOf': {
      const words = anyOf.map((choice) => choice.const);
      return words.every((word) => word !== undefined)
        ? `must be one of ${words.join(', ')}`
        : `has none of the forms it may have${form}`;
    }
    default:
      return message ?? 'is wrong';
  }
}
