/**
 * One client on one channel. Live, it costs nothing per message: the fan-out serves it. Behind (it resumes, or
 * reads slowly), it reads from the tail or the log at its own pace until it has caught up.
 *
 *           begin                     caught up: position = the feed's
 *   (opened) ───▶ (behind) ─────────────────────────────────▶ (live)
 *                    ▲                                           │
 *                    └────────── fallBehind: its buffer is full ─┘        any ── close ──▶ (closed)
 */
import { behindAt, behindOf, isLive, liveFrom, openOf, stateOf, withOpen } from './behind.ts'
import type { Behind, Replay, Whereabouts } from './behind.ts'
import { Unacknowledged } from './deliveries.ts'
import type { LiveMember } from './fanout.ts'
import type { Subscriber } from './subscriber.ts'
import type { Source, SourceLog } from './source.ts'
import type { Encoded } from '../protocol/encoded.ts'
import { EncodedReset } from '../protocol/encoded-reset.ts'
import type { Position, ResetReason } from '../protocol/position.ts'
import type { LoggedMessage } from '../protocol/message.ts'
import { NATIVE } from '../protocol/transport-name.ts'
import { lossReason, type LogPage } from './log-reads.ts'

/**
 * Each connection has two of them, or more, so it has no field that it can do without; and its methods are `private` by word, since
 * a class with one that is private by name has one more field in each object, by which V8 knows it.
 */
export class Subscription implements LiveMember {
  readonly source: Source
  readonly subscriber: Subscriber
  #at: Whereabouts
  previousLive: LiveMember | undefined
  nextLive: LiveMember | undefined

  constructor(source: Source, subscriber: Subscriber, at: Whereabouts) {
    this.source = source
    this.subscriber = subscriber
    this.#at = at
  }

