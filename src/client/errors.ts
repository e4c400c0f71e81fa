import type { ErrorCode } from '../protocol/error-code.ts'

/**
 * `closed`: the connection or the client is closed. `timeout`: no answer came in time, so what became of the request is unknown.
 * `handler`: a function of the application threw; `cause` is what it threw. `unreadable`: a message that is not what the protocol says
 * was left out; `channel` and `offset` say which. Every other code is the gateway's.
 */
export type ClientErrorCode = ErrorCode | 'closed' | 'timeout' | 'handler' | 'unreadable'

/** Thrown by a token function: there is no user any more (logged out). The client ends with it and does not ask again. */
export class Unauthorized extends Error {
  override readonly name = 'Unauthorized'
}

/** What went wrong, where, and whether trying again may help. Never holds a token. */
export class ClientError extends Error {
  override readonly name = 'ClientError'
  readonly code: ClientErrorCode
  declare readonly retryable: boolean
  /** The WebSocket close code, where a connection ended; the status, where HTTP was answered with one. */
  declare readonly closeCode: number | undefined
  /** Of the message that cannot be read. Without an offset its channel is ephemeral. */
  declare readonly channel: string | undefined
  declare readonly offset: number | undefined

  constructor(
    code: ClientErrorCode,
    message: string,
    more: {
      readonly cause?: unknown
      readonly retryable?: boolean
      readonly closeCode?: number
      readonly channel?: string
      readonly offset?: number | undefined
    } = {},
  ) {
    super(message, more)
    this.code = code
    // For codes that come without the frame that says it.
    const retryable = /^(unavailable|rate_limited|internal|timeout)$/.test(code)
    Object.assign(this, { retryable }, more)
  }
}

/** By its name: a page may hold two copies of this module. */
export function isLoggedOut(thrown: unknown): boolean {
  return (thrown as Error | undefined)?.name === 'Unauthorized'
}

export function closed(): ClientError {
  return new ClientError('closed', 'the client is closed')
}

export function disconnected(): ClientError {
  return new ClientError('unavailable', 'the client is not connected')
}

/** A function of the application threw. */
export function broken(message: string, cause: unknown): ClientError {
  return new ClientError('handler', message, { cause })
}
