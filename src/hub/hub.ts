/**
 * Local fan-out: every channel with at least one local subscriber, and the way of each message from the backbone to the
 * clients. Everything a client receives leaves through here.
 */
import { Channel, EphemeralChannel, type ChannelPorts, type ChannelTerms } from './channel.ts'
import { LoggedChannel } from './logged-channel.ts'
import type { HubOptions } from './hub-options.ts'
import { FeedMemory } from './feed-memory.ts'
import { LogReads } from './log-reads.ts'
import { RestingInboxes, type Rester } from './resting.ts'
import type { HubPolicy, HubPorts } from './ports.ts'
import type { Subscriber } from './subscriber.ts'
import { Losses, PacedResets } from './paced-resets.ts'
import { openIn, type Opened } from './opened.ts'
import { LiveTopics } from './topics.ts'
import type { OverLimit, Published } from './turn-log.ts'
import type { Answer } from '../answer.ts'
import { jitter, type Timer } from '../clock.ts'
import { KeyedTable } from '../keyed-table.ts'
import { inboxOf, isInbox } from '../protocol/channel.ts'
import { Encoded } from '../protocol/encoded.ts'
import type { ChannelEvent, Reset } from '../protocol/form.ts'
import type { From, Position, ResetReason } from '../protocol/position.ts'
import type { Message } from '../protocol/message.ts'
import { Rounds } from '../rounds.ts'

/** As many messages as a short disturbance of a busy channel brings out of order. */
const HELD_MAX = 1024
const SCAN_TICK_MS = 500
/** Channels that nobody wants any more go so many at a time: each takes a word to the backbone. */
const DROPS_PER_TICK = 2000
const RETRY_LOW_MS = 100
const RETRY_HIGH_MS = 1000

export class Hub {
  readonly #ports: HubPorts
  readonly #options: HubOptions
  readonly #channels = new KeyedTable<Channel>(({ name }) => name)
  readonly resting: RestingInboxes
  /** The channels that are not started yet. */
  readonly #starting = new Map<string, Promise<Channel>>()
  readonly #live: LiveTopics
  readonly #reads: LogReads
  readonly #memory: FeedMemory
  readonly #losses: Losses
  readonly #scan: Timer
  readonly #rounds: Rounds<Channel | Rester>
  /** The channels without subscribers, and since when, by the clock that does not jump, in the order in which the last one left. */
  readonly #quiet = new Map<Channel, number>()
  readonly #channelPorts: ChannelPorts
  readonly #terms = new WeakMap<HubPolicy, ChannelTerms>()
  #subscriptions = 0
  #watcher: (channel: string, occupied: boolean) => void = () => undefined

