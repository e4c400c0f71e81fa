/**
 * The catalogue of what can go wrong for a peer. `SluiceError` is an answer (the peer may go on);
 * `Closing` is an end (the connection is closed with a code). Neither ever carries a token or a key.
 */
import type { ErrorCode } from './protocol/error-code.ts'

interface ErrorEntry {
  readonly status: 400 | 401 | 403 | 404 | 413 | 429 | 500 | 503
  readonly retryable: boolean
  readonly meaning: string
}

export const ERRORS = {
  bad_request: {
    status: 400,
    retryable: false,
    meaning: 'The request is not what this endpoint or frame takes.',
  },
  unauthorized: {
    status: 401,
    retryable: false,
    meaning: 'The token or key is missing, wrong, expired or revoked.',
  },
  forbidden: { status: 403, retryable: false, meaning: 'The token or key is good, but does not allow this.' },
  not_found: { status: 404, retryable: false, meaning: 'There is no such thing.' },
  limit_exceeded: { status: 413, retryable: false, meaning: 'A size or a number is over its limit.' },
  rate_limited: {
    status: 429,
    retryable: true,
    meaning: 'Too much in too short a time; wait and try again.',
  },
  unavailable: {
    status: 503,
    retryable: true,
    meaning: 'A part that this needs cannot be reached now; try again.',
  },
  internal: { status: 500, retryable: true, meaning: 'A fault of the gateway; its log has the request id.' },
} as const satisfies Record<ErrorCode, ErrorEntry>

/** Why a connection is ended by us. Each dialect has its own code for each. */
export const CLOSES = {
  tooLarge: 'A frame is larger than `limits.frame`.',
  internal: 'A fault of the gateway has ended the connection; its log says more.',
  goingAway: 'The node is going away; resume at once elsewhere.',
  tryLater: 'The node cannot serve this now.',
  malformed: 'A frame is not one of `sluice.v1`.',
  unauthorized: 'The token is missing, wrong, expired or revoked.',
  forbidden:
    "The session is another user's, the token does not allow this, or an operator has ended the connection.",
  connectTimeout: 'No `connect` came in time.',
  takenOver: 'A newer connection has taken the session over.',
  rateLimited: 'Frames or bytes came faster than the limits allow.',
  notAdmitted: 'The node is at a limit and does not admit the connection.',
  tooSlow: 'The client did not read fast enough.',
} as const

export type CloseReason = keyof typeof CLOSES

/** How a connection ended. */
export interface Ended {
  /** For what reason we ended it; `answered`: a poll. Absent: the peer or the network did. */
  readonly why?: CloseReason | 'answered'
  /** The close code, of a WebSocket. */
  readonly code?: number
}

/** The places behind which the gateway lives on when something throws that should not: who is called from outside. */
export const WALLS = [
  'open',
  'message',
  'control',
  'drain',
  'dropped',
  'close',
  'upgrade',
  'request',
  'body',
  'writable',
  'aborted',
  'timer',
  'deadline',
  'flush',
  'backbone',
  'nats',
  'redis',
  'link',
  'task',
] as const

export type Wall = (typeof WALLS)[number]

/** For the log; the words on what was being done are constant, since they tell kinds of faults apart. */
export type About = Readonly<Record<string, unknown>> & { readonly what?: string }

/**
 * Takes what was caught. Never throws, and costs little however often it is called.
 */
export type Caught = (wall: Wall, error: unknown, about?: About) => void

/** What is wrong, where, and what is allowed: an answer for the peer that asked. */
export class SluiceError extends Error {
  override readonly name = 'SluiceError'
  readonly code: ErrorCode
  /** For `Retry-After`, where the code is retryable. */
  readonly retryAfterMs: number | undefined
  /** The token was good once: whoever brings a fresh one may be let in. */
  readonly freshTokenHelps: boolean

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; retryAfterMs?: number; freshTokenHelps?: true } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.retryAfterMs = options.retryAfterMs
    this.freshTokenHelps = options.freshTokenHelps ?? false
  }

  get status(): number {
    return ERRORS[this.code].status
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable
  }
}

/** How an HTTP answer says what is wrong, at every door. */
export function errorBody(code: ErrorCode, message: string): string {
  return JSON.stringify({ error: { code, message } })
}

/** The connection ends for this reason, in the words of its dialect and in the way of its transport. */
export class Closing extends Error {
  override readonly name = 'Closing'
  readonly why: CloseReason
  readonly code: ErrorCode
  /**
   * Within this time the client may come back, because those who end for this reason end at moments of their own. Absent:
   * they may end together, so that each has to wait for a time that is drawn for it.
   */
  readonly returnWithinMs: number | undefined
  /** Where clients reach the nodes to come back to: `wss://host`, without a path. Absent: where they came from. */
  readonly to: string | undefined
  /** In the words of a backend or of a dialect, for clients whose protocol has such codes. */
  readonly as: { readonly code: number; readonly reason: string } | undefined

  constructor(
    why: CloseReason,
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; returnWithinMs?: number; to?: string; as?: Closing['as'] } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.why = why
    this.code = code
    this.returnWithinMs = options.returnWithinMs
    this.to = options.to
    this.as = options.as
  }
}

/** The header of a refusal that is worth repeating: whole seconds, never too early (RFC 9110, section 10.2.3). */
export function retryAfter(retryAfterMs: number): { readonly 'retry-after': string } {
  return { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) }
}

/** Any thrown thing as an answer. What is not ours becomes `internal` and says nothing about itself to the peer. */
export function asSluiceError(thrown: unknown): SluiceError {
  if (thrown instanceof SluiceError) return thrown
  if (thrown instanceof Closing) return new SluiceError(thrown.code, thrown.message, { cause: thrown })
  return new SluiceError('internal', 'the gateway failed to handle this; its log says more', {
    cause: thrown,
  })
}

/** Any thrown thing as the end of a connection that did not come to be. */
export function closingOf(thrown: unknown): Closing {
  if (thrown instanceof Closing) return thrown
  if (!(thrown instanceof SluiceError)) return faulty({ cause: thrown })
  const { code, message, retryable } = thrown
  const why = code === 'unauthorized' ? 'unauthorized' : retryable ? 'tryLater' : 'forbidden'
  return new Closing(why, code, message, { cause: thrown })
}

/** A fault of ours ends a connection. */
export function faulty(options: { cause?: unknown } = {}): Closing {
  const message = 'the gateway failed to handle this; its log says more'
  return new Closing('internal', 'internal', message, options)
}
