/**
 * The backbone over NATS core:
 *
 *   sluice.ch.<channel>   messages to every node with a local subscriber
 *   sluice.durable.<channel>   the same for a durable channel, sent by the stream that has stored them
 *   sluice.node.<node>    messages and control to one node
 *   sluice.all            control to all nodes
 *
 * All but what the stream sends is sealed (`sealed.ts`): what anybody else writes to these subjects is refused.
 *
 * B1 in a cluster of NATS servers: a server confirms a subscription before its neighbours know of it. For the moment
 * that takes, messages from nodes at other servers pass by. Whoever reads the log after `subscribe` has resolved finds
 * a message that was sent so early, and what still slips through is repaired from the log like anything lost.
 */
import type { Backbone, BackboneSink, Sent } from './backbone.ts'
import type { PacketRefusal, SealedPackets } from './sealed.ts'
import type { NatsEvents, NatsHeaders, NatsSubscription } from '../drivers/nats-port.ts'
import { subjectOf } from '../drivers/nats-subject.ts'
import { SluiceError } from '../errors.ts'
import type { Message } from '../protocol/message.ts'
import { decodeControl, decodeMessage, encodeControl, encodeMessage } from '../protocol/packet.ts'
import { TRACEPARENT } from '../tracing.ts'

type Subscription = Pick<NatsSubscription, 'unsubscribe'>

/** What this needs of a `NatsLink`. */
export interface NatsPort {
  readonly up: boolean
  readonly maxPayloadBytes: number
  watch(events: NatsEvents): void
  publish(subject: string, data: Uint8Array, headers?: NatsHeaders): boolean
  subscribe(
    subject: string,
    options: Readonly<Record<string, never>>,
    callback: (subject: string, data: Buffer, reply: string, headers: NatsHeaders | undefined) => void,
  ): Subscription
  /** Fails with `unavailable` after a time limit. */
  flush(): Promise<void>
}

/** Channels whose messages come from the durable stream itself, once it has stored them. */
export interface Republished {
  readonly applies: (channel: string) => boolean
  /** `undefined`: not a message that the stream has sent on. */
  readonly decode: (channel: string, stored: Buffer, headers: NatsHeaders | undefined) => Message | undefined
}

export interface NatsBackboneOptions {
  readonly packets: SealedPackets
  /** Something came that no node of the cluster has sent, or not now. `from`: as it says. */
  readonly refused?: (why: PacketRefusal, subject: string, from: string | undefined) => void
  /** Absent: there are none. */
  readonly republished?: Republished

  /** The first token of all subjects: clusters that share servers differ in it. Default: `sluice`. */
  readonly prefix?: string
  /** A packet that the server would not take, and that was not sent. */
  readonly oversize?: (subject: string, bytes: number, maxBytes: number) => void
}

const PREFIX = 'sluice'
const READ_SHARE_MAX = 2

export class NatsBackbone implements Backbone {
  readonly #node: string
  readonly #link: NatsPort
  readonly #sink: BackboneSink
  readonly #packets: SealedPackets
  readonly #refused: NonNullable<NatsBackboneOptions['refused']>
  readonly #oversize: NonNullable<NatsBackboneOptions['oversize']>
  readonly #republished: Republished | undefined
  readonly #channelPrefix: string
  readonly #durablePrefix: string
  readonly #nodePrefix: string
  readonly #allSubject: string
  readonly #own: readonly Subscription[]
  readonly #channels = new Map<string, Subscription>()
  /** Of the subscriptions that were asked for since the last one was sent. */
  #confirmation: Promise<void> | undefined
  /** Counts the reasons to compare with the log, so that only the last of them is acted on. */
  #doubts = 0
  #closing: Promise<void> | undefined