  constructor(ports: HubPorts, options: HubOptions) {
    this.#ports = ports
    this.#options = options
    this.#reads = new LogReads(ports.log, (why) => ports.metrics.logRead(why))
    this.#live = new LiveTopics(ports)
    this.#memory = new FeedMemory(options.memoryBytes, () => ports.metrics.tailGivenUp())
    this.#losses = new Losses(options.resetSpreadMs)
    this.#rounds = new Rounds(
      options.headCheckMs / SCAN_TICK_MS,
      () => this.channelCount,
      () => this.#each(),
    )
    this.resting = new RestingInboxes({
      reads: this.#reads,
      make: (name) => this.#make(name),
      find: (name) => this.#channels.get(name),
      forget: (channel) => this.#channels.delete(channel.name),
      left: (name) => {
        this.#subscriptions--
        this.#watcher(name, false)
      },
      failed: () => ports.metrics.repair('failed'),
    })
    this.#channelPorts = {
      reads: this.#reads,
      now: () => ports.clock.now(),
      counts: ports.metrics,
      witness: ports.witness,
      topics: this.#live,
      resets: this.#resets,
      resetDelayMs: this.#resetDelayMs,
      later: this.#later,
      entered: this.#entered,
      left: this.#left,
      occupied: (channel, is) => this.#watcher(channel.name, is),
    }
    this.#scan = ports.clock.every(SCAN_TICK_MS, () => this.#scanSome())
  }

  get channelCount(): number {
    return this.#channels.size + this.resting.size
  }

  /** What the feeds hold in memory. */
  get feedBytes(): number {
    return this.#memory.bytes
  }

  get subscriptionCount(): number {
    return this.#subscriptions
  }

  /** How many are on a channel here and get its messages. Of an inbox: the connections of its user. */
  begunCount(channel: string): number {
    return this.#channels.get(channel)?.begunCount ?? (this.resting.of(channel) === undefined ? 0 : 1)
  }

  /**
   * What `note` has added up for a channel that is here, and nothing for any other. There is an inbox for each connected user, so what is
   * counted of him needs no table of its own, and goes with it.
   */
  noted(channel: string): number {
    return this.#channels.get(channel)?.noted ?? this.resting.of(channel)?.noted ?? 0
  }

  note(channel: string, count: number): void {
    const found = this.#channels.get(channel)
    if (found !== undefined) found.noted += count
  }

  /** The channels that somebody here gets messages of, without the inboxes, and how many do. */
  *occupied(): Generator<readonly [channel: string, subscribers: number]> {
    for (const one of this.all()) if (!isInbox(one[0])) yield one
  }

  /** The same, with the inboxes: of each user who is connected. */
  *all(): Generator<readonly [channel: string, subscribers: number]> {
    for (const one of this.#each())
      if (!(one instanceof Channel)) yield [inboxOf(one.user), 1]
      else if (one.begunCount > 0) yield [one.name, one.begunCount]
  }

  /** From now on `watcher` hears of each channel, inboxes too, that the first here gets messages of, or nobody any more. */
  watch(watcher: (channel: string, occupied: boolean) => void): void {
    this.#watcher = watcher
  }

  /** The feed's position and the number of subscribers, of a channel that has any here. */
  local(channel: string): { position: Position | undefined; subscribers: number } | undefined {
    const { position, subscribers } = this.#channels.get(channel) ?? {}
    return subscribers === undefined ? this.resting.local(channel) : { position, subscribers }
  }

  /**
   * Finds where a client starts on a channel. Tell the client, then call `begin(opened.reset)` on the subscription:
   * from then on it gets every message after `start`. Fails with `unavailable` where the log or the backbone is away; a failure is
   * always a promise.
   */
  open(name: string, from: From | undefined, subscriber: Subscriber): Answer<Opened> {
    try {
      // A channel that is being started is in both maps, and not ready.
      const ready = this.#starting.get(name) ?? this.#find(name) ?? this.#start(name, from)
      // An inbox with its log in memory is there at once, and there is one for each who connects.
      if (!(ready instanceof Promise)) return openIn(ready, from, subscriber)
      return ready.then((channel) =>
        // One that was left meanwhile may have gone.
        this.#channels.get(name) === channel
          ? openIn(channel, from, subscriber)
          : this.open(name, from, subscriber),
      )
    } catch (error) {
      return Promise.reject(error as Error)
    }
  }

  /** A message from the backbone. */
  receive(message: Message): void {
    const channel = this.#find(message.channel)
    if (channel !== undefined) channel.receive(new Encoded(message))
  }

  /** The messages of a channel were removed from the log: nobody is given them from memory either. */
  forget(channel: string): void {
    this.#channels.get(channel)?.forget()
  }

  /** The backbone works again: what was broadcast meanwhile may be lost. The feeds are compared with the log, spread over a moment. */
  backboneReturned(): void {
    for (const one of this.#each()) {
      const name = one instanceof Channel ? one.name : inboxOf(one.user)
      this.#ports.clock.after(jitter(this.#ports.clock, 0, RETRY_HIGH_MS), () => {
        // An inbox may have begun to rest meanwhile, or rest no more.
        const resting = this.resting.of(name)
        if (resting === undefined) this.#channels.get(name)?.check(undefined)
        else this.resting.check(resting)
      })
    }
  }

  /**
   * To those who are live on its channel, beside the messages: who is behind, or comes later, does not get it.
   * For what can be asked for as well.
   */
  tell(event: ChannelEvent): void {
    const channel = this.#channels.get(event.channel)
    if (channel !== undefined) this.#live.tell(channel.fanout, event, channel.position)
  }

  /** What a client has missed that has just not got `dropped`, in order. `undefined`: not a message of the topics. */
  missedFrom(dropped: Uint8Array): readonly Published[] | undefined {
    return this.#live.missedFrom(dropped)
  }

  /** `socket.settle` runs before anything else is published: it must have left its topics by then. */
  settleBeforePublish(socket: OverLimit): void {
    this.#live.settleBeforePublish(socket)
  }

  close(): void {
    this.#scan.cancel()
    for (const channel of this.#channels.values()) channel.close()
    this.#channels.clear()
    this.resting.clear()
    this.#quiet.clear()
  }

  /** With one that rested, which is there from now on. */
  #find(name: string): Channel | undefined {
    return this.#channels.get(name) ?? this.resting.find(name)
  }

  /** Who is woken meanwhile is met among the others. */
  *#each(): Generator<Channel | Rester, undefined> {
    yield* this.resting.values()
    return yield* this.#channels.values()
  }

  /** All who want a new channel wait for the same start, where it has to be waited for. */
  #start(name: string, from: From | undefined): Answer<Channel> {
    const channel = this.#make(name)
    let started: Answer<void>
    try {
      // An inbox is reached through the registry and its node, so it has no subject of its own.
      started = isInbox(name)
        ? channel.start(from)
        : this.#ports.backbone.subscribe(name).then(() => channel.start(from))
    } catch (error) {
      // Nobody waits for it, so whoever came next would take it for one that is ready.
      this.#drop(channel)
      throw error
    }
    if (!(started instanceof Promise)) return channel
    const starting = this.#begun(channel, started).finally(() => this.#starting.delete(name))
    this.#starting.set(name, starting)
    return starting
  }

  #make(name: string): Channel {
    const policy = this.#ports.policyOf(name)
    const terms = this.#termsOf(policy)
    const channel = policy.logged ? new LoggedChannel(name, terms) : new EphemeralChannel(name, terms)
    this.#channels.set(channel)
    return channel
  }

  async #begun(channel: Channel, started: Promise<void>): Promise<Channel> {
    try {
      await started
    } catch (error) {
      this.#drop(channel)
      throw error
    }
    this.#nobodyIsOn(channel)
    return channel
  }

  /** One for all channels of a namespace. */
  #termsOf(policy: HubPolicy): ChannelTerms {
    let terms = this.#terms.get(policy)
    if (terms === undefined) {
      const { tailMessages, tailBytes } = this.#options
      const feed = {
        // What the log has forgotten is not told from memory either.
        tail: { messages: Math.min(tailMessages, policy.max), bytes: tailBytes, ttlMs: policy.ttlMs },
        heldMax: HELD_MAX,
        memory: this.#memory,
      }
      const { slowConsumer, max } = policy
      terms = { policy: { slowConsumer, feed, logMessagesMax: max + 1 }, ports: this.#channelPorts }
      this.#terms.set(policy, terms)
    }
    return terms
  }

  readonly #resets = (lost: Omit<Reset, 'delayMs'>): PacedResets => {
    const { clock } = this.#ports
    if (lost.reason === 'epoch') this.#losses.lost(clock.monotonicMs())
    return new PacedResets(lost, this.#options.resetSpreadMs, clock)
  }

  readonly #resetDelayMs = (reason: ResetReason): number => {
    const { clock } = this.#ports
    return Math.floor(clock.random() * this.#losses.own(reason, clock.monotonicMs()))
  }

  readonly #entered = (channel: Channel): void => {
    this.#subscriptions++
    if (channel.subscribers === 1) this.#quiet.delete(channel)
  }

  readonly #left = (channel: Channel): void => {
    this.#subscriptions--
    if (channel.subscribers > 0) return
    // An inbox gets its messages because its user is claimed by this node. Nobody is there now, so its feed would
    // miss what comes from here on and be wrong for whoever opens it next.
    if (isInbox(channel.name)) this.#drop(channel)
    else this.#nobodyIsOn(channel)
  }

  #nobodyIsOn(channel: Channel): void {
    this.#quiet.set(channel, this.#ports.clock.monotonicMs())
  }

  readonly #later = (run: () => void): void => {
    this.#ports.clock.after(jitter(this.#ports.clock, RETRY_LOW_MS, RETRY_HIGH_MS), run)
  }

  /** A part of the channels each tick, so that checks and clean-up are spread and cost nothing per channel while waiting. */
  #scanSome(): void {
    this.#dropQuiet()
    this.#rounds.tick((channel) => {
      if (!(channel instanceof Channel)) return this.resting.check(channel)
      channel.tidy()
      if (!this.#quiet.has(channel)) channel.check(undefined)
    })
  }

  #dropQuiet(): void {
    const now = this.#ports.clock.monotonicMs()
    let left = DROPS_PER_TICK
    for (const [channel, sinceMs] of this.#quiet) {
      if (left-- === 0 || now - sinceMs < this.#options.quietMs) return
      this.#drop(channel)
    }
  }

  #drop(channel: Channel): void {
    if (this.#channels.get(channel.name) !== channel) return
    channel.close()
    this.#quiet.delete(channel)
    this.#channels.delete(channel.name)
    // Who opens an inbox anew has claimed its user in the same turn, and what was asked of its log before is from before that.
    if (isInbox(channel.name)) this.#reads.askAnew(channel.name)
    else this.#ports.backbone.unsubscribe(channel.name)
  }
}
