/**
 * Makes a channel's tail reach back to where clients resume. A herd that comes back to one channel costs one or two
 * reads of the log, whatever its size: those who come while the log is being read wait for the same answer, and the
 * next read starts at the oldest position that anybody waits for.
 */
import type { Feed } from './feed.ts'
import type { LogPage, LogReads } from './log-reads.ts'
import type { Encoded } from '../protocol/encoded.ts'
import type { Position, ResetReason } from '../protocol/position.ts'
import type { LoggedMessage } from '../protocol/message.ts'

interface Waiter {
  readonly position: Position
  settle(loss: ResetReason | undefined): void
  fail(error: unknown): void
}

export class Backfill {
  readonly #channel: string
  readonly #reads: LogReads
  readonly #feed: Feed
  readonly #pageMessages: number
  #waiters: Waiter[] = []
  #reading = false
  /** In this epoch nothing before this offset is in the log any more; a log only ever forgets from its old end. */
  #trimmed: Position | undefined

  constructor(channel: string, reads: LogReads, feed: Feed, pageMessages: number) {
    this.#channel = channel
    this.#reads = reads
    this.#feed = feed
    this.#pageMessages = pageMessages
  }

  /** Resolves with nothing once everything after the position is in the tail or can be read page by page, else with the reason for a reset. */
  to(position: Position): Promise<ResetReason | undefined> {
    return new Promise((settle, fail) => {
      this.#waiters.push({ position, settle, fail })
      if (!this.#reading) void this.#serve()
    })
  }

  async #serve(): Promise<void> {
    this.#reading = true
    // Those who come in the same turn of the loop are part of the first read.
    await Promise.resolve()
    while (this.#settleKnown() > 0) {
      const waiters = this.#waiters
      const epoch = (this.#feed.position as Position).epoch
      const after = { epoch, offset: Math.min(...waiters.map((waiter) => waiter.position.offset)) }
      try {
        await this.#read(after)
      } catch (error) {
        this.#waiters = []
        for (const waiter of waiters) waiter.fail(error)
      }
    }
    this.#reading = false
  }

  async #read(after: Position): Promise<void> {
    const page = await this.#reads.page('join', this.#channel, after, this.#pageMessages)
    if (page.kind === 'range') {
      backfill(this.#feed, page, after, this.#pageMessages)
      this.#settle((waiter) => waiter.position.offset >= after.offset, undefined)
      return
    }
    if (page.why !== 'trimmed') {
      this.#settle(() => true, page.why === 'ahead' ? 'gap' : 'epoch')
      return
    }
    // The oldest is too old. All that the log still has decides about the others at once.
    const rest = await this.#reads.last(this.#channel, this.#pageMessages)
    const oldest = rest.kind === 'range' ? (rest.entries[0]?.message as LoggedMessage | undefined) : undefined
    const complete = rest.kind === 'range' && rest.entries.length < this.#pageMessages
    const start = oldest === undefined ? rest.head : { epoch: oldest.epoch, offset: oldest.previous }
    backfill(this.#feed, rest, start, this.#pageMessages)
    this.#trimmed = complete ? start : { epoch: after.epoch, offset: after.offset + 1 }
  }

  /** Answers whom the tail or an earlier loss answers; returns how many still wait. */
  #settleKnown(): number {
    const position = this.#feed.position as Position
    const { start } = this.#feed.tail
    this.#settle((waiter) => waiter.position.epoch !== position.epoch, 'epoch')
    this.#settle((waiter) => waiter.position.offset >= start, undefined)
    const trimmed = this.#trimmed
    if (trimmed?.epoch === position.epoch)
      this.#settle((waiter) => waiter.position.offset < trimmed.offset, 'trimmed')
    return this.#waiters.length
  }

  #settle(whom: (waiter: Waiter) => boolean, loss: ResetReason | undefined): void {
    const waiting: Waiter[] = []
    for (const waiter of this.#waiters) {
      if (whom(waiter)) waiter.settle(loss)
      else waiting.push(waiter)
    }
    this.#waiters = waiting
  }
}

/**
 * Puts a page in front of the tail where the two meet: where the page was cut off by its
 * limit, or was read before the tail moved on, they may not. */
export function backfill(feed: Feed, page: LogPage, after: Position, limit: number): void {
  const { position, tail } = feed
  if (page.kind !== 'range' || position === undefined || page.head.epoch !== position.epoch) return
  if (after.epoch !== position.epoch || after.offset >= tail.start) return
  const newest = page.entries.at(-1)?.message as LoggedMessage | undefined
  // The tail may have moved on while the page was on its way.
  const covered = page.entries.length < limit ? page.head.offset : (newest?.offset ?? after.offset)
  if (covered < tail.start) return
  feed.backfill(
    page.entries.filter((encoded) => (encoded.message as LoggedMessage).offset <= tail.start),
    after,
  )
}

/** Where a client stands that gets this message next. */
export function startBefore(encoded: Encoded): Position {
  const { message } = encoded
  if (message.kind !== 'logged') throw new TypeError('a tail holds logged messages only')
  return { epoch: message.epoch, offset: message.previous }
}
