/**
 * What was handed to the native topics in this turn of the event loop and the one before, in order.
 *
 * uWebSockets.js gathers what is published in a turn and flushes it at the turn's end. A socket that is over its limit
 * then loses the message at hand and the rest of its batch, and only that one message is reported. Knowing the order,
 * the hub can tell for each channel which message the client was the first not to get.
 */
import { turn } from '../clock.ts'
import type { Position } from '../protocol/position.ts'

export interface Published {
  readonly sequence: number
  readonly channel: string
  readonly bytes: Uint8Array
  /** Where a subscriber stood who had everything before it; `undefined` on an ephemeral channel. */
  readonly before: Position | undefined
}

/** A socket that did not get a message because its buffer was full, and is still on its topics. */
export interface OverLimit {
  /**
   * Leaves the topics. `publishing` is the channel that the hub is publishing to at this moment, and `before` where a
   * live subscriber of it stands: the feed is already further. Idempotent.
   */
  settle(publishing: string | undefined, before: Position | undefined): void
}

export class TurnLog {
  #current: Published[] = []
  #previous: Published[] = []
  #scheduled = false
  #sequence = 0

  /** The number that the next entry gets. Who becomes live now gets that entry and those after it. */
  get sequence(): number {
    return this.#sequence
  }

  record(channel: string, bytes: Uint8Array, before: Position | undefined): void {
    this.#current.push({ sequence: this.#sequence++, channel, bytes, before })
    if (this.#scheduled) return
    this.#scheduled = true
    // The flush comes before or after the immediates of its turn, so entries are kept for one turn more.
    turn.atEnd(this.#ended)
  }

  /** What a client did not get that did not get `dropped`: that entry and those after it. `undefined`: not an entry of these turns. */
  from(dropped: Uint8Array): readonly Published[] | undefined {
    const entries = [...this.#previous, ...this.#current]
    const at = entries.findIndex((entry) => equal(entry.bytes, dropped))
    return at === -1 ? undefined : entries.slice(at)
  }

  readonly #ended = (): void => {
    this.#previous = this.#current
    this.#current = []
    this.#scheduled = this.#previous.length > 0
    if (this.#scheduled) turn.atEnd(this.#ended)
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0
}
