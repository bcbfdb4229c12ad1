/** A job is to be tried again. Says of what kind the failure was: Redis keeps it, and no data may get there. */
export class RetryError extends Error {
  override readonly name = 'RetryError';
}

export function typeOfError(error: unknown): string {
  const { name = 'unknown', code = '' } = error as { name?: string; code?: string };
  return `${name} ${code}`.trim();
}
