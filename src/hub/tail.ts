/**
 * The newest frames of a channel in memory, contiguous: what late joiners and slow readers are served from before the
 * log is asked. Bounded by number and by bytes.
 */
import type { Encoded } from '../protocol/encode.ts'
import type { LoggedMessage } from '../protocol/message.ts'

export interface TailLimits {
  readonly messages: number
  readonly bytes: number
}

export class Tail {
  readonly #limits: TailLimits
  /** The entries from `#first` on are kept; the ones before it are holes that the next compaction takes away. */
  #entries: Encoded[] = []
  #first = 0
  #bytes = 0
  #start: number

  /** `start`: the offset after which the tail is complete. */
  constructor(limits: TailLimits, start: number) {
    this.#limits = limits
    this.#start = start
  }

  /** Every message after this offset, up to the feed's position, is here. */
  get start(): number {
    return this.#start
  }

  get length(): number {
    return this.#entries.length - this.#first
  }

  get newest(): Encoded | undefined {
    return this.length === 0 ? undefined : this.#entries[this.#entries.length - 1]
  }

  push(encoded: Encoded): void {
    this.#entries.push(encoded)
    this.#bytes += encoded.bytes
    // Two at most: what was put in front for a herd of resumes stays a while for those who come a little later.
    for (let i = 0; i < 2 && this.#over(); i++) this.#dropOldest()
  }

  /**
   * Puts older messages in front, however many, but not beyond the limit of bytes. They must end where the tail
   * starts; `start` is the offset after which they are complete.
   */
  prepend(older: readonly Encoded[], start: number): void {
    const kept = this.#entries.slice(this.#first)
    this.#entries = [...older, ...kept]
    this.#first = 0
    this.#bytes = 0
    for (const encoded of this.#entries) this.#bytes += encoded.bytes
    this.#start = start
    while (this.#bytes > this.#limits.bytes && this.length > 1) this.#dropOldest()
  }

  /** The first message after an offset; `undefined` where there is none, or where the tail does not reach back that far. */
  next(offset: number): Encoded | undefined {
    if (offset < this.#start) return undefined
    // Most readers are near the end.
    let low = this.#first
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (offsetOf(this.#entries[middle] as Encoded) > offset) high = middle
      else low = middle + 1
    }
    return this.#entries[low]
  }

  /** The `count`th message from the end; `undefined` where the tail holds fewer. */
  fromEnd(count: number): Encoded | undefined {
    return count > this.length ? undefined : this.#entries[this.#entries.length - count]
  }

  #over(): boolean {
    return this.length > this.#limits.messages || (this.#bytes > this.#limits.bytes && this.length > 1)
  }

  #dropOldest(): void {
    const oldest = this.#entries[this.#first] as Encoded
    this.#entries[this.#first] = undefined as unknown as Encoded
    this.#first++
    this.#bytes -= oldest.bytes
    this.#start = offsetOf(oldest)
    if (this.#first > 32 && this.#first > this.#entries.length / 2) {
      this.#entries = this.#entries.slice(this.#first)
      this.#first = 0
    }
  }
}

function offsetOf(encoded: Encoded): number {
  return (encoded.message as LoggedMessage).offset
}
