/**
 * What a network does to what goes from one host to another: one way only, so that it can lie to one side. Pure.
 */

export interface LinkRule {
  /** Of all packets, from 0 to 1; 1 is a cut. */
  readonly loss?: number
  readonly delayMs?: number
  /** Up to so much earlier or later than the delay, each packet for itself: they overtake each other. */
  readonly jitterMs?: number
  readonly bytesPerSecond?: number
}

export interface LinkRules {
  readonly from: readonly string[]
  readonly to: readonly string[]
  readonly rule: LinkRule
}

/** A queue of a slow link holds so much; what comes then is dropped, as a router does. */
const QUEUE_MS = 1500

/** One direction between two hosts, under the rules that are in force for it. */
export class Direction {
  readonly #rules: readonly LinkRule[]
  readonly #chance: () => number
  #freeAtMs = 0

  /** `chance`: from 0 up to, and without, 1. */
  constructor(rules: readonly LinkRule[], chance: () => number) {
    this.#rules = rules
    this.#chance = chance
  }

  /** When a packet arrives that is sent now, or never. */
  arrivalMs(nowMs: number, bytes: number): number | undefined {
    let atMs = nowMs
    for (const { loss = 0, delayMs = 0, jitterMs = 0, bytesPerSecond } of this.#rules) {
      if (loss > 0 && this.#chance() < loss) return undefined
      if (bytesPerSecond !== undefined) {
        if (this.#freeAtMs - nowMs > QUEUE_MS) return undefined
        this.#freeAtMs = Math.max(this.#freeAtMs, nowMs) + (bytes * 1000) / bytesPerSecond
        atMs = Math.max(atMs, this.#freeAtMs)
      }
      if (delayMs > 0) atMs += Math.max(0, delayMs + (this.#chance() * 2 - 1) * jitterMs)
    }
    return atMs
  }
}

/** All pairs that the rules speak of, each with its rules, under `pairKey`. */
export function directionsOf(rules: readonly LinkRules[], chance: () => number): Map<string, Direction> {
  const byPair = new Map<string, LinkRule[]>()
  for (const { from, to, rule } of rules) {
    for (const sender of from) {
      for (const receiver of to) {
        if (sender === receiver) continue
        const key = pairKey(sender, receiver)
        byPair.set(key, [...(byPair.get(key) ?? []), rule])
      }
    }
  }
  return new Map([...byPair].map(([key, list]) => [key, new Direction(list, chance)]))
}

export function pairKey(from: string, to: string): string {
  return `${from}>${to}`
}
