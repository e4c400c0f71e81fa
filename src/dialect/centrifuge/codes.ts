/**
 * What can go wrong between a client of Centrifuge and the gateway: errors that answer a command, and codes with which a connection or
 * a subscription ends. The numbers and the words are those that Centrifuge's own server uses, since its clients act by them.
 */
import type { Ended, ErrorReply } from './messages.ts'
import type { ErrorCode } from '../../protocol/error-code.ts'

/** The client tries again by itself after a temporary one; any other is final for what was asked. */
export const ERROR = {
  internal: { code: 100, message: 'internal server error', temporary: true },
  unauthorized: { code: 101, message: 'unauthorized' },
  unknownChannel: { code: 102, message: 'unknown channel' },
  permissionDenied: { code: 103, message: 'permission denied' },
  methodNotFound: { code: 104, message: 'method not found' },
  alreadySubscribed: { code: 105, message: 'already subscribed' },
  limitExceeded: { code: 106, message: 'limit exceeded' },
  badRequest: { code: 107, message: 'bad request' },
  notAvailable: { code: 108, message: 'not available' },
  /** The client gets a fresh token and asks again. */
  tokenExpired: { code: 109, message: 'token expired' },
  expired: { code: 110, message: 'expired' },
  tooManyRequests: { code: 111, message: 'too many requests', temporary: true },
  unrecoverablePosition: { code: 112, message: 'unrecoverable position' },
} as const satisfies Record<string, ErrorReply>

export type ErrorName = keyof typeof ERROR

/** As the gateway's own errors are told. Its sentence says more than the usual words, so it takes their place. */
const BY_CODE: Record<ErrorCode, ErrorName> = {
  bad_request: 'badRequest',
  unauthorized: 'unauthorized',
  forbidden: 'permissionDenied',
  not_found: 'unknownChannel',
  limit_exceeded: 'limitExceeded',
  rate_limited: 'tooManyRequests',
  unavailable: 'internal',
  internal: 'internal',
}

export function errorOf(code: ErrorCode, message: string): ErrorReply {
  return { ...ERROR[BY_CODE[code]], message }
}

/** A client that was closed with 3000 to 3499 comes back by itself, with one of 3500 to 3999 it does not. */
export const DISCONNECT = {
  shutdown: { code: 3001, reason: 'shutdown' },
  serverError: { code: 3004, reason: 'internal server error' },
  /** The token's time is over: the client comes back with a fresh one. */
  expired: { code: 3005, reason: 'connection expired' },
  slow: { code: 3008, reason: 'slow' },
  forceReconnect: { code: 3011, reason: 'force reconnect' },
  noPong: { code: 3012, reason: 'no pong' },
  tooManyRequests: { code: 3013, reason: 'too many requests' },
  invalidToken: { code: 3500, reason: 'invalid token' },
  badRequest: { code: 3501, reason: 'bad request' },
  stale: { code: 3502, reason: 'stale' },
  forceDisconnect: { code: 3503, reason: 'force disconnect' },
  connectionLimit: { code: 3504, reason: 'connection limit' },
  permissionDenied: { code: 3507, reason: 'permission denied' },
} as const satisfies Record<string, Ended>

export type DisconnectName = keyof typeof DISCONNECT

/** Whether a client that is closed with this code comes back by itself. */
export function isComeback(code: number): boolean {
  return !((code >= 3500 && code < 4000) || (code >= 4500 && code < 5000))
}

/** The end of one subscription: below 2500 for good, from there on the client subscribes again. */
export const UNSUBSCRIBE = {
  server: { code: 2000, reason: 'server unsubscribe' },
  insufficientState: { code: 2500, reason: 'insufficient state' },
  expired: { code: 2501, reason: 'subscription expired' },
} as const satisfies Record<string, Ended>
