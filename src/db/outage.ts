const networkCodes = [
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'ETIMEDOUT',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
];

/** SQLSTATEs that tell of a server that is away, starting, stopping or too busy, or that broke up a circle of waits; class 08 are its connection errors. */
const sqlStates = ['57P01', '57P02', '57P03', '57014', '53300', '3D000', '40P01'];

/** node-postgres gives these no code. */
const messages =
  /^(timeout exceeded when trying to connect|Connection terminated|Client has encountered a connection error)/;

/** True where a statement failed because PostgreSQL can't be reached or can't answer in time, not because it was wrong. */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  if (typeof code === 'string') {
    return networkCodes.includes(code) || sqlStates.includes(code) || /^08.{3}$/.test(code);
  }
  return messages.test(error.message) || (error instanceof AggregateError && error.errors.some(isOutage));
}
