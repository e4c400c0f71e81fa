/**
 * Why a connection ends, and what a client is told where it does not end.
 *
 * What a stock client does follows from the hundreds: 4000 to 4099 it stays away for good, 4100 to 4199 it comes back after a second, 4200 to
 * 4299 at once. From 4300 on pusher-js stays away, too, so no connection is ever closed with such a code.
 */
import { Closing, type CloseReason } from '../../errors.ts'
import type { ErrorCode } from '../../protocol/error-code.ts'

export const CLOSE = {
  noApp: 4001,
  overQuota: 4004,
  badPath: 4005,
  badVersion: 4006,
  badProtocol: 4007,
  noProtocol: 4008,
  unauthorized: 4009,
  overloaded: 4100,
  goingAway: 4200,
} as const

export type Ending = keyof typeof CLOSE

/** What may be well in a while brings a client back after a second; what a second attempt would meet again, never. */
export const CLOSE_CODES: Record<CloseReason, number> = {
  tooLarge: CLOSE.overloaded,
  internal: CLOSE.overloaded,
  goingAway: CLOSE.goingAway,
  tryLater: CLOSE.overloaded,
  malformed: CLOSE.overloaded,
  unauthorized: CLOSE.unauthorized,
  forbidden: CLOSE.unauthorized,
  connectTimeout: CLOSE.overloaded,
  takenOver: CLOSE.overloaded,
  rateLimited: CLOSE.overloaded,
  notAdmitted: CLOSE.overloaded,
  tooSlow: CLOSE.overloaded,
}

/** An end that has a code of its own here. */
export class PusherClosing extends Closing {
  readonly closeCode: number
  /** Whether the client is so old that an error has to say first why it is closed. */
  readonly toOldClient: boolean

  constructor(why: Ending, code: ErrorCode, message: string, toOldClient: boolean) {
    super('malformed', code, message)
    this.closeCode = CLOSE[why]
    this.toOldClient = toOldClient
  }
}

/** The same to a client that was not let in, and is so old that an error has to say first why it is closed. */
export class ToOldClient extends Closing {
  constructor({ why, code, message }: Closing) {
    super(why, code, message)
  }
}

/** Told in a `pusher:error`; the connection goes on. */
export const ERROR = {
  malformed: null,
  unauthorized: 4009,
  clientEventRefused: 4301,
  watchlistTooLong: 4302,
} as const
