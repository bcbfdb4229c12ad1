import { type DestinationStream, type Logger, pino } from 'pino';
import { DirectoryError } from './errors.js';

/**
 * Structured logs on standard error. No serializer lets a body, a query string, a name or a database's or search
 * engine's own error text through: those repeat the values that they complain of.
 */
export function createLogger(level: string, destination: DestinationStream = pino.destination(2)): Logger {
  return pino(
    {
      level,
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { err: safeError, error: safeError, req: safeRequest, res: safeReply },
      redact: {
        paths: [
          'password',
          'otp',
          'token',
          'authorization',
          'body',
          'query',
          'headers',
          '*.password',
          '*.otp',
          '*.token',
          '*.headers',
          '*.body',
        ],
        censor: '[redacted]',
      },
    },
    destination,
  );
}

interface LoggedRequest {
  id?: string;
  method?: string;
  routeOptions?: { url?: string };
}

function safeRequest(request: LoggedRequest) {
  // The route's pattern, not the URL: a caller may have put anything into the URL.
  return { id: request.id, method: request.method, route: request.routeOptions?.url ?? 'unknown' };
}

function safeReply(reply: { statusCode?: number }) {
  return { statusCode: reply.statusCode };
}

interface ForeignError {
  name?: string;
  code?: unknown;
  severity?: unknown;
  table?: unknown;
  column?: unknown;
  constraint?: unknown;
  routine?: unknown;
  statusCode?: unknown;
  stack?: string;
}

/** An error without the texts that may carry data: those of our own making keep their message. */
export function safeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { type: typeof error };
  if (error instanceof DirectoryError) return { type: error.name, code: error.code, message: error.message };
  const foreign = error as Error & ForeignError;
  const kept: Record<string, unknown> = { type: foreign.name };
  for (const key of ['code', 'severity', 'table', 'column', 'constraint', 'routine', 'statusCode'] as const) {
    if (typeof foreign[key] === 'string' || typeof foreign[key] === 'number') kept[key] = foreign[key];
  }
  kept.frames = (foreign.stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .map((line) => line.trim());
  if (error.cause) kept.cause = safeError(error.cause);
  return kept;
}
