/**
 * When a connection is asked for a fresh token. Pure. Each connection at its own random moment, so that a fleet that
 * connected together does not re-authenticate together.
 */

/** In the place of a channel, for requests about the token: no channel has this name. */
export const AUTH = ''

export interface ReauthOptions {
  /** The longest time without a fresh token. */
  readonly intervalMs: number
  /** How long the client has to bring it. */
  readonly deadlineMs: number
}

export interface ReauthPlan {
  /** When to ask, from now. */
  readonly askInMs: number
  /** From then on, how long the client has. */
  readonly deadlineMs: number
}

/** In the place of a deadline: the client was asked. */
export const ASKED = -1
/** The same: the connection has gone, and nobody is asked any more. */
export const CLOSED = -2

/** A short-lived token is asked about when this part of its life is over, so that there is time to answer. */
const SHORT_LIFE_SHARE = 0.5

/** `random` is at least 0 and less than 1. `expiresInMs` undefined: the token does not expire. */
export function planReauth(
  expiresInMs: number | undefined,
  options: ReauthOptions,
  random: number,
): ReauthPlan {
  const periodicMs = options.intervalMs * (0.75 + 0.25 * random)
  if (expiresInMs === undefined) return { askInMs: periodicMs, deadlineMs: options.deadlineMs }
  const beforeExpiryMs = expiresInMs - options.deadlineMs * (1 + random)
  const latestMs = Math.max(beforeExpiryMs, expiresInMs * SHORT_LIFE_SHARE * (0.75 + 0.25 * random), 0)
  // Whole, and what is left with it: V8 has an object for each number with a fraction.
  const askInMs = Math.floor(Math.min(periodicMs, latestMs))
  return { askInMs, deadlineMs: Math.max(Math.min(options.deadlineMs, expiresInMs - askInMs), 0) }
}
