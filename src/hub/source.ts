/**
 * A channel as its subscriptions see it.
 */
import type { Deliveries } from './deliveries.ts'
import type { Fanout } from './fanout.ts'
import type { LogPage } from './log-reads.ts'
import type { Subscription } from './subscription.ts'
import type { Tap } from '../observe/witness.ts'
import type { Encoded } from '../protocol/encoded.ts'
import type { Position, ResetReason } from '../protocol/position.ts'

export type SlowConsumerPolicy = 'catch-up' | 'conflate' | 'disconnect'

/** What a subscription asks of its channel. */
export interface Source {
  readonly name: string
  readonly fanout: Fanout
  readonly slowConsumer: SlowConsumerPolicy
  /** The number of the next message that goes to the topics. */
  readonly sequence: number
  /** Where the channel is, and where its messages are kept; both `undefined` on an ephemeral channel. */
  readonly position: Position | undefined
  readonly log: SourceLog | undefined
  readonly counts: SourceCounts
  /** Where messages are acknowledged, and one has come. */
  readonly deliveries: Deliveries | undefined
  /** While somebody follows a user. */
  readonly tap: Tap | undefined
  /** How long a client that is reset by himself waits before he fetches his state. */
  resetDelayMs(reason: ResetReason): number
  /** One more gets messages from now on. */
  begun(): void
  /** `begun`: it got messages. */
  left(subscription: Subscription, begun: boolean): void
}

/** Where a subscription that is behind reads. */
export interface SourceLog {
  /** The first message after a position, from memory. */
  next(after: Position): Encoded | undefined
  newest(): Encoded | undefined
  /** The same from the log, where memory has none. */
  newestOfLog(): Promise<LogPage>
  /** A page of the log. One read serves all who ask for the same. */
  read(after: Position): Promise<LogPage>
  /** Calls `resume` once the feed's position has changed; tells the feed where the log's head was seen. */
  awaitFeed(subscription: Subscription, head: Position | undefined): void
  /** Calls `resume` after a pause, since the log could not be read. */
  retryLater(subscription: Subscription): void
}

export interface SourceCounts {
  slow(policy: SlowConsumerPolicy): void
  /** `durable`: it is to be acknowledged, and can be. */
  replayed(durable: boolean): void
  reset(reason: ResetReason): void
  /** Of a channel that is not logged, to one who reads too slowly. */
  ephemeralDropped(count: number): void
  /** Somebody has gone, and has not acknowledged so many. */
  unacknowledged(messages: number): void
}
