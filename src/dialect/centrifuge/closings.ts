/**
 * How a connection ends in Centrifuge's words.
 */
import { DISCONNECT } from './codes.ts'
import type { Ended } from './messages.ts'
import { Closing, type CloseReason, type SluiceError } from '../../errors.ts'
import type { ErrorCode } from '../../protocol/error-code.ts'

export const CLOSE_CODES: Record<CloseReason, number> = {
  tooLarge: DISCONNECT.badRequest.code,
  internal: DISCONNECT.serverError.code,
  goingAway: DISCONNECT.shutdown.code,
  tryLater: DISCONNECT.serverError.code,
  malformed: DISCONNECT.badRequest.code,
  // The client comes back, is told that its token is no good, and gets a fresh one.
  unauthorized: DISCONNECT.expired.code,
  forbidden: DISCONNECT.forceDisconnect.code,
  connectTimeout: DISCONNECT.stale.code,
  takenOver: DISCONNECT.forceDisconnect.code,
  rateLimited: DISCONNECT.tooManyRequests.code,
  notAdmitted: DISCONNECT.tooManyRequests.code,
  tooSlow: DISCONNECT.slow.code,
}

/** An end that has a code of its own here. */
export function worded(why: CloseReason, code: ErrorCode, as: Ended): Closing {
  return new Closing(why, code, as.reason, { as })
}

/** How a connection ends whose connect has failed; `undefined`: a fresh token helps, and may come on this very connection. */
export function endOfConnect(error: SluiceError, oneWay: boolean): Closing | undefined {
  const { code, message, freshTokenHelps, retryable } = error
  if (code !== 'unauthorized') return new Closing(retryable ? 'tryLater' : 'forbidden', code, message)
  if (!freshTokenHelps) return worded('unauthorized', code, { ...DISCONNECT.invalidToken, reason: message })
  return oneWay ? new Closing('unauthorized', code, message) : undefined
}

export function malformed(message: string): Closing {
  return new Closing('malformed', 'bad_request', message)
}
