/**
 * A channel that is kept in the log: its feed, and the decisions of the feed carried out.
 */
import type { Opening } from './channel-terms.ts'
import { Channel } from './channel.ts'
import { Deliveries } from './deliveries.ts'
import { Disowning } from './disowning.ts'
import { Feed, type FeedDecision } from './feed.ts'
import type { LogPage } from './log-reads.ts'
import { Backfill, backfill, startBefore } from './backfill.ts'
import type { Subscription } from './subscription.ts'
import type { SourceLog } from './source.ts'
import type { Subscriber } from './subscriber.ts'
import { after, type Answer } from '../answer.ts'
import type { Encoded } from '../protocol/encoded.ts'
import { isSame, type From, type Position, type ResetReason } from '../protocol/position.ts'

/** A slow client reads the log in small bites: what it has not taken yet should not lie in memory. */
const CATCH_UP_PAGE = 128

/** What few channels need at all. */
interface Rare {
  /** Made for the first client that resumes from before the tail. */
  older?: Backfill
  /** The log is being told to leave an epoch, or was a moment ago. */
  disowning?: Disowning
  /** With its first message that is to be acknowledged. */
  deliveries?: Deliveries
  /** Subscriptions that are ahead of the feed. */
  waiting?: Set<Subscription> | undefined
}

/** Its methods are `private` by word: see `Subscription`. */
export class LoggedChannel extends Channel implements SourceLog {
  /** While nothing has come, and lately nothing has, its position is all that there is of a feed. `undefined`: not started. */
  #feed: Feed | Position | undefined
  #rare: Rare | undefined

  get position(): Position | undefined {
    return this.#feed instanceof Feed ? this.#feed.position : this.#feed
  }

  get deliveries(): Deliveries | undefined {
    return this.#rare?.deliveries
  }

  get log(): SourceLog {
    return this
  }

