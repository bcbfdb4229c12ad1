import type { Socket } from 'node:net';
import type { ConnectionError, FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isOutage } from '../db/outage.js';
import { DirectoryError, type ErrorCode } from '../errors.js';
import type { Problem } from '../schemas/common.js';
import { requestIdOf } from './request-id.js';

const RETRY_AFTER_OUTAGE_SECONDS = 5;

/** What Fastify and its plugins refuse by themselves; their own texts may repeat the request. */
const refusals: Record<string, [ErrorCode, string]> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['payload-too-large', 'The body is larger than this route takes'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported-media-type', 'The body must be application/json in UTF-8'],
  FST_ERR_CTP_INVALID_JSON_BODY: ['invalid-request', 'The body is not JSON'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['invalid-request', 'The body is not as long as Content-Length says'],
  FST_ERR_MAX_PARAM_LENGTH: ['not-found', 'There is nothing here'],
  FST_ERR_BAD_URL: ['invalid-request', 'The path is not well-formed'],
};

const refusalsByStatus: Record<number, [ErrorCode, string]> = {
  400: ['invalid-request', 'The request is not well-formed'],
  404: ['not-found', 'There is nothing here'],
  413: ['payload-too-large', 'The request is too large'],
  415: ['unsupported-media-type', 'The body must be application/json in UTF-8'],
  429: ['rate-limited', 'Too many requests'],
  503: ['unavailable', 'The directory could not answer in time'],
};

/** Every failure becomes one of the contract's codes here, and nowhere else. */
export function toDirectoryError(error: unknown): DirectoryError {
  if (error instanceof DirectoryError) return error;
  const { code = '', statusCode = 500 } = error as Partial<FastifyError>;
  const refusal = refusals[code] ?? (String(code).startsWith('FST_') ? refusalsByStatus[statusCode] : undefined);
  if (refusal) return new DirectoryError(refusal[0], refusal[1], { cause: error });
  if (isOutage(error)) {
    return new DirectoryError('unavailable', 'The directory cannot answer at the moment; try again shortly', {
      retryAfterSeconds: RETRY_AFTER_OUTAGE_SECONDS,
      cause: error,
    });
  }
  return new DirectoryError('internal', 'The directory failed to answer; the request id helps to find out why', {
    cause: error,
  });
}

export function problemOf(error: DirectoryError, requestId: string): Problem {
  return {
    type: `urn:child-directory:problem:${error.code}`,
    title: `${error.code.charAt(0).toUpperCase()}${error.code.slice(1).replaceAll('-', ' ')}`,
    status: error.status,
    detail: error.message,
    code: error.code,
    requestId,
    ...(error.errors ? { errors: error.errors } : {}),
  };
}

export function answerProblems(app: FastifyInstance): void {
  app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply));
  app.setNotFoundHandler((request, reply) =>
    sendProblem(new DirectoryError('not-found', 'There is nothing here'), request, reply),
  );
}

export async function sendProblem(
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const error = toDirectoryError(thrown);
  if (error.status >= 500) request.log.error({ err: error.cause ?? error, code: error.code }, 'request failed');
  if (error.retryAfterSeconds) reply.header('retry-after', String(error.retryAfterSeconds));
  if (error.allow) reply.header('allow', error.allow.join(', '));
  if (error.code === 'unauthenticated') reply.header('www-authenticate', 'Bearer');
  return reply
    .code(error.status)
    .headers({ 'x-request-id': request.id, 'cache-control': 'no-store' })
    .type('application/problem+json')
    .serializer(JSON.stringify)
    .send(problemOf(error, request.id));
}

/** What is no HTTP at all reaches no hook and no handler: it is answered on the bare socket. */
export function refuseConnection(error: ConnectionError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const refusal = new DirectoryError(
    'invalid-request',
    'The request is not well-formed HTTP, its headers are too large, or it came too slowly',
  );
  const body = JSON.stringify(problemOf(refusal, requestIdOf({ headers: {} })));
  socket.end(
    `HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n${body}`,
  );
}
