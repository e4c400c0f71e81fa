/**
 * The last messages of one channel in memory: a ring that grows up to what the policy allows. Pure: the time is given.
 * Appending and trimming cost O(1) per message, a read costs what it returns.
 */
import type { Appended, LogPolicy } from './replay-log.ts'
import { RecentIds } from './recent-ids.ts'
import { idKeyOf } from '../protocol/message-id.ts'
import type { LoggedMessage, NewMessage } from '../protocol/message.ts'
import { unpinned } from '../protocol/pinned.ts'

export interface ChannelLogOptions {
  readonly channel: string
  readonly epoch: string
  /** The offset before the first message. */
  readonly start: number
  readonly acknowledged: boolean
  readonly idsMax: number
}

/** A power of two: a place in the ring is an offset's low bits. */
const FIRST_CAPACITY = 8

/** The rings of a channel whose messages have expired. Never written to. */
const NO_MESSAGES: (LoggedMessage | undefined)[] = []
const NO_TIMES: number[] = []

export class ChannelLog {
  readonly channel: string
  /** When somebody last asked for the channel, by the clock that does not jump. */
  usedMs = 0
  readonly #epoch: string
  readonly #acknowledged: boolean
  readonly #idsMax: number
  /** Offsets here grow by one, so the message with offset `n` is at `n & (capacity - 1)`. */
  #messages = NO_MESSAGES
  #storedMs = NO_TIMES
  #start: number
  #head: number
  #ttlMs = 0
  #ids: RecentIds | undefined

  constructor(options: ChannelLogOptions) {
    this.channel = options.channel
    this.#epoch = options.epoch
    this.#acknowledged = options.acknowledged
    this.#idsMax = options.idsMax
    this.#start = options.start
    this.#head = options.start
  }

  /** The offset after which nothing is missing. */
  get start(): number {
    return this.#start
  }

  /** The offset of the newest message, whether it is still kept or not. */
  get head(): number {
    return this.#head
  }

  append(message: NewMessage, policy: LogPolicy, nowMs: number): Appended {
    const epoch = this.#epoch
    const key = idKeyOf(message)
    if (key !== undefined) {
      const first = this.#ids?.find(key, nowMs)
      if (first !== undefined) return { epoch, offset: first, previous: first - 1, duplicate: true }
    }
    const previous = this.#head
    const offset = previous + 1
    this.#ttlMs = policy.ttlMs
    // Room is made first, so that a full ring does not grow.
    while (this.#head - this.#start >= policy.max && this.#start < this.#head) this.#dropOldest()
    if (this.#head - this.#start === this.#messages.length) this.#grow()
    const place = offset & (this.#messages.length - 1)
    this.#messages[place] = {
      kind: 'logged',
      channel: this.channel,
      epoch,
      offset,
      previous,
      id: message.id,
      time: message.time,
      from: message.from,
      meta: message.meta,
      data: unpinned(message.data),
      binary: message.binary,
      ack: this.#acknowledged,
    }
    this.#storedMs[place] = nowMs
    this.#head = offset
    if (key !== undefined)
      (this.#ids ??= new RecentIds(this.#idsMax)).add(key, offset, policy.idempotencyMs, nowMs)
    return { epoch, offset, previous, duplicate: false }
  }

  /** The messages after an offset that is not before `start`, oldest first. */
  after(offset: number, limit: number): LoggedMessage[] {
    const count = Math.max(Math.min(this.#head - offset, limit), 0)
    const mask = this.#messages.length - 1
    const messages: LoggedMessage[] = []
    for (let i = 1; i <= count; i++) messages.push(this.#messages[(offset + i) & mask] as LoggedMessage)
    return messages
  }

  /** Drops all. What was stored under an id is not stored again. */
  clear(): void {
    this.#start = this.#head
    this.#messages = NO_MESSAGES
    this.#storedMs = NO_TIMES
  }

  /** Drops what is too old. */
  trim(nowMs: number): void {
    const oldestMs = nowMs - this.#ttlMs
    const mask = this.#messages.length - 1
    while (this.#start < this.#head && (this.#storedMs[(this.#start + 1) & mask] as number) < oldestMs)
      this.#dropOldest()
    // A channel that is silent now gives back what it needed when it was busy.
    if (this.#start === this.#head && this.#messages.length > 0) {
      this.#messages = NO_MESSAGES
      this.#storedMs = NO_TIMES
    }
    if (this.#ids?.expired(nowMs) === true) this.#ids = undefined
  }

  /** Nothing of it is needed any more but the number of its head. Call `trim` first. */
  forgettable(nowMs: number, graceMs: number): boolean {
    return this.#start === this.#head && this.#ids === undefined && nowMs - this.usedMs > graceMs
  }

  #dropOldest(): void {
    this.#start++
    this.#messages[this.#start & (this.#messages.length - 1)] = undefined
  }

  #grow(): void {
    const old = this.#messages
    const oldStoredMs = this.#storedMs
    const capacity = Math.max(old.length * 2, FIRST_CAPACITY)
    this.#messages = []
    this.#storedMs = []
    for (let i = 0; i < capacity; i++) {
      this.#messages.push(undefined)
      this.#storedMs.push(0)
    }
    for (let offset = this.#start + 1; offset <= this.#head; offset++) {
      this.#messages[offset & (capacity - 1)] = old[offset & (old.length - 1)]
      this.#storedMs[offset & (capacity - 1)] = oldStoredMs[offset & (old.length - 1)] as number
    }
  }
}
