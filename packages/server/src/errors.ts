import type { components } from './api-types.ts'

/** What the gateway says itself. */
export type ApiErrorCode = components['schemas']['Error']['error']['code']

/**
 * `unreachable`: nobody answered, or not in time, so what became of the request is unknown. `unexpected`: what answered is not the API of Sluice.
 * Every other code is the gateway's.
 */
export type SluiceErrorCode = ApiErrorCode | 'unreachable' | 'unexpected'

/** What went wrong, and what to do about it. Never holds a key or a token. */
export class SluiceError extends Error {
  override readonly name = 'SluiceError'
  readonly code: SluiceErrorCode
  /** Of the HTTP answer; of a message that was refused in a batch there is none of its own. */
  readonly status: number | undefined
  /** Whether the same request may work later. All that was to be tried has been. */
  readonly retryable: boolean
  /** As the gateway's log has it. */
  readonly requestId: string | undefined
  /** After so long the gateway wants to be asked again. */
  readonly retryAfterMs: number | undefined

  constructor(
    code: SluiceErrorCode,
    message: string,
    more: {
      readonly status?: number | undefined
      readonly requestId?: string | undefined
      readonly retryAfterMs?: number | undefined
      readonly cause?: unknown
    } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause })
    this.code = code
    this.status = more.status
    this.requestId = more.requestId
    this.retryAfterMs = more.retryAfterMs
    this.retryable = isRetryable(code, more.status)
  }
}

/** 408, 429 and the faults of servers and proxies pass; what is refused stays refused. */
function isRetryable(code: SluiceErrorCode, status: number | undefined): boolean {
  if (/^(?:unreachable|unavailable|rate_limited|internal)$/.test(code)) return true
  return status !== undefined && (status === 408 || status === 429 || status >= 500)
}
