/**
 * One client on one channel. Live, it costs nothing per message: the fan-out serves it. Behind (it resumes, or
 * reads slowly), it reads from the tail or the log at its own pace until it has caught up.
 *
 *           begin                     caught up: position = the feed's
 *   (opened) ───▶ (behind) ─────────────────────────────────▶ (live)
 *                    ▲                                           │
 *                    └────────── fallBehind: its buffer is full ─┘        any ── close ──▶ (closed)
 */
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

/** Follows a resume until the client has caught up or gone. */
export interface Replay {
  replayed(): void
  /** Once for each subscription. */
  ended(): void
}

type State = 'opened' | 'behind' | 'live' | 'closed'

/** Where one is that is not live. Who is live needs none of it, and that is nearly everybody. */
interface Behind {
  /** Where the client is; `undefined` on ephemeral channels. */
  position: Position | undefined
  reading: boolean
  /** Its buffer was full: only by that it falls behind once it was live. */
  readonly slow: boolean
  /** Until it is live for the first time. */
  replay: Replay | undefined
}

export class Subscription implements LiveMember {
  readonly source: Source
  readonly subscriber: Subscriber
  #state: State = 'opened'
  /** `undefined`: it is live, and its place is the feed's, or it is closed. */
  #behind: Behind | undefined
  #liveSince = 0
  /** On a durable channel, from the first message that it may acknowledge. */
  #open: Unacknowledged | undefined
  previousLive: LiveMember | undefined
  nextLive: LiveMember | undefined

  constructor(source: Source, subscriber: Subscriber, start: Position | undefined) {
    this.source = source
    this.subscriber = subscriber
    this.#behind = { position: start, reading: false, slow: false, replay: undefined }
  }

  get state(): State {
    return this.#state
  }

  get live(): boolean {
    return this.#state === 'live'
  }

  /** The number of the first message of the topics that is for this client, since it became live. */
  get liveSince(): number {
    return this.#liveSince
  }

  /** The client has every message up to here, or it has been told of a reset. */
  get position(): Position | undefined {
    return this.#state === 'live' ? this.source.position : this.#behind?.position
  }

