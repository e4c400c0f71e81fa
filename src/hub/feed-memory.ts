/**
 * What the feeds of a node hold in memory, against one budget: the tails, and the messages that wait beyond a hole. Pure.
 *
 *  B1 `bytes` is what all of them hold now
 *  B2 over the limit tails are given up, whole ones, those first that were not used since they were last passed: a
 *     second chance, as pages of memory have it. What is given up is in the log
 *  B3 the tail that grows at this moment is not given up for itself; it shortens itself while there is no room
 *  B4 while nothing can be given up and there is no room, `full` says so: who asks for more does without
 */

/** A tail with messages. */
export interface Hoard {
  /** It was read or added to since it was last passed. */
  used: boolean
  /** Lets go of everything, and says so to `shrank` and `leave`. */
  giveUp(): void
}

/** So much more than needed is freed at once, that this is rarely done. */
const SLACK = 1 / 16

export class FeedMemory {
  readonly #limitBytes: number
  readonly #gaveUp: () => void
  #bytes = 0
  /** In the order in which they will be passed. */
  readonly #hoards = new Set<Hoard>()

  /** `gaveUp`: a tail had to go for want of room. */
  constructor(limitBytes: number, gaveUp: () => void) {
    this.#limitBytes = limitBytes
    this.#gaveUp = gaveUp
  }

  get bytes(): number {
    return this.#bytes
  }

  get limitBytes(): number {
    return this.#limitBytes
  }

  get full(): boolean {
    return this.#bytes > this.#limitBytes
  }

  /** A tail has its first message. */
  enter(hoard: Hoard): void {
    this.#hoards.add(hoard)
  }

  /** It has none any more. */
  leave(hoard: Hoard): void {
    this.#hoards.delete(hoard)
  }

  /** `by`: what grew, where that is a tail. */
  grew(bytes: number, by: Hoard | undefined): void {
    this.#bytes += bytes
    if (this.#bytes > this.#limitBytes) this.#makeRoom(by)
  }

  shrank(bytes: number): void {
    this.#bytes -= bytes
  }

  #makeRoom(growing: Hoard | undefined): void {
    const goal = this.#limitBytes * (1 - SLACK)
    // Once around takes the second chance from each, twice has passed all of them without one.
    let passes = this.#hoards.size * 2
    for (const hoard of this.#hoards) {
      if (this.#bytes <= goal || passes-- === 0) return
      if (hoard === growing || hoard.used) {
        hoard.used = false
        // To the end of the line: the walk comes back to it.
        this.#hoards.delete(hoard)
        this.#hoards.add(hoard)
        continue
      }
      hoard.giveUp()
      this.#gaveUp()
    }
  }
}
