/**
 * The WebSockets that have not said `connect` yet, and the requests that say it in their body. A frame is collected before it is shown
 * to anybody, and so is a body, so each of them may hold as much memory as the largest frame, and nobody knows who it is. Pure: only
 * their number is bounded.
 *
 * Over the bound the one goes that has waited longest: whoever means to connect says so within a round trip, and
 * whoever does not cannot keep the others out.
 */

/** What the frames of all newcomers together may hold. */
const UNFINISHED_BYTES_MAX = 134_217_728
/** However large a frame may be: so many at least come in a moment after an outage. */
const NEWCOMERS_MIN = 256

export interface Newcomer {
  /** It has waited long enough, or has to go for one that came later. */
  due(): void
}

export class Newcomers<One = Newcomer> {
  readonly #max: number
  /** In the order in which they came. */
  readonly #waiting = new Set<One>()

  /** `frameBytesMax`: what one of them can make the node hold. */
  constructor(frameBytesMax: number) {
    this.#max = Math.max(Math.floor(UNFINISHED_BYTES_MAX / frameBytesMax), NEWCOMERS_MIN)
  }

  get max(): number {
    return this.#max
  }

  get size(): number {
    return this.#waiting.size
  }

  /** Answers who has to go for it. */
  enter(socket: One): One | undefined {
    this.#waiting.add(socket)
    if (this.#waiting.size <= this.#max) return undefined
    for (const oldest of this.#waiting) {
      this.#waiting.delete(oldest)
      return oldest
    }
    return undefined
  }

  /** It has said `connect`, or has gone. Idempotent. */
  leave(socket: One): void {
    this.#waiting.delete(socket)
  }
}
