/**
 * One channel with local subscribers, and who is on it. `LoggedChannel` has an order to keep; `EphemeralChannel` passes on what comes.
 */
import type { ChannelCounts, ChannelPolicy, Opening } from './channel-terms.ts'
import type { Deliveries } from './deliveries.ts'
import type { LogReads } from './log-reads.ts'
import { Fanout } from './fanout.ts'
import type { PacedResets } from './paced-resets.ts'
import type { Subscriber } from './subscriber.ts'
import { Subscription } from './subscription.ts'
import type { SlowConsumerPolicy, Source, SourceLog } from './source.ts'
import type { LiveTopics } from './topics.ts'
import type { Answer } from '../answer.ts'
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
  /** The first that gets its messages has begun, or the last has gone. */
  occupied(channel: Channel, is: boolean): void
  left(channel: Channel): void
  readonly counts: ChannelCounts
  readonly witness: Pick<Witness, 'tap'>
}

/** The same object for all channels of a namespace. */
export interface ChannelTerms {
  readonly policy: ChannelPolicy
  readonly ports: ChannelPorts
}

/**
 * There is one for each connected user, his inbox. So who is live on it is in the channel itself, and what is the same for all, or what
 * most never need, is behind one reference.
 */
export abstract class Channel extends Fanout implements Source {
  readonly name: string
  /** Counted by others: see `Hub.noted`. */
  noted = 0
  readonly #terms: ChannelTerms
  #subscribers = 0
  /** Those of the subscribers that have begun. */
  #begun = 0

  constructor(name: string, terms: ChannelTerms) {
    super()
    this.name = name
    this.#terms = terms
  }

  get fanout(): Fanout {
    return this
  }

  protected get ports(): ChannelPorts {
    return this.#terms.ports
  }

  protected get policy(): ChannelPolicy {
    return this.#terms.policy
  }

  /** `undefined`: an ephemeral channel. */
  abstract get position(): Position | undefined
  abstract get log(): SourceLog | undefined
  abstract readonly deliveries: Deliveries | undefined
  abstract start(from: From | undefined): Answer<void>
  abstract open(from: From | undefined): Answer<Opening>
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
    if (++this.#begun === 1) this.ports.occupied(this, true)
  }

  left(_subscription?: Subscription, begun = false): void {
    this.#subscribers--
    if (begun && --this.#begun === 0) this.ports.occupied(this, false)
    this.ports.left(this)
  }

  /** Where it is, if there is nothing else to be known of it and nobody but this one is on it, who is live: both are needed no more. */
  rest(_only: Subscription): Position | undefined {
    return undefined
  }

  /** An inbox that is new, as it was before it rested: who is on it has been counted, and been told of. */
  wake(only: Subscriber, _position: Position): Subscription {
    this.#subscribers = this.#begun = 1
    // Live without a word to its subscriber: sockets are on no topic of an inbox.
    const subscription = new Subscription(this, only, this.sequence)
    this.addLive(subscription)
    return subscription
  }

  protected isOf(only: Subscription): boolean {
    return this.#subscribers === 1 && this.firstLive === only && !this.hasStreams
  }

  resetDelayMs(reason: ResetReason): number {
    return this.ports.resetDelayMs(reason)
  }

  /** Compares the channel with the log's head, where it has one; `undefined`: the log has to be asked first. */
  check(_head: Position | undefined): void {}

  /** To be called now and then: lets go of what need not be kept. */
  tidy(): void {}

  /** The log keeps nothing any more of what it kept. */
  forget(): void {}

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

  start(): void {}

  open(): Opening {
    return { start: undefined, recovered: false, reset: undefined }
  }

  receive(encoded: Encoded): void {
    this.deliver(encoded, undefined)
  }
}
