/**
 * Hands on what comes in bursts: at the end of the turn and in batches with a pause after each, so that ten thousand
 * who come or go at once neither make ten thousand calls nor hold everything else up.
 */
import type { Clock, Timer } from '../clock.ts'

export interface Pace {
  readonly batch: number
  readonly pauseMs: number
}

export class PacedQueue<T> {
  readonly #pace: Pace
  readonly #clock: Clock
  readonly #handle: (items: readonly T[]) => void
  #items: T[] = []
  /** Where the first that waits is: to move the rest up for each batch would cost. */
  #first = 0
  #timer: Timer | undefined

  constructor(pace: Pace, clock: Clock, handle: (items: readonly T[]) => void) {
    this.#pace = pace
    this.#clock = clock
    this.#handle = handle
  }

  push(item: T): void {
    this.#items.push(item)
    this.#timer ??= this.#clock.after(0, () => this.#step())
  }

  /** What still waits is dropped. */
  close(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#items = []
    this.#first = 0
  }

  #step(): void {
    const batch = this.#items.slice(this.#first, this.#first + this.#pace.batch)
    this.#first += batch.length
    if (this.#first === this.#items.length) {
      this.#items = []
      this.#first = 0
    }
    // Also after the last batch: what comes right behind it waits its turn.
    this.#timer = batch.length === 0 ? undefined : this.#clock.after(this.#pace.pauseMs, () => this.#step())
    if (batch.length > 0) this.#handle(batch)
  }
}
