/**
 * What a hub needs of others, and what it is told of a namespace.
 */
import type { ChannelCounts } from './channel-terms.ts'
import type { ReadReason } from './log-reads.ts'
import type { SlowConsumerPolicy } from './source.ts'
import type { Subscriber } from './subscriber.ts'
import type { Topics, TopicsMetrics } from './topics.ts'
import type { Backbone } from '../backbone/backbone.ts'
import type { Clock } from '../clock.ts'
import type { Witness } from '../observe/witness.ts'
import type { ReplayLog } from '../replay/replay-log.ts'

export interface HubPolicy {
  readonly logged: boolean
  readonly slowConsumer: SlowConsumerPolicy
  /** The most messages that the log keeps of a channel. */
  readonly max: number
  /** For how long the log keeps one. */
  readonly ttlMs: number
}

/** What the hub counts; see docs/metrics.md. */
export interface HubMetrics extends ChannelCounts, TopicsMetrics {
  logRead(why: ReadReason): void
  /** A tail was given up for want of memory. */
  tailGivenUp(): void
}

export interface HubPorts {
  readonly log: ReplayLog
  readonly backbone: Backbone
  readonly topics: Topics
  readonly clock: Clock
  readonly metrics: HubMetrics
  readonly witness: Pick<Witness, 'tap'>
  /** Who is live on a channel here under this exclusion key. Asked once for each message that excludes somebody. */
  liveOn(channel: string, exclusionKey: string): Subscriber | undefined
  /** The same object for all channels of a namespace. */
  policyOf(channel: string): HubPolicy
}
