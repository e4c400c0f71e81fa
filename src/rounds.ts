/**
 * A walk through a collection that changes meanwhile, a share of it at each tick, so that nothing waits for its whole length
 * and each entry is met at most once in a round, and at least once if it was there when the round began. Pure: whoever has
 * it calls `tick`.
 *
 * The share grows with the collection and does not shrink before the round ends: where what is met is removed, a share
 * of what is left would take for ever. Nor does a round wait for its end where entries come as fast as they are met, as
 * inboxes of polls do: those at its beginning would never be met again.
 */
export class Rounds<Entry> {
  readonly #size: () => number
  readonly #start: () => Iterator<Entry>
  readonly #ticks: number
  #walk: Iterator<Entry> | undefined
  #share = 0
  #ticked = 0

  /** A round takes at most `ticks`. `start`: an iterator that survives changes, as those of a `Map` do. */
  constructor(ticks: number, size: () => number, start: () => Iterator<Entry>) {
    this.#ticks = Math.max(Math.floor(ticks), 1)
    this.#size = size
    this.#start = start
  }

  /** Visits those whose turn it is. True: the round has ended, and the next tick begins another. */
  tick(visit: (entry: Entry) => void): boolean {
    this.#walk ??= this.#start()
    this.#share = Math.max(this.#share, Math.ceil(this.#size() / this.#ticks), 1)
    // One more than the share: the last of them finds that there is no other, and ends the round.
    for (let i = 0; i <= this.#share; i++) {
      const next = this.#walk.next()
      if (next.done === true) return this.#end()
      visit(next.value)
    }
    this.#ticked++
    // By now all that were there at the beginning have been met: those who came later stand behind them.
    return this.#ticked === this.#ticks && this.#end()
  }

  #end(): true {
    this.#walk = undefined
    this.#share = 0
    this.#ticked = 0
    return true
  }
}
