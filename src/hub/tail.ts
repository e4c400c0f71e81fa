/**
 * The newest frames of a channel in memory, contiguous: what late joiners and slow readers are served from before the
 * log is asked. Bounded by number, by bytes and by age, and by what the node has for all of them.
 */
import type { FeedMemory, Hoard } from './feed-memory.ts'
import type { Encoded, Keeper } from '../protocol/encoded.ts'
import type { LoggedMessage } from '../protocol/message.ts'

export interface TailLimits {
  readonly messages: number
  readonly bytes: number
  /** As long as the log keeps a message. */
  readonly ttlMs: number
}

export class Tail implements Hoard, Keeper {
  readonly #limits: TailLimits
  readonly #memory: FeedMemory
  /** The entries from `#first` on are kept; the ones before it are holes that the next compaction takes away. */
  #entries: Encoded[] = []
  #first = 0
  #bytes = 0
  #start: number
  /** Something came, or was encoded, since the last `settle`. */
  #unsettled = false
  used = true

  /** `start`: the offset after which the tail is complete. */
  constructor(limits: TailLimits, start: number, memory: FeedMemory) {
    this.#limits = limits
    this.#start = start
    this.#memory = memory
  }

  /** Every message after this offset, up to the feed's position, is here. */
  get start(): number {
    return this.#start
  }

  get length(): number {
    return this.#entries.length - this.#first
  }

  /** What it holds. */
  get bytes(): number {
    return this.#bytes
  }

  get newest(): Encoded | undefined {
    this.used = true
    return this.length === 0 ? undefined : this.#entries[this.#entries.length - 1]
  }

  push(encoded: Encoded): void {
    this.#entries.push(encoded)
    this.#keep(encoded)
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
    this.#start = start
    for (const encoded of older) {
      encoded.unpin()
      this.#keep(encoded)
    }
    while ((this.#bytes > this.#limits.bytes || this.#memory.full) && this.length > 1) this.#dropOldest()
  }

  /** The first message after an offset; `undefined` where there is none, or where the tail does not reach back that far. */
  next(offset: number): Encoded | undefined {
    this.used = true
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
    this.used = true
    return count > this.length ? undefined : this.#entries[this.#entries.length - count]
  }

  /** Drops what the log has forgotten by now. */
  expire(nowMs: number): void {
    const oldestMs = nowMs - this.#limits.ttlMs
    while (this.length > 0 && (this.#entries[this.#first] as Encoded).message.time < oldestMs)
      this.#dropOldest()
  }

  /** Gives back what can be made again. To be called now and then. */
  settle(): void {
    if (!this.#unsettled) return
    for (let i = this.#first; i < this.#entries.length; i++) this.#entries[i]?.settle()
    this.#unsettled = false
  }

  /** Lets go of everything; what comes next follows upon that. */
  giveUp(): void {
    const newest = this.#entries.at(-1)
    if (newest === undefined) return
    for (let i = this.#first; i < this.#entries.length; i++) this.#release(this.#entries[i] as Encoded)
    this.#start = offsetOf(newest)
    this.#entries = []
    this.#first = 0
    this.#emptied()
  }

  // Keeper

  grew(bytes: number): void {
    this.#unsettled = true
    this.#bytes += bytes
    this.#memory.grew(bytes, this)
  }

  #keep(encoded: Encoded): void {
    if (this.#bytes === 0) this.#memory.enter(this)
    encoded.keeper = this
    this.used = true
    this.grew(encoded.bytes)
  }

  #over(): boolean {
    if (this.length <= 1) return false
    return this.length > this.#limits.messages || this.#bytes > this.#limits.bytes || this.#memory.full
  }

  #dropOldest(): void {
    const oldest = this.#entries[this.#first] as Encoded
    this.#entries[this.#first] = undefined as unknown as Encoded
    this.#first++
    this.#release(oldest)
    this.#start = offsetOf(oldest)
    if (this.#first === this.#entries.length) {
      this.#entries = []
      this.#first = 0
      this.#emptied()
    } else if (this.#first > 32 && this.#first > this.#entries.length / 2) {
      this.#entries = this.#entries.slice(this.#first)
      this.#first = 0
    }
  }

  #release(encoded: Encoded): void {
    encoded.keeper = undefined
    this.#bytes -= encoded.bytes
    this.#memory.shrank(encoded.bytes)
  }

  #emptied(): void {
    this.#memory.leave(this)
  }
}

function offsetOf(encoded: Encoded): number {
  return (encoded.message as LoggedMessage).offset
}
