/** Stable codes of the contract and their HTTP status. */
export const statusOf = {
  'invalid-request': 400,
  'insufficient-criteria': 400,
  unauthenticated: 401,
  forbidden: 403,
  'reason-required': 403,
  'not-found': 404,
  'method-not-allowed': 405,
  conflict: 409,
  'stale-version': 412,
  'payload-too-large': 413,
  'unsupported-media-type': 415,
  'too-many-matches': 422,
  'not-a-child': 422,
  'verification-locked': 423,
  'version-required': 428,
  'rate-limited': 429,
  internal: 500,
  'search-unavailable': 503,
  unavailable: 503,
} as const;

export type ErrorCode = keyof typeof statusOf;

/** What is wrong with one part of a request. `path` is a JSON pointer; `message` never repeats the value. */
export interface FieldError {
  path: string;
  message: string;
  /** Of the child, or the part of a record, that it is about. */
  id?: string;
}

/** An error whose text is made for the caller: it names fields and rules, never a person's data. */
export class DirectoryError extends Error {
  override readonly name = 'DirectoryError';
  readonly status: number;
  readonly errors?: FieldError[];
  readonly retryAfterSeconds?: number;
  readonly allow?: string[];

  constructor(
    readonly code: ErrorCode,
    detail: string,
    options: { errors?: FieldError[]; retryAfterSeconds?: number; allow?: string[]; cause?: unknown } = {},
  ) {
    super(detail, { cause: options.cause });
    this.status = statusOf[code];
    if (options.errors) this.errors = options.errors;
    if (options.retryAfterSeconds) this.retryAfterSeconds = options.retryAfterSeconds;
    if (options.allow) this.allow = options.allow;
  }
}

/** For somebody who has shown who he is: nobody else learns it. */
export function notLive(): DirectoryError {
  return new DirectoryError('forbidden', 'Your authority is not live yet: until then its people train elsewhere');
}

/** A wrong use of the command line or a wrong setting: exit code 2, no stack trace. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The command could not do its work, for a reason the operator can act on: exit code 1, no stack trace. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}