  /** The client has been told where it starts; `reset` if it could not be recovered. */
  begin(reset: ResetReason | undefined, replay?: Replay): void {
    const behind = this.#behind
    if (this.#state !== 'opened' || behind === undefined) return
    this.#state = 'behind'
    behind.replay = replay
    this.source.begun()
    if (reset !== undefined && behind.position !== undefined) this.#reset(behind.position, reset)
    this.resume()
  }

  /** What follows the start and is in memory, before `begin`: whoever takes it tells the client. What is left follows by itself. */
  take(countMax: number, bytesMax: number): readonly Encoded[] {
    const [taken, behind, feed] = [[] as Encoded[], this.#behind, this.source.position]
    if (this.#state !== 'opened' || behind === undefined || feed === undefined) return taken
    for (let bytes = 0; taken.length < countMax;) {
      const here = behind.position
      const next = here?.epoch === feed.epoch && here.offset < feed.offset ? this.#log.next(here) : undefined
      if (next === undefined || (bytes += next.message.data.length) > bytesMax) break
      behind.position = { epoch: feed.epoch, offset: (next.message as LoggedMessage).offset }
      if (this.#isExcludedFrom(next)) continue
      this.#replayed(next)
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
    if (this.#state !== 'live') return
    this.#state = 'behind'
    this.#behind = { position, reading: false, slow: true, replay: undefined }
    this.#leaveLive()
    this.source.counts.slow(this.source.slowConsumer)
  }

  resetLive(reset: EncodedReset): void {
    if (this.#state !== 'live') return
    // What has to wait for room must not be overtaken by what follows.
    if (!this.subscriber.hasRoom()) this.fallBehind(reset.position)
    this.#settleOpen()
    if (this.live) this.#countLive(this.source.deliveries?.count)
    this.source.counts.reset(reset.reason)
    this.subscriber.reset(reset)
    this.source.tap?.reset(this.subscriber, reset)
  }

  takeLive(encoded: Encoded, before: Position | undefined): boolean {
    const { subscriber } = this
    if (this.#state !== 'live' || subscriber.transport !== NATIVE) return false
    if (subscriber.hasRoom()) subscriber.deliver(encoded)
    else {
      if (before === undefined) this.source.counts.ephemeralDropped(1)
      this.fallBehind(before)
    }
    return true
  }

  /** Goes on as far as there is room: after a pause, a read of the log, or an empty buffer. */
  resume(): void {
    while (this.#state === 'behind' && this.subscriber.hasRoom()) {
      const behind = this.#behind
      if (behind === undefined || behind.reading || !this.#step(behind)) return
    }
  }

  /** The connection has gone or the client unsubscribed. Idempotent. */
  close(): void {
    if (this.#state === 'closed') return
    const begun = this.#state !== 'opened'
    if (this.#state === 'live') this.#leaveLive()
    this.#state = 'closed'
    this.#behind?.replay?.ended()
    this.#behind = undefined
    this.#settleOpen()
    this.source.left(this, begun)
  }

  /** Everything up to an offset has been taken by the client. How much of that is new, and when the last of it was accepted. */
  acknowledge(offset: number): { readonly messages: number; readonly acceptedMs: number | undefined } {
    const { deliveries } = this.source
    if (this.#state === 'live') this.#countLive()
    const messages = this.#open?.acknowledge(offset, deliveries) ?? 0
    return { messages, acceptedMs: messages === 0 ? undefined : deliveries?.timeOf(offset) }
  }

  /** Who is live since before the first message has had all of them. Only WebSockets can acknowledge. */
  #countLive(from = 0): void {
    if (this.source.deliveries === undefined || this.subscriber.transport !== NATIVE) return
    ;(this.#open ??= new Unacknowledged()).live(from)
  }

  /** What is open now is not acknowledged any more: the connection has gone, or its log. */
  #settleOpen(): void {
    if (this.#open !== undefined) this.source.counts.unacknowledged(this.#open.open(this.source.deliveries))
    this.#open = undefined
  }

  /** Asked for only where there are positions. */
  get #log(): SourceLog {
    return this.source.log as SourceLog
  }

  /** One message or one change of state. False: wait for somebody to call `resume`. */
  #step(behind: Behind): boolean {
    const here = behind.position
    const feed = this.source.position
    if (here === undefined || feed === undefined) return this.#goLive(behind)
    if (here.epoch === feed.epoch && here.offset === feed.offset) return this.#goLive(behind)
    if (behind.slow && this.source.slowConsumer !== 'catch-up') return this.#giveUp(behind)
    if (here.epoch === feed.epoch && here.offset < feed.offset) {
      const next = this.#log.next(here)
      if (next === undefined) return this.#read(behind, here)
      this.#deliver(behind, next)
      return true
    }
    // The client comes from a node that was ahead of this one, or the log is of a new epoch that only one of the two knows.
    return this.#read(behind, here)
  }

  #goLive(behind: Behind): boolean {
    this.#state = 'live'
    this.#liveSince = this.source.sequence
    this.#behind = undefined
    this.#countLive(this.source.deliveries?.count)
    this.subscriber.attach(this.source.fanout, this.source.name)
    this.source.fanout.addLive(this)
    behind.replay?.ended()
    return false
  }

  #leaveLive(): void {
    this.#countLive()
    if (this.source.deliveries !== undefined) this.#open?.behind(this.source.deliveries)
    this.source.fanout.removeLive(this)
    this.subscriber.detach(this.source.fanout, this.source.name)
  }

  /** What the other policies do with a client that missed something. */
  #giveUp(behind: Behind): boolean {
    if (this.source.slowConsumer === 'disconnect') {
      this.subscriber.closeTooSlow(this.source.name)
      return false
    }
    const newest = this.#log.newest()
    if (newest === undefined) return this.#readNewest(behind)
    this.#deliverNewest(newest)
    behind.position = this.source.position
    return true
  }

  /** The memory of the node had no room for the newest message. */
  #readNewest(behind: Behind): boolean {
    const asked = this.source.position as Position
    behind.reading = true
    this.#log.newestOfLog().then(
      (page) => {
        behind.reading = false
        if (this.#state === 'behind') this.#takeNewest(behind, page, asked)
      },
      () => {
        behind.reading = false
        if (this.#state === 'behind') this.#log.retryLater(this)
      },
    )
    return false
  }

  #takeNewest(behind: Behind, page: LogPage, asked: Position): void {
    const feed = this.source.position as Position
    const newest = page.kind === 'range' ? page.entries.at(-1) : undefined
    const message = newest?.message as LoggedMessage | undefined
    if (message?.epoch === feed.epoch && message.offset > feed.offset) {
      this.#log.awaitFeed(this, page.head)
      return
    }
    if (feed.epoch === asked.epoch && feed.offset === asked.offset) {
      behind.position = feed
      // What the feed has seen the log has forgotten, or lost.
      if (newest === undefined || message?.epoch !== feed.epoch || message.offset < feed.offset)
        this.#reset(feed, 'trimmed')
      else this.#deliverNewest(newest)
    }
    // Else the feed has moved on meanwhile: its newest is another one.
    this.resume()
  }

  #deliver(behind: Behind, encoded: Encoded): void {
    const { epoch, offset } = encoded.message as LoggedMessage
    behind.position = { epoch, offset }
    if (this.#isExcludedFrom(encoded)) return
    this.#replayed(encoded)
    behind.replay?.replayed()
    this.#handOver(encoded)
  }

  #handOver(encoded: Encoded): void {
    this.subscriber.deliver(encoded)
    this.source.tap?.delivered(this.subscriber, encoded)
  }

  #replayed({ message }: Encoded): void {
    const durable = message.kind === 'logged' && message.ack && this.subscriber.transport === NATIVE
    this.source.counts.replayed(durable)
    if (durable) (this.#open ??= new Unacknowledged()).given(message.offset)
  }

  #deliverNewest(newest: Encoded): void {
    if (!this.#isExcludedFrom(newest)) this.#handOver(newest)
  }

  #isExcludedFrom({ message: { meta } }: Encoded): boolean {
    return meta?.exclude !== undefined && meta.exclude === this.subscriber.exclusionKey
  }

  #read(behind: Behind, after: Position): boolean {
    behind.reading = true
    this.#log.read(after).then(
      (page) => {
        behind.reading = false
        if (this.#state === 'behind') this.#takeIn(behind, page)
      },
      () => {
        // The log is away (its own room counts and logs that). The position stays, so nothing is lost by waiting.
        behind.reading = false
        if (this.#state === 'behind') this.#log.retryLater(this)
      },
    )
    return false
  }

  #takeIn(behind: Behind, page: LogPage): void {
    if (page.kind === 'lost') {
      const reason = lossReason(page.why)
      behind.position = page.head
      this.#reset(page.head, reason)
      this.resume()
      return
    }
    const feed = this.source.position as Position
    for (const encoded of page.entries) {
      const message = encoded.message as LoggedMessage
      // What the feed has not delivered yet comes from the feed, so that its tail and this reader meet.
      if (message.epoch !== feed.epoch || message.offset > feed.offset) break
      if (!this.subscriber.hasRoom()) return
      this.#deliver(behind, encoded)
    }
    const here = behind.position as Position
    if (here.epoch !== feed.epoch || here.offset > feed.offset) {
      this.#log.awaitFeed(this, page.head)
      return
    }
    if (page.entries.length === 0 && here.offset < feed.offset && this.#log.next(here) === undefined) {
      // The feed has seen what the log does not have any more.
      behind.position = feed
      this.#reset(feed, 'gap')
    }
    this.resume()
  }

  #reset(position: Position, reason: ResetReason): void {
    this.#settleOpen()
    this.source.counts.reset(reason)
    const delayMs = this.source.resetDelayMs(reason)
    const reset = new EncodedReset({ channel: this.source.name, position, reason, delayMs })
    this.subscriber.reset(reset)
    this.source.tap?.reset(this.subscriber, reset)
  }
}
