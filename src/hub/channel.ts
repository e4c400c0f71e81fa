/**
 * One channel with local subscribers: its feed, who is on it, and the decisions of the feed carried out.
 * `LoggedChannel` has an order to keep; `EphemeralChannel` passes on what comes.
 */
import type { ChannelCounts, ChannelPolicy, Opening } from './channel-terms.ts'
import { Deliveries } from './deliveries.ts'
import { Disowning } from './disowning.ts'
import { Feed, type FeedDecision } from './feed.ts'
import type { LogPage, LogReads } from './log-reads.ts'
import { Fanout } from './fanout.ts'
import { Backfill, backfill, startBefore } from './backfill.ts'
import type { PacedResets } from './paced-resets.ts'
import type { Subscription } from './subscription.ts'
import type { SlowConsumerPolicy, Source, SourceLog } from './source.ts'
import type { LiveTopics } from './topics.ts'
import type { Tap, Witness } from '../observe/witness.ts'
import type { Encoded } from '../protocol/encoded.ts'
import type { Reset } from '../protocol/form.ts'
import type { From, Position, ResetReason } from '../protocol/position.ts'

/** What a channel needs of its hub. */
export interface ChannelPorts {
  readonly reads: LogReads
  /** Where messages leave to those who are live. */
  readonly topics: LiveTopics
  /** Milliseconds since 1970, as messages have them. */
  now(): number
  /** Of everybody on a channel that has lost something. */
  resets(lost: Omit<Reset, 'delayMs'>): PacedResets
  resetDelayMs(reason: ResetReason): number
  /** Runs once, after a pause that is spread at random. */
  later(run: () => void): void
  entered(channel: Channel): void
  left(channel: Channel): void
  readonly counts: ChannelCounts
  readonly witness: Pick<Witness, 'tap'>
}

/** A slow client reads the log in small bites: what it has not taken yet should not lie in memory. */
const CATCH_UP_PAGE = 128

export abstract class Channel implements Source {
  readonly name: string
  /** Who is live on it. */
  readonly fanout = new Fanout()
  protected readonly ports: ChannelPorts
  protected readonly policy: ChannelPolicy
  #subscribers = 0
  /** Those of the subscribers that have begun. */
  #begun = 0
  /** When the last subscriber left, by the clock that does not jump; a channel without subscribers lingers for a while. */
  emptySinceMs: number | undefined

  constructor(name: string, policy: ChannelPolicy, ports: ChannelPorts) {
    this.name = name
    this.policy = policy
    this.ports = ports
  }

  /** `undefined`: an ephemeral channel. */
  abstract get position(): Position | undefined
  abstract get log(): SourceLog | undefined
  abstract readonly deliveries: Deliveries | undefined
  abstract start(from: From | undefined): Promise<void>
  abstract open(from: From | undefined): Promise<Opening>
  abstract receive(encoded: Encoded): void

  get slowConsumer(): SlowConsumerPolicy {
    return this.policy.slowConsumer
  }

  get sequence(): number {
    return this.ports.topics.sequence
  }

  get tap(): Tap | undefined {
    return this.ports.witness.tap
  }

  get counts(): ChannelCounts {
    return this.ports.counts
  }

  get subscribers(): number {
    return this.#subscribers
  }

  entered(): void {
    this.#subscribers++
    this.ports.entered(this)
  }

  get begunCount(): number {
    return this.#begun
  }

  begun(): void {
    this.#begun++
  }

  left(_subscription?: Subscription, begun = false): void {
    this.#subscribers--
    if (begun) this.#begun--
    this.ports.left(this)
  }

  resetDelayMs(reason: ResetReason): number {
    return this.ports.resetDelayMs(reason)
  }

  /** Compares the channel with the log's head, where it has one; `undefined`: the log has to be asked first. */
  check(_head: Position | undefined): void {}

  /** To be called now and then: lets go of what need not be kept. */
  tidy(): void {}

  /** Nobody is on it, and nobody will be. */
  close(): void {}

  protected deliver(encoded: Encoded, before: Position | undefined): void {
    this.ports.topics.deliver(this.name, this.fanout, encoded, before)
  }
}

