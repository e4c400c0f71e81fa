/**
 * The codes with which a WebSocket is closed, and what a client does about each. Shared with the SDK, so small.
 * The sentences that explain them to people are in `errors.ts`.
 */

/** WebSocket close codes by meaning. 1009 to 1013 are registered with IANA (RFC 6455, section 7.4). */
export const CLOSE = {
  tooLarge: 1009,
  internal: 1011,
  goingAway: 1012,
  tryLater: 1013,
  malformed: 4400,
  unauthorized: 4401,
  forbidden: 4403,
  connectTimeout: 4408,
  takenOver: 4409,
  rateLimited: 4429,
  notAdmitted: 4503,
  tooSlow: 4508,
} as const

export type CloseCode = (typeof CLOSE)[keyof typeof CLOSE]

/**
 * What a client does when it is closed:
 * `now` reconnect at once; `backoff` reconnect after an exponential delay with full jitter;
 * `token` get a fresh token first; `never` stay away, a repeated attempt would end the same way.
 */
export type Reconnect = 'now' | 'backoff' | 'token' | 'never'

const RECONNECT: Partial<Record<CloseCode, Exclude<Reconnect, 'backoff'>>> = {
  1009: 'never',
  1012: 'now',
  4400: 'never',
  4401: 'token',
  4403: 'never',
  4409: 'never',
}

/** Any other code (of ours, a lost network, a proxy's timeout) is a reason to come back with a delay. */
export function reconnectAfter(code: number): Reconnect {
  return RECONNECT[code as CloseCode] ?? 'backoff'
}
