/**
 * Whether a node takes publishes that come over NATS. The nodes share them as one queue group, in which a node that is sick gets as
 * many as the others: each of them then waits for what does not answer there. So it leaves the group, but not before
 * another node has said that it takes them. Pure.
 *
 * Kept (test/property/door-keeper.property.test.ts):
 *  D1 a node that has been well all the time takes them
 *  D2 one that is not well stops once another that is well, and takes them, has said so after the loss
 *  D3 it takes them again once it has been well for `returnMs`, or nobody else has said for `silenceMs` that he does
 *  D4 without NATS nothing comes. When it is back, the node takes them at once where it is well, else as D3 says
 *  D5 of nodes that reach NATS at least one takes them, but for `silenceMs`, `answerMs` and `returnMs` together at most, after the
 *     one that did is gone
 */

export interface DoorKeeperOptions {
  readonly returnMs: number
  /** Longer than it takes to ask twice. */
  readonly silenceMs: number
  /** For so long others are waited for that are asked. */
  readonly answerMs: number
}

/** `cut`: there is no NATS. `ill`: something else is wrong. */
export type Condition = 'well' | 'ill' | 'cut'

/** What another node says of itself. */
export interface OtherDoor {
  /** It is active and all of its parts answer. */
  readonly well: boolean
  /** It takes publishes over NATS. */
  readonly open: boolean
}

export class DoorKeeper {
  readonly #options: DoorKeeperOptions
  #left: 'cut' | 'ill' | undefined
  #sinceMs: number | undefined
  #condition: Condition = 'well'

  constructor(options: DoorKeeperOptions) {
    this.#options = options
  }

  /**
   * Whether the door is to be open; to be called again and again. `nowMs` by a clock that does not jump. `saidSince`: what
   * others have said after a moment, asked for where it matters.
   */
  look(nowMs: number, condition: Condition, saidSince: (ms: number) => readonly OtherDoor[]): boolean {
    if (condition !== this.#condition) this.#sinceMs = undefined
    this.#condition = condition
    this.#sinceMs ??= nowMs
    const forMs = nowMs - this.#sinceMs
    if (condition === 'cut') {
      this.#left ??= 'cut'
    } else if (condition === 'well') {
      if (this.#left === 'cut' || forMs >= this.#options.returnMs) this.#left = undefined
    } else {
      const { silenceMs, answerMs } = this.#options
      const served = saidSince(Math.max(this.#sinceMs, nowMs - silenceMs)).some(
        ({ well, open }) => well && open,
      )
      if (served) this.#left ??= 'ill'
      else if (forMs >= answerMs) this.#left = undefined
    }
    return this.#left === undefined
  }
}
