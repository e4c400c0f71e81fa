/** A session whose connection has gone. */
export interface Detached {
  /** Where it was. */
  readonly node: string
  /** When it went, by the clock that does not jump. */
  readonly sinceMs: number
}

/** One for all that go within a millisecond, which many do at once. */
export class Departures {
  #last: Detached | undefined

  from(node: string, nowMs: number): Detached {
    // Whole: a number with a fraction would be an object more.
    const sinceMs = Math.floor(nowMs)
    if (this.#last?.node !== node || this.#last.sinceMs !== sinceMs) this.#last = { node, sinceMs }
    return this.#last
  }
}
