/**
 * What a channel is told and what it tells.
 */
import type { FeedTerms } from './feed.ts'
import type { SlowConsumerPolicy } from './source.ts'
import type { Position, ResetReason } from '../protocol/position.ts'

/** What channels count; see docs/metrics.md. */
export interface ChannelCounts {
  slow(policy: SlowConsumerPolicy): void
  /** `durable`: to one who acknowledges it. */
  replayed(durable: boolean): void
  reset(reason: ResetReason): void
  /** Of a channel that is not logged, to one who reads too slowly. */
  ephemeralDropped(count: number): void
  /** A hole was found. */
  gap(): void
  /** A connection has ended before it acknowledged so many. */
  unacknowledged(messages: number): void
  repair(result: 'filled' | 'reset' | 'failed'): void
}

export interface ChannelPolicy {
  readonly slowConsumer: SlowConsumerPolicy
  readonly feed: FeedTerms
  /** More than the log keeps: one read finds all of it. */
  readonly logMessagesMax: number
}

/** Where a subscription starts, as found before the client is told. */
export interface Opening {
  readonly start: Position | undefined
  readonly recovered: boolean
  readonly reset: ResetReason | undefined
}