export class EphemeralChannel extends Channel {
  get position(): undefined {
    return undefined
  }

  get log(): undefined {
    return undefined
  }

  get deliveries(): undefined {
    return undefined
  }

  start(): Promise<void> {
    return Promise.resolve()
  }

  open(): Promise<Opening> {
    return Promise.resolve({ start: undefined, recovered: false, reset: undefined })
  }

  receive(encoded: Encoded): void {
    this.deliver(encoded, undefined)
  }
}

export class LoggedChannel extends Channel implements SourceLog {
  readonly #feed: Feed
  /** Made for the first client that resumes from before the tail. */
  #older: Backfill | undefined
  /** The log is being told to leave an epoch, or was a moment ago. */
  #disowning: Disowning | undefined
  /** With its first message that is to be acknowledged. */
  deliveries: Deliveries | undefined
  /** Subscriptions that are ahead of the feed. */
  #waiting: Set<Subscription> | undefined

  constructor(name: string, policy: ChannelPolicy, ports: ChannelPorts) {
    super(name, policy, ports)
    this.#feed = new Feed(policy.feed)
  }

  get position(): Position | undefined {
    return this.#feed.position
  }

  get log(): SourceLog {
    return this
  }

  /**
   * Finds the log's head; to be called once the backbone brings the channel's messages. One read serves both this and
   * the first client that resumes. Fails with `unavailable`.
   */
  async start(from: From | undefined): Promise<void> {
    if (from === undefined || 'last' in from) {
      this.#run(this.#feed.start(await this.ports.reads.head(this.name)))
      return
    }
    const page = await this.ports.reads.page('join', this.name, from, this.policy.logMessagesMax)
    const decisions = this.#feed.start(page.head)
    this.#backfill(page, from)
    this.#run(decisions)
  }