  get state(): ReturnType<typeof stateOf> {
    return stateOf(this.#at)
  }

  get live(): boolean {
    return isLive(this.#at)
  }

  /** The number of the first message of the topics that is for this client, since it became live. Asked for while it is. */
  get liveSince(): number {
    const at = this.#at as Unacknowledged | number
    return typeof at === 'number' ? at : at.liveSince
  }

  /** The client has every message up to here, or it has been told of a reset. */
  get position(): Position | undefined {
    return this.live ? this.source.position : behindOf(this.#at)?.position
  }

  /** The client has been told where it starts; `reset` if it could not be recovered. */
  begin(reset: ResetReason | undefined, replay?: Replay): void {
    const opened = behindOf(this.#at)
    if (opened === undefined || opened.begun) return
    opened.begun = true
    opened.replay = replay
    this.source.begun()
    if (reset !== undefined && opened.position !== undefined) this.resetOwn(opened.position, reset)
    this.resume()
  }

  /** What follows the start and is in memory, before `begin`: whoever takes it tells the client. What is left follows by itself. */
  take(countMax: number, bytesMax: number): readonly Encoded[] {
    const [taken, behind, feed] = [[] as Encoded[], behindOf(this.#at), this.source.position]
    if (behind === undefined || behind.begun || feed === undefined) return taken
    for (let bytes = 0; taken.length < countMax;) {
      const here = behind.position
      const next = here?.epoch === feed.epoch && here.offset < feed.offset ? this.log.next(here) : undefined
      if (next === undefined || (bytes += next.message.data.length) > bytesMax) break
      behind.position = { epoch: feed.epoch, offset: (next.message as LoggedMessage).offset }
      if (this.isExcludedFrom(next)) continue
      this.replayed(next)
      this.source.tap?.delivered(this.subscriber, next)
      taken.push(next)
    }
    return taken
  }

  /**
   * The client's buffer is full. `position` is the last place up to which it has everything.
   * It leaves the fan-out until `resume`.
   */
  fallBehind(position: Position | undefined): void {
    if (!this.live) return
    this.#at = withOpen(behindAt(position, 'slow'), openOf(this.#at))
    this.detach()
    this.source.counts.slow(this.source.slowConsumer)
  }

  resetLive(reset: EncodedReset): void {
    if (!this.live) return
    // What has to wait for room must not be overtaken by what follows.
    if (!this.subscriber.hasRoom()) this.fallBehind(reset.position)
    this.settleOpen()
    if (this.live) this.countLive(this.source.deliveries?.count)
    this.source.counts.reset(reset.reason)
    this.subscriber.reset(reset)
    this.source.tap?.reset(this.subscriber, reset)
  }

  takeLive(encoded: Encoded, before: Position | undefined): boolean {
    const { subscriber } = this
    if (!this.live || subscriber.transport !== NATIVE) return false
    if (subscriber.hasRoom()) subscriber.deliver(encoded)
    else {
      if (before === undefined) this.source.counts.ephemeralDropped(1)
      this.fallBehind(before)
    }
    return true
  }

  /** Goes on as far as there is room: after a pause, a read of the log, or an empty buffer. */
  resume(): void {
    for (let behind = this.behind; behind !== undefined; behind = this.behind)
      if (!this.subscriber.hasRoom() || behind.reading || !this.step(behind)) return
  }

  /** The connection has gone or the client unsubscribed. Idempotent. */
  close(): void {
    const { state } = this
    const replay = behindOf(this.#at)?.replay
    if (state === 'closed') return
    if (state === 'live') this.detach()
    this.settleOpen()
    this.#at = undefined
    replay?.ended()
    this.source.left(this, state !== 'opened')
  }

  /** See `Channel.rest`. False: it is needed. */
  rest(): boolean {
    if (typeof this.#at !== 'number' || this.subscriber.transport !== NATIVE) return false
    this.#at = undefined
    return true
  }

  /** Everything up to an offset has been taken by the client. How much of that is new, and when the last of it was accepted. */
  acknowledge(offset: number): { readonly messages: number; readonly acceptedMs: number | undefined } {
    const { deliveries } = this.source
    if (this.live) this.countLive()
    const messages = openOf(this.#at)?.acknowledge(offset, deliveries) ?? 0
    return { messages, acceptedMs: messages === 0 ? undefined : deliveries?.timeOf(offset) }
  }

  /** Who is live since before the first message has had all of them. Only WebSockets can acknowledge. */
  private countLive(from = 0): void {
    if (this.source.deliveries === undefined || this.subscriber.transport !== NATIVE) return
    this.opened().live(from)
  }

  /** What is open now is not acknowledged any more: the connection has gone, or its log. */
  private settleOpen(): void {
    const open = openOf(this.#at)
    if (open === undefined) return
    this.source.counts.unacknowledged(open.open(this.source.deliveries))
    this.#at = withOpen(this.#at, undefined)
  }

  /** Made with the first that it may acknowledge. */
  private opened(): Unacknowledged {
    const open = openOf(this.#at) ?? new Unacknowledged()
    this.#at = withOpen(this.#at, open)
    return open
  }

  /** Where it reads, once it has begun and until it is live. */
  private get behind(): Behind | undefined {
    const behind = behindOf(this.#at)
    return behind?.begun === true ? behind : undefined
  }

  /** Asked for only where there are positions. */
  private get log(): SourceLog {
    return this.source.log as SourceLog
  }

  /** One message or one change of state. False: wait for somebody to call `resume`. */
  private step(behind: Behind): boolean {
    const here = behind.position
    const feed = this.source.position
    if (here === undefined || feed === undefined) return this.attach(behind)
    if (here.epoch === feed.epoch && here.offset === feed.offset) return this.attach(behind)
    if (behind.slow && this.source.slowConsumer !== 'catch-up') return this.giveUp(behind)
    if (here.epoch === feed.epoch && here.offset < feed.offset) {
      const next = this.log.next(here)
      if (next === undefined) return this.read(behind, here)
      this.deliver(behind, next)
      return true
    }
    // The client comes from a node that was ahead of this one, or the log is of a new epoch that only one of the two knows.
    return this.read(behind, here)
  }

  private attach(behind: Behind): boolean {
    this.#at = liveFrom(this.source.sequence, behind.open)
    this.countLive(this.source.deliveries?.count)
    this.subscriber.attach(this.source.fanout, this.source.name)
    this.source.fanout.addLive(this)
    behind.replay?.ended()
    return false
  }

  private detach(): void {
    this.countLive()
    if (this.source.deliveries !== undefined) openOf(this.#at)?.behind(this.source.deliveries)
    this.source.fanout.removeLive(this)
    this.subscriber.detach(this.source.fanout, this.source.name)
  }

  /** What the other policies do with a client that missed something. */
  private giveUp(behind: Behind): boolean {
    if (this.source.slowConsumer === 'disconnect') {
      this.subscriber.closeTooSlow(this.source.name)
      return false
    }
    const newest = this.log.newest()
    if (newest === undefined) return this.readNewest(behind)
    this.deliverNewest(newest)
    behind.position = this.source.position
    return true
  }

  /** The memory of the node had no room for the newest message. */
  private readNewest(behind: Behind): boolean {
    const asked = this.source.position as Position
    behind.reading = true
    this.log.newestOfLog().then(
      (page) => {
        behind.reading = false
        // It may have been closed meanwhile.
        if (this.#at === behind) this.takeNewest(behind, page, asked)
      },
      () => {
        behind.reading = false
        if (this.#at === behind) this.log.retryLater(this)
      },
    )
    return false
  }

  private takeNewest(behind: Behind, page: LogPage, asked: Position): void {
    const feed = this.source.position as Position
    const newest = page.kind === 'range' ? page.entries.at(-1) : undefined
    const message = newest?.message as LoggedMessage | undefined
    if (message?.epoch === feed.epoch && message.offset > feed.offset) {
      this.log.awaitFeed(this, page.head)
      return
    }
    if (feed.epoch === asked.epoch && feed.offset === asked.offset) {
      behind.position = feed
      // What the feed has seen the log has forgotten, or lost.
      if (newest === undefined || message?.epoch !== feed.epoch || message.offset < feed.offset)
        this.resetOwn(feed, 'trimmed')
      else this.deliverNewest(newest)
    }
    // Else the feed has moved on meanwhile: its newest is another one.
    this.resume()
  }

  private deliver(behind: Behind, encoded: Encoded): void {
    const { epoch, offset } = encoded.message as LoggedMessage
    behind.position = { epoch, offset }
    if (this.isExcludedFrom(encoded)) return
    this.replayed(encoded)
    behind.replay?.replayed()
    this.handOver(encoded)
  }

  private handOver(encoded: Encoded): void {
    this.subscriber.deliver(encoded)
    this.source.tap?.delivered(this.subscriber, encoded)
  }

  private replayed({ message }: Encoded): void {
    const durable = message.kind === 'logged' && message.ack && this.subscriber.transport === NATIVE
    this.source.counts.replayed(durable)
    if (durable) this.opened().given(message.offset)
  }

  private deliverNewest(newest: Encoded): void {
    if (!this.isExcludedFrom(newest)) this.handOver(newest)
  }

  private isExcludedFrom({ message: { meta } }: Encoded): boolean {
    return meta?.exclude !== undefined && meta.exclude === this.subscriber.exclusionKey
  }

  private read(behind: Behind, after: Position): boolean {
    behind.reading = true
    this.log.read(after).then(
      (page) => {
        behind.reading = false
        if (this.#at === behind) this.takeIn(behind, page)
      },
      () => {
        // The log is away (its own room counts and logs that). The position stays, so nothing is lost by waiting.
        behind.reading = false
        if (this.#at === behind) this.log.retryLater(this)
      },
    )
    return false
  }

  private takeIn(behind: Behind, page: LogPage): void {
    if (page.kind === 'lost') {
      const reason = lossReason(page.why)
      behind.position = page.head
      this.resetOwn(page.head, reason)
      this.resume()
      return
    }
    const feed = this.source.position as Position
    for (const encoded of page.entries) {
      const message = encoded.message as LoggedMessage
      // What the feed has not delivered yet comes from the feed, so that its tail and this reader meet.
      if (message.epoch !== feed.epoch || message.offset > feed.offset) break
      if (!this.subscriber.hasRoom()) return
      this.deliver(behind, encoded)
    }
    const here = behind.position as Position
    if (here.epoch !== feed.epoch || here.offset > feed.offset) {
      this.log.awaitFeed(this, page.head)
      return
    }
    if (page.entries.length === 0 && here.offset < feed.offset && this.log.next(here) === undefined) {
      // The feed has seen what the log does not have any more.
      behind.position = feed
      this.resetOwn(feed, 'gap')
    }
    this.resume()
  }

  private resetOwn(position: Position, reason: ResetReason): void {
    this.settleOpen()
    this.source.counts.reset(reason)
    const delayMs = this.source.resetDelayMs(reason)
    const reset = new EncodedReset({ channel: this.source.name, position, reason, delayMs })
    this.subscriber.reset(reset)
    this.source.tap?.reset(this.subscriber, reset)
  }
}