  constructor(node: string, link: NatsPort, sink: BackboneSink, options: NatsBackboneOptions) {
    const prefix = options.prefix ?? PREFIX
    this.#node = node
    this.#link = link
    this.#sink = sink
    this.#packets = options.packets
    this.#refused = options.refused ?? (() => undefined)
    this.#oversize = options.oversize ?? (() => undefined)
    this.#republished = options.republished
    this.#channelPrefix = `${prefix}.ch`
    this.#durablePrefix = `${prefix}.durable`
    this.#nodePrefix = `${prefix}.node`
    this.#allSubject = `${prefix}.all`
    this.#own = [
      link.subscribe(this.#allSubject, {}, this.#onPacket),
      link.subscribe(subjectOf(this.#nodePrefix, node), {}, this.#onPacket),
    ]
    link.watch({
      connected: () => void this.#compare(),
      widened: () => void this.#compare(),
      slowConsumer: () => void this.#compare(),
      disconnected: () => {
        this.#doubts++
        this.#packets.silence()
        if (this.#closing === undefined) sink.disconnected()
      },
    })
  }

  /**
   * While NATS is away or hangs it resolves without B1, which holds again when `connected` is called: what came in
   * between is then found in the log.
   */
  subscribe(channel: string): Promise<void> {
    if (this.#closing !== undefined) {
      return Promise.reject(new SluiceError('unavailable', 'the backbone has been closed'))
    }
    if (!this.#channels.has(channel)) {
      this.#channels.set(channel, this.#listen(channel))
    }
    if (!this.#link.up) return Promise.resolve()
    this.#confirmation ??= this.#confirm()
    return this.#confirmation
  }

  unsubscribe(channel: string): void {
    this.#channels.get(channel)?.unsubscribe()
    this.#channels.delete(channel)
  }

  broadcast(message: Message): Sent {
    const subject = subjectOf(this.#channelPrefix, message.channel)
    return this.#sendMessage(subject, message, this.#channels.has(message.channel))
  }

  unicast(node: string, message: Message): Sent {
    return this.#sendMessage(subjectOf(this.#nodePrefix, node), message, node === this.#node)
  }

  control(node: string | undefined, payload: Uint8Array): Sent {
    const subject = node === undefined ? this.#allSubject : subjectOf(this.#nodePrefix, node)
    return this.#send(subject, encodeControl(this.#node, payload))
  }

  healthy(): boolean {
    return this.#link.up && this.#closing === undefined
  }

  /** The link stays open: it is not this backbone's alone. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    for (const subscription of [...this.#own, ...this.#channels.values()]) subscription.unsubscribe()
    this.#channels.clear()
    if (this.#link.up) await this.#reached()
  }

  /** `heard`: it comes back to this node. */
  #sendMessage(subject: string, message: Message, heard: boolean): Sent {
    const sent = this.#send(subject, encodeMessage(message), message.trace)
    if (heard && sent === 'sent') this.#packets.hears(subject, message)
    return sent
  }

  #send(subject: string, packet: Buffer, trace?: string): Sent {
    if (this.#closing !== undefined) return 'degraded'
    const { maxPayloadBytes } = this.#link
    const sealed = this.#packets.seal(subject, packet)
    if (sealed.length > maxPayloadBytes) {
      this.#oversize(subject, sealed.length, maxPayloadBytes)
      return 'degraded'
    }
    const headers = trace === undefined ? undefined : { [TRACEPARENT]: trace }
    return this.#link.publish(subject, sealed, headers) ? 'sent' : 'degraded'
  }

  #listen(channel: string): Subscription {
    const republished = this.#republished
    if (republished?.applies(channel) !== true) {
      return this.#link.subscribe(subjectOf(this.#channelPrefix, channel), {}, this.#onPacket)
    }
    return this.#link.subscribe(
      subjectOf(this.#durablePrefix, channel),
      {},
      (_subject, stored, _reply, headers) => {
        if (this.#closing !== undefined) return
        const message = republished.decode(channel, apart(stored), headers)
        if (message !== undefined) this.#sink.message(tracedBy(message, headers))
      },
    )
  }

  /** What is of another version, or no packet at all, is dropped: feeds find it in the log. */
  readonly #onPacket = (subject: string, bytes: Buffer, _reply: string, headers?: NatsHeaders): void => {
    if (this.#closing !== undefined) return
    const echo = this.#packets.echoOf(subject, bytes)
    if (echo !== undefined) return this.#sink.message(echo)
    const opened = this.#packets.open(subject, bytes)
    if (opened.kind === 'refused') return this.#refused(opened.why, subject, opened.from)
    const message = decodeMessage(apart(opened.packet))
    if (message !== undefined) return this.#sink.message(tracedBy(message, headers))
    const control = decodeControl(opened.packet)
    if (control !== undefined) this.#sink.control(opened.from, control.payload)
  }

  /** One round trip for all subscriptions of a turn of the event loop. */
  async #confirm(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    this.#confirmation = undefined
    // Where the link is down by now, its return is what B1 holds from.
    if (!(await this.#reached()) && this.#link.up) void this.#compare()
  }

  /** Once everybody's messages arrive for sure, the feeds are to look for what did not. */
  async #compare(): Promise<void> {
    const doubt = ++this.#doubts
    while (doubt === this.#doubts && this.#link.up && this.#closing === undefined) {
      if (!(await this.#reached())) continue
      if (doubt === this.#doubts && this.#closing === undefined) this.#sink.connected()
      return
    }
  }

  /** Whether the server has had everything that was sent before. */
  async #reached(): Promise<boolean> {
    try {
      await this.#link.flush()
      return true
    } catch (error) {
      if (error instanceof SluiceError) return false
      throw error
    }
  }
}

/** The header stands beside what is sealed: whoever forges one spoils a trace and nothing else. */
function tracedBy(message: Message, headers: NatsHeaders | undefined): Message {
  const trace = headers?.[TRACEPARENT]
  return trace === undefined ? message : { ...message, trace }
}

/** What came in one read with much else would keep all of that in memory for as long as it lives. */
function apart(bytes: Buffer): Buffer {
  return bytes.buffer.byteLength > bytes.length * READ_SHARE_MAX ? Buffer.from(bytes) : bytes
}
