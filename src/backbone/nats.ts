/**
 * The backbone over NATS core:
 *
 *   sluice.ch.<channel>   messages to every node with a local subscriber
 *   sluice.durable.<channel>   the same for a durable channel, sent by the stream that has stored them
 *   sluice.node.<node>    messages and control to one node
 *   sluice.all            control to all nodes
 *
 * Logged messages of one turn of the event loop to one subject go as one packet of several where whoever may hear them reads that
 * (`packs.ts`). All but what the stream sends is sealed (`sealed.ts`): what anybody else writes to these subjects is refused.
 *
 * B1 in a cluster of NATS servers: a server confirms a subscription before its neighbours know of it. For the moment
 * that takes, messages from nodes at other servers pass by. Whoever reads the log after `subscribe` has resolved finds
 * a message that was sent so early, and what still slips through is repaired from the log like anything lost.
 */
import type { Backbone, BackboneSink, Sent } from './backbone.ts'
import { PacksOfTurn, writePack, type Pack } from './packs.ts'
import type { PacketRefusal, SealedPackets } from './sealed.ts'
import type { NatsEvents, NatsHeaders, NatsSubscription } from '../drivers/nats-port.ts'
import { subjectOf } from '../drivers/nats-subject.ts'
import { SluiceError } from '../errors.ts'
import type { LoggedMessage, Message } from '../protocol/message.ts'
import {
  decodeControl,
  decodeMessage,
  encodeControl,
  encodeMessage,
  messageBytes,
} from '../protocol/packet.ts'
import { decodeSeveral } from '../protocol/several-packet.ts'
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

/** Packets of several messages, which not every version reads. */
export interface Several {
  /** Whether a node reads them, as it is known now; `undefined`: all do. Asked for each message. */
  readBy(node: string | undefined): boolean
  /** What nobody has expected, when a turn ended. */
  failed(error: unknown): void
}

export interface NatsBackboneOptions {
  readonly packets: SealedPackets
  /** Absent: each message is a packet of its own. */
  readonly several?: Several
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
  readonly #several: Several | undefined
  /** What this turn has brought so far, and is sent at its end. */
  readonly #turn = new PacksOfTurn()
  readonly #channelPrefix: string
  readonly #durablePrefix: string
  readonly #nodePrefix: string
  readonly #allSubject: string
  readonly #own: readonly Subscription[]
  readonly #channels = new Map<string, Subscription>()
  /** Of many messages in a row that are of one channel the subject is made once. */
  #lastChannel: string | undefined
  #lastSubject = ''
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
    this.#several = options.several
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
    const { channel } = message
    if (channel !== this.#lastChannel) {
      this.#lastSubject = subjectOf(this.#channelPrefix, channel)
      this.#lastChannel = channel
    }
    return this.#sendMessage(this.#lastSubject, message, this.#channels.has(channel), undefined)
  }

  unicast(node: string, message: Message): Sent {
    return this.#sendMessage(subjectOf(this.#nodePrefix, node), message, node === this.#node, node)
  }

  control(node: string | undefined, payload: Uint8Array): Sent {
    const subject = node === undefined ? this.#allSubject : subjectOf(this.#nodePrefix, node)
    // What nodes tell one another keeps its place among the messages.
    this.#endTurn()
    return this.#send(subject, encodeControl(this.#node, payload))
  }

  healthy(): boolean {
    return this.#link.up && this.#closing === undefined
  }

  /** The link stays open: it is not this backbone's alone. */
  close(): Promise<void> {
    if (this.#closing === undefined) this.#endTurn()
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    for (const subscription of [...this.#own, ...this.#channels.values()]) subscription.unsubscribe()
    this.#channels.clear()
    if (this.#link.up) await this.#reached()
  }

  /** `heard`: it comes back to this node. `node`: whom it is for; `undefined`: any that has the channel. */
  #sendMessage(subject: string, message: Message, heard: boolean, node: string | undefined): Sent {
    // The trace stands in a header, of which a packet has one. An ephemeral message nobody would repair.
    if (message.kind === 'logged' && message.trace === undefined && this.#several?.readBy(node) === true) {
      return this.#sendAtTurnsEnd(subject, message, heard, node === undefined)
    }
    if (this.#turn.has(subject)) this.#endTurn()
    const sent = this.#send(subject, encodeMessage(message), message.trace)
    if (heard && sent === 'sent') this.#packets.hears(subject, [message])
    return sent
  }

  /** It leaves as soon as what else is due now has been done, and so with the same system call as if it were sent at once. */
  #sendAtTurnsEnd(subject: string, message: LoggedMessage, heard: boolean, oneChannel: boolean): Sent {
    const bytes = messageBytes(message)
    if (!this.healthy() || !this.#fits(subject, bytes)) return 'degraded'
    if (this.#turn.add({ subject, message, bytes, heard, oneChannel })) process.nextTick(this.#endTurn)
    return 'sent'
  }

  /** A link that was lost within the turn loses its messages as it loses what was on the way. */
  readonly #endTurn = (): void => {
    const bytesMax = this.#link.maxPayloadBytes - this.#packets.sealBytes
    for (const pack of this.#turn.take(bytesMax)) {
      try {
        this.#sendPack(pack)
      } catch (error) {
        this.#several?.failed(error)
      }
    }
  }

  #sendPack(pack: Pack): void {
    const { subject, messages, bytes, heard } = pack
    if (this.#closing !== undefined || !this.#fits(subject, bytes)) return
    const sealed = this.#packets.sealWritten(subject, bytes, (into, at) => writePack(pack, into, at))
    if (this.#link.publish(subject, sealed) && heard) this.#packets.hears(subject, messages)
  }

  #fits(subject: string, packetBytes: number): boolean {
    const { maxPayloadBytes } = this.#link
    const bytes = packetBytes + this.#packets.sealBytes
    if (bytes <= maxPayloadBytes) return true
    this.#oversize(subject, bytes, maxPayloadBytes)
    return false
  }

  #send(subject: string, packet: Buffer, trace?: string): Sent {
    if (this.#closing !== undefined || !this.#fits(subject, packet.length)) return 'degraded'
    const sealed = this.#packets.seal(subject, packet)
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
    if (echo !== undefined) {
      for (const message of echo) this.#deliver(message)
      return
    }
    const opened = this.#packets.open(subject, bytes)
    if (opened.kind === 'refused') return this.#refused(opened.why, subject, opened.from)
    const several = decodeSeveral(opened.packet)
    if (several !== undefined) {
      for (const packet of several) this.#deliver(decodeMessage(apart(packet)))
      return
    }
    const message = decodeMessage(apart(opened.packet))
    if (message !== undefined) return this.#sink.message(tracedBy(message, headers))
    const control = decodeControl(opened.packet)
    if (control !== undefined) this.#sink.control(opened.from, control.payload)
  }

  /** What one packet has brought: with one of its messages the sink may have closed this. */
  #deliver(message: Message | undefined): void {
    if (message !== undefined && this.#closing === undefined) this.#sink.message(message)
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