  /**
   * Finds the log's head; to be called once the backbone brings the channel's messages. One read serves both this and
   * the first client that resumes. Fails with `unavailable`.
   */
  start(from: From | undefined): Answer<void> {
    if (from !== undefined && !('last' in from)) return this.startWith(from)
    return after(this.ports.reads.head(this.name), (head) => {
      if (this.#feed instanceof Feed) this.run(this.#feed.start(head))
      else this.#feed = head
    })
  }

  private async startWith(from: Position): Promise<void> {
    const page = await this.ports.reads.page('join', this.name, from, this.policy.logMessagesMax)
    const decisions = this.awake().start(page.head)
    this.keepPage(page, from)
    this.run(decisions)
  }

  /** Fails with `unavailable` where the log has to be asked and is away. */
  open(from: From | undefined): Answer<Opening> {
    if (from === undefined) return { start: this.position, recovered: false, reset: undefined }
    return 'last' in from ? this.openLast(from.last) : this.openAt(from)
  }

  private async openAt(from: Position): Promise<Opening> {
    const here = this.position as Position
    if (isSame(from, here)) return { start: from, recovered: true, reset: undefined }
    if (from.epoch === here.epoch && from.offset < here.offset) {
      const feed = this.awake()
      feed.expire(this.ports.now())
      if (from.offset >= feed.tail.start) return { start: from, recovered: true, reset: undefined }
      const rare = (this.#rare ??= {})
      rare.older ??= new Backfill(this.name, this.ports.reads, feed, this.policy.logMessagesMax)
      const loss = await rare.older.to(from)
      return loss === undefined ? { start: from, recovered: true, reset: undefined } : this.lost(loss)
    }
    // Of another epoch, or ahead of this node: only the log can say which of us is wrong.
    const head = await this.ports.reads.headFromNow(this.name, from)
    this.check(head)
    if (from.epoch !== head.epoch) return { start: head, recovered: false, reset: 'epoch' }
    if (from.offset > head.offset) return { start: head, recovered: false, reset: 'gap' }
    return { start: from, recovered: true, reset: undefined }
  }

  receive(encoded: Encoded): void {
    // Published while the log was away, on a namespace that says to go on without it: it has no place in the order.
    if (encoded.message.kind === 'ephemeral') this.deliver(encoded, this.position)
    else this.run(this.awake().receive(encoded))
  }

  override check(head: Position | undefined): void {
    const { position } = this
    if (head !== undefined) {
      if (position !== undefined && !isSame(head, position)) this.run(this.awake().check(head))
      return
    }
    if (position === undefined) return
    const asked = this.ports.reads.head(this.name)
    if (!(asked instanceof Promise)) return this.check(asked)
    asked.then(
      (found) => this.check(found),
      // The log is away: the next check comes by itself.
      () => this.ports.counts.repair('failed'),
    )
  }

  next(after: Position): Encoded | undefined {
    return this.awake().tail.next(after.offset)
  }

  newest(): Encoded | undefined {
    return this.awake().tail.newest
  }

  async read(after: Position): Promise<LogPage> {
    const page = await this.ports.reads.page('catch_up', this.name, after, CATCH_UP_PAGE)
    backfill(this.awake(), page, after, CATCH_UP_PAGE)
    return page
  }

  newestOfLog(): Promise<LogPage> {
    return this.ports.reads.last(this.name, 1)
  }

  override tidy(): void {
    const feed = this.#feed
    if (!(feed instanceof Feed)) return
    feed.tidy(this.ports.now())
    // Who reads from before the tail holds the feed.
    if (feed.atRest && this.#rare?.older === undefined) this.#feed = feed.position
  }

  override forget(): void {
    if (this.#feed instanceof Feed) this.#feed.forget()
    if (this.#rare !== undefined) delete this.#rare.older
  }

  override rest(only: Subscription): Position | undefined {
    const { position } = this
    if (this.#rare !== undefined || (this.#feed instanceof Feed && !this.#feed.atRest)) return undefined
    // Who has asked for the head tells this channel what it is.
    if (this.ports.reads.asksFor(this.name) || !this.isOf(only) || !only.rest()) return undefined
    this.#feed = undefined
    return position
  }

  override wake(only: Subscriber, position: Position): Subscription {
    this.#feed = position
    return super.wake(only, position)
  }

  override close(): void {
    // What comes later must find it closed.
    this.awake().close()
  }

  awaitFeed(subscription: Subscription, head: Position | undefined): void {
    const rare = (this.#rare ??= {})
    ;(rare.waiting ??= new Set()).add(subscription)
    if (head !== undefined) this.check(head)
  }

  retryLater(subscription: Subscription): void {
    this.ports.later(() => subscription.resume())
  }

  override left(subscription?: Subscription, begun = false): void {
    if (subscription !== undefined) this.#rare?.waiting?.delete(subscription)
    super.left(subscription, begun)
  }

  /** With a feed: something has come, or is asked for. */
  private awake(): Feed {
    if (this.#feed instanceof Feed) return this.#feed
    const feed = new Feed(this.policy.feed)
    if (this.#feed !== undefined) feed.start(this.#feed)
    this.#feed = feed
    return feed
  }

  private async openLast(count: number): Promise<Opening> {
    const here = this.position as Position
    if (count === 0) return { start: here, recovered: true, reset: undefined }
    const feed = this.awake()
    feed.expire(this.ports.now())
    const oldest = feed.tail.fromEnd(count)
    if (oldest !== undefined) return { start: startBefore(oldest), recovered: true, reset: undefined }
    const page = await this.ports.reads.last(this.name, Math.min(count, this.policy.logMessagesMax))
    const first = page.kind === 'range' ? page.entries[0] : undefined
    if (first === undefined) return { start: page.head, recovered: true, reset: undefined }
    const start = startBefore(first)
    this.keepPage(page, start)
    return { start, recovered: true, reset: undefined }
  }

  private lost(why: ResetReason): Opening {
    return { start: this.position, recovered: false, reset: why }
  }

  /** Keeps a page of the log in the tail where it ends at the tail's start: the next who asks finds it there. */
  private keepPage(page: LogPage, after: Position): void {
    backfill(this.awake(), page, after, this.policy.logMessagesMax)
  }

  private run(decisions: readonly FeedDecision[]): void {
    if (decisions.length === 0) return
    for (const decision of decisions) {
      switch (decision.kind) {
        case 'deliver':
          this.number(decision.encoded)
          this.deliver(decision.encoded, decision.before)
          break
        case 'reset':
          this.ports.counts.repair('reset')
          this.resetAll(decision)
          break
        case 'fetch':
          this.fetch(decision.after)
          break
        case 'disown':
          this.disown(decision.epoch)
          break
        default:
          decision satisfies never
      }
    }
    const waiting = this.#rare?.waiting
    if (waiting === undefined) return
    ;(this.#rare as Rare).waiting = undefined
    for (const subscription of waiting) subscription.resume()
  }

  /** Before it is handed on: who is live then gets it. */
  private number({ message }: Encoded): void {
    if (message.kind !== 'logged' || !message.ack) return
    const rare = (this.#rare ??= {})
    ;(rare.deliveries ??= new Deliveries()).add(message.epoch, message.offset, message.time)
  }

  /** To each alone, since each has his own delay; those who are told it with the same delay get the same text. */
  private resetAll({ position, reason, before }: FeedDecision & { readonly kind: 'reset' }): void {
    this.ports.topics.settle(this.name, before)
    const resets = this.ports.resets({ channel: this.name, position, reason })
    for (const member of this.fanout.live) member.resetLive(resets.draw())
  }

  private fetch(after: Position): void {
    this.ports.counts.gap()
    this.ports.reads.range(this.name, after, this.policy.logMessagesMax).then(
      (range) => {
        if (range.kind === 'range') this.ports.counts.repair('filled')
        this.run(this.awake().filled(range))
      },
      () => {
        this.ports.counts.repair('failed')
        this.awake().failed()
        this.ports.later(() => {
          if (this.subscribers > 0) this.run(this.awake().retry())
        })
      },
    )
  }

  /** Made for the first of them, which most channels never see. */
  private disown(epoch: string): void {
    const { ports } = this
    const rare = (this.#rare ??= {})
    rare.disowning ??= new Disowning(this.name, {
      reads: ports.reads,
      later: (run) => ports.later(run),
      left: () => this.check(undefined),
      failed: () => ports.counts.repair('failed'),
      epoch: () => (this.subscribers > 0 ? this.position?.epoch : undefined),
    })
    rare.disowning.start(epoch)
  }
}
