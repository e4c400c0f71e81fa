/**
 * When a loop that is watched stands still. Pure.
 *
 * A process that was stopped as a whole (a debugger, a machine that slept) is not one whose loop stands still: then the watcher
 * itself has not looked either.
 */

export interface StallOptions {
  readonly stillMs: number
  /** How often it looks. */
  readonly everyMs: number
}

/** A look that comes later than this many intervals after the one before says nothing. */
const LATE_LOOKS = 4

export class Stall {
  readonly #options: StallOptions
  #beat = 0
  #sinceMs: number
  #lookedMs: number
  #told = false

  constructor(options: StallOptions, nowMs: number) {
    this.#options = options
    this.#sinceMs = nowMs
    this.#lookedMs = nowMs
  }

  /** To be called all the time. For how long it has stood still, once for each time that it does; else `undefined`. */
  look(beat: number, nowMs: number): number | undefined {
    const { stillMs, everyMs } = this.#options
    const late = nowMs - this.#lookedMs > everyMs * LATE_LOOKS
    this.#lookedMs = nowMs
    if (beat !== this.#beat || late) {
      this.#beat = beat
      this.#sinceMs = nowMs
      if (!late) this.#told = false
      return undefined
    }
    const forMs = nowMs - this.#sinceMs
    if (forMs < stillMs || this.#told) return undefined
    this.#told = true
    return forMs
  }
}
