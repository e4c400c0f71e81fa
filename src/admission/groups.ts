/**
 * How many are let in at once, where more may come in than that: whatever else a node has to send stands behind all who came in
 * one turn of its loop, and each takes it most of a millisecond. Pure.
 *
 * A group is what twice the rate brings in the time between two, or two of them where that is less: so what was saved up for a burst
 * comes in soon, and not in one moment. While somebody waits, a turn that came late brings a larger one: the rate is kept.
 */

/** From one group to the next, at the soonest. */
export const GROUP_MS = 4
/** 500 a second. */
export const GROUP_LEAST = 2
/** Times the rate. */
const PACE = 2
/** Whoever waited for longer waited for something else than his turn of the loop. */
const LATE_MAX_MS = 100

export class Groups {
  #atMs = Number.NEGATIVE_INFINITY
  #left = 0

  /** Whether one more may come in now. `tokenMs`: between two, by the rate. */
  hasPlace(nowMs: number, tokenMs: number, waiting: boolean): boolean {
    const sinceMs = nowMs - this.#atMs
    if (sinceMs < GROUP_MS) return this.#left > 0
    const forMs = waiting ? Math.min(sinceMs, LATE_MAX_MS) : GROUP_MS
    this.#left = Math.max(GROUP_LEAST, Math.floor((forMs * PACE) / tokenMs))
    this.#atMs = nowMs
    return true
  }

  took(): void {
    this.#left = Math.max(0, this.#left - 1)
  }
}