  /** Fails with `unavailable` where the log has to be asked and is away. */
  async open(from: From | undefined): Promise<Opening> {
    const here = this.#feed.position as Position
    if (from === undefined) return { start: here, recovered: false, reset: undefined }
    this.#feed.expire(this.ports.now())
    if ('last' in from) return this.#openLast(from.last)
    // The first costs an idle channel no tail.
    const kept =
      from.offset === here.offset || (from.offset < here.offset && from.offset >= this.#feed.tail.start)
    if (from.epoch === here.epoch && kept) {
      return { start: from, recovered: true, reset: undefined }
    }
    if (from.epoch === here.epoch && from.offset < here.offset) {
      this.#older ??= new Backfill(this.name, this.ports.reads, this.#feed, this.policy.logMessagesMax)
      const loss = await this.#older.to(from)
      return loss === undefined ? { start: from, recovered: true, reset: undefined } : this.#lost(loss)
    }
    // Of another epoch, or ahead of this node: only the log can say which of us is wrong.
    const head = await this.ports.reads.headFromNow(this.name)
    this.check(head)
    if (from.epoch !== head.epoch) return { start: head, recovered: false, reset: 'epoch' }
    if (from.offset > head.offset) return { start: head, recovered: false, reset: 'gap' }
    return { start: from, recovered: true, reset: undefined }
  }

  receive(encoded: Encoded): void {
    // Published while the log was away, on a namespace that says to go on without it: it has no place in the order.
    if (encoded.message.kind === 'ephemeral') this.deliver(encoded, this.#feed.position)
    else this.#run(this.#feed.receive(encoded))
  }

  override check(head: Position | undefined): void {
    if (head !== undefined) {
      this.#run(this.#feed.check(head))
      return
    }
    if (this.#feed.position === undefined) return
    this.ports.reads.head(this.name).then(
      (found) => this.#run(this.#feed.check(found)),
      // The log is away: the next check comes by itself.
      () => this.ports.counts.repair('failed'),
    )
  }

  next(after: Position): Encoded | undefined {
    return this.#feed.tail.next(after.offset)
  }

  newest(): Encoded | undefined {
    return this.#feed.tail.newest
  }

  async read(after: Position): Promise<LogPage> {
    const page = await this.ports.reads.page('catch_up', this.name, after, CATCH_UP_PAGE)
    backfill(this.#feed, page, after, CATCH_UP_PAGE)
    return page
  }

  newestOfLog(): Promise<LogPage> {
    return this.ports.reads.last(this.name, 1)
  }

  override tidy(): void {
    this.#feed.tidy(this.ports.now())
  }

  override close(): void {
    this.#feed.close()
  }

  awaitFeed(subscription: Subscription, head: Position | undefined): void {
    ;(this.#waiting ??= new Set()).add(subscription)
    if (head !== undefined) this.check(head)
  }

  retryLater(subscription: Subscription): void {
    this.ports.later(() => subscription.resume())
  }

  override left(subscription?: Subscription, begun = false): void {
    if (subscription !== undefined) this.#waiting?.delete(subscription)
    super.left(subscription, begun)
  }

  async #openLast(count: number): Promise<Opening> {
    const here = this.#feed.position as Position
    if (count === 0) return { start: here, recovered: true, reset: undefined }
    const oldest = this.#feed.tail.fromEnd(count)
    if (oldest !== undefined) return { start: startBefore(oldest), recovered: true, reset: undefined }
    const page = await this.ports.reads.last(this.name, Math.min(count, this.policy.logMessagesMax))
    const first = page.kind === 'range' ? page.entries[0] : undefined
    if (first === undefined) return { start: page.head, recovered: true, reset: undefined }
    const start = startBefore(first)
    this.#backfill(page, start)
    return { start, recovered: true, reset: undefined }
  }

  #lost(why: ResetReason): Opening {
    return { start: this.#feed.position, recovered: false, reset: why }
  }

  /** Keeps a page of the log in the tail where it ends at the tail's start: the next who asks finds it there. */
  #backfill(page: LogPage, after: Position): void {
    backfill(this.#feed, page, after, this.policy.logMessagesMax)
  }

  #run(decisions: readonly FeedDecision[]): void {
    if (decisions.length === 0) return
    for (const decision of decisions) {
      switch (decision.kind) {
        case 'deliver':
          this.#number(decision.encoded)
          this.deliver(decision.encoded, decision.before)
          break
        case 'reset':
          this.ports.counts.repair('reset')
          this.#resetAll(decision)
          break
        case 'fetch':
          this.#fetch(decision.after)
          break
        case 'disown':
          this.#disown(decision.epoch)
          break
        default:
          decision satisfies never
      }
    }
    if (this.#waiting === undefined) return
    const waiting = this.#waiting
    this.#waiting = undefined
    for (const subscription of waiting) subscription.resume()
  }

  /** Before it is handed on: who is live then gets it. */
  #number({ message }: Encoded): void {
    if (message.kind !== 'logged' || !message.ack) return
    ;(this.deliveries ??= new Deliveries()).add(message.epoch, message.offset, message.time)
  }

  /** To each alone, since each has his own delay; those who are told it with the same delay get the same text. */
  #resetAll({ position, reason, before }: FeedDecision & { readonly kind: 'reset' }): void {
    this.ports.topics.settle(this.name, before)
    const resets = this.ports.resets({ channel: this.name, position, reason })
    for (const member of this.fanout.live) member.resetLive(resets.draw())
  }

  #fetch(after: Position): void {
    this.ports.counts.gap()
    this.ports.reads.range(this.name, after, this.policy.logMessagesMax).then(
      (range) => {
        if (range.kind === 'range') this.ports.counts.repair('filled')
        this.#run(this.#feed.filled(range))
      },
      () => {
        this.ports.counts.repair('failed')
        this.#feed.failed()
        this.ports.later(() => {
          if (this.subscribers > 0) this.#run(this.#feed.retry())
        })
      },
    )
  }

  /** Made for the first of them, which most channels never see. */
  #disown(epoch: string): void {
    const { ports } = this
    this.#disowning ??= new Disowning(this.name, {
      reads: ports.reads,
      later: (run) => ports.later(run),
      left: () => this.check(undefined),
      failed: () => ports.counts.repair('failed'),
      epoch: () => (this.subscribers > 0 ? this.position?.epoch : undefined),
    })
    this.#disowning.start(epoch)
  }
}
