/**
 * A token bucket whose whole state is one number: the moment at which it will be full again.
 *
 * A full bucket has `burst` tokens; each token taken moves that moment by the time that one token needs to come back.
 * So there is no refill to forget or to round, and a bucket costs a number field in whatever object it guards. (Known
 * from ATM networks as the generic cell rate algorithm, ITU-T I.371.)
 *
 * A clock that jumps forward fills the bucket at most. After a jump backwards that moment is further away than an empty
 * bucket is from full; such a state means nothing any more and counts as full, so that the limit works on at once.
 */

export interface Rate {
  /** The time in which one token comes back. */
  readonly tokenMs: number
  /** The time in which an empty bucket becomes full. */
  readonly capacityMs: number
}

/** The state of a full bucket, whatever the clock says. */
export const FULL_AT_MS = -Infinity

/** Sums of fractions of a millisecond are a little off; this part of a token is more than that, and nobody's token. */
const ROUNDING_TOKENS = 0.0001

/**
 * `perSecond` 0: no limit, so no rate. `burst` 0: as many as come in a second, at least one.
 */
export function rateOf(perSecond: number, burst: number): Rate | undefined {
  if (perSecond <= 0) return undefined
  const tokenMs = 1000 / perSecond
  const tokens = burst > 0 ? burst : Math.max(1, perSecond)
  return { tokenMs, capacityMs: tokenMs * (tokens + ROUNDING_TOKENS) }
}

/** Takes `tokens` at once or not at all. Returns the new state; `undefined` where there are not enough. */
export function take(fullAtMs: number, nowMs: number, tokens: number, rate: Rate): number | undefined {
  const next = stateAt(fullAtMs, nowMs, rate) + tokens * rate.tokenMs
  return next - nowMs > rate.capacityMs ? undefined : next
}

/** Takes `tokens` whether they are there or not. Returns the new state: an empty bucket at worst, never one that is in debt. */
export function charge(fullAtMs: number, nowMs: number, tokens: number, rate: Rate): number {
  return Math.min(stateAt(fullAtMs, nowMs, rate) + tokens * rate.tokenMs, nowMs + rate.capacityMs)
}

/** How long until `tokens` can be taken: 0 now, `Infinity` where the bucket never holds so many. */
export function untilMs(fullAtMs: number, nowMs: number, tokens: number, rate: Rate): number {
  const needMs = tokens * rate.tokenMs
  if (needMs > rate.capacityMs) return Infinity
  return Math.max(0, stateAt(fullAtMs, nowMs, rate) + needMs - nowMs - rate.capacityMs)
}

/** The new state where a bucket gets another rate: what is in it stays, as far as there is room; nothing is added. */
export function carriedOver(fullAtMs: number, nowMs: number, before: Rate, after: Rate): number {
  const tokens = (before.capacityMs - (stateAt(fullAtMs, nowMs, before) - nowMs)) / before.tokenMs
  return nowMs + Math.max(0, after.capacityMs - tokens * after.tokenMs)
}

function stateAt(fullAtMs: number, nowMs: number, rate: Rate): number {
  const jumped = fullAtMs - nowMs > rate.capacityMs + rate.tokenMs
  return jumped || fullAtMs < nowMs ? nowMs : fullAtMs
}
