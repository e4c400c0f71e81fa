/**
 * A token bucket for each of many keys, in a table of bounded size and without timers.
 *
 * The table has two halves. Who knocks is in the young one; when that is full it becomes the old one, and what was old
 * is forgotten. So a key is remembered at least until `keysMax / 2` others have knocked, and one that keeps
 * knocking is never forgotten.
 */
import { charge, FULL_AT_MS, take, untilMs, type Rate } from './bucket.ts'

export class Buckets {
  readonly #rate: Rate
  readonly #halfMax: number
  #young = new Map<string, number>()
  #old = new Map<string, number>()

  constructor(rate: Rate, keysMax: number) {
    this.#rate = rate
    this.#halfMax = Math.max(1, Math.floor(keysMax / 2))
  }

  take(key: string, nowMs: number): boolean {
    const state = this.#stateOf(key)
    const next = take(state, nowMs, 1, this.#rate)
    // Refused or not: who knocks is remembered.
    this.#remember(key, next ?? state)
    return next !== undefined
  }

  /** Takes tokens whether they are there or not; the bucket is empty at worst. */
  charge(key: string, nowMs: number, tokens: number): void {
    this.#remember(key, charge(this.#stateOf(key), nowMs, tokens, this.#rate))
  }

  /** How long until there is a token. */
  untilMs(key: string, nowMs: number): number {
    return untilMs(this.#stateOf(key), nowMs, 1, this.#rate)
  }

  /** The entries of the table; a key may have one in each half. */
  get size(): number {
    return this.#young.size + this.#old.size
  }

  #stateOf(key: string): number {
    return this.#young.get(key) ?? this.#old.get(key) ?? FULL_AT_MS
  }

  #remember(key: string, state: number): void {
    this.#young.set(key, state)
    if (this.#young.size < this.#halfMax) return
    this.#old = this.#young
    this.#young = new Map()
  }
}
