/**
 * A backbone with links between the nodes beside it, for as long as it does not carry.
 *
 * A node that cannot use the backbone links to all others; what it publishes goes to them over the links, and what they
 * publish comes to it over the links as well as over the backbone. A logged message that comes both ways is one that
 * the feed has seen already. An ephemeral one has no position to tell by: while the links are open, and until nothing can be on
 * its way any more, `Copies` tells; at all other times the copy of a sender that can use the backbone is not needed.
 *
 * A node that is connected but deaf (`canary.ts`) counts on the backbone in neither direction.
 */
import type { Backbone, BackboneSink, Sent } from './backbone.ts'
import { Copies } from './copies.ts'
import type { Links } from './links.ts'
import type { Clock, Timer } from '../clock.ts'
import type { Message } from '../protocol/message.ts'
import { decodeControl, decodeMessage, encodeControl, encodeMessage } from '../protocol/packet.ts'

/** The first byte of what goes over a link: the packet follows. */
const ON_BACKBONE_TOO = 1
/** For the receiving node itself, whatever it is subscribed to. */
const UNICAST = 2

/** What came over a link before it was closed has come over the backbone too after this time. */
const SETTLE_MS = 2000

export interface MeshOptions {
  readonly clock: Pick<Clock, 'after'>
  readonly nodeId: string
  readonly links: Links
  readonly sink: BackboneSink
  /** Makes the backbone that is used wherever it can be. */
  readonly backbone: (sink: BackboneSink) => Backbone
}

export class MeshBackbone implements Backbone {
  readonly #clock: Pick<Clock, 'after'>
  readonly #nodeId: string
  readonly #links: Links
  readonly #sink: BackboneSink
  readonly #backbone: Backbone
  readonly #channels = new Set<string>()
  /** What came over the links and over the backbone, from a loss until nothing of that time can be on its way. */
  #copies: Copies | undefined
  /** Whether what comes over a link counts although it comes over the backbone too. */
  #needed = false
  #settling: Timer | undefined
  #away = false
  #deaf = false
  #closed = false

  constructor({ clock, nodeId, links, sink, backbone }: MeshOptions) {
    this.#clock = clock
    this.#nodeId = nodeId
    this.#links = links
    this.#sink = sink
    this.#backbone = backbone({
      message: (message) => {
        if (message.kind === 'logged' || this.#copies?.first(message, 'backbone') !== false)
          sink.message(message)
      },
      control: (fromNode, payload) => sink.control(fromNode, payload),
      connected: () => {
        this.#away = false
        this.#judge()
        sink.connected()
      },
      disconnected: () => {
        this.#away = true
        this.#judge()
        sink.disconnected()
      },
    })
  }

  /** Links, where the backbone is away from the start. */
  start(): void {
    this.#away = !this.#backbone.healthy()
    this.#judge()
  }

  /** Whether this node does not hear what it sends itself by `probe`. */
  becomeDeaf(deaf: boolean): void {
    this.#deaf = deaf
    this.#judge()
    // What was sent meanwhile may be missing.
    if (!deaf && !this.#away) this.#sink.connected()
  }

  /** Control to this node itself, over the backbone alone where there is one. */
  probe(payload: Uint8Array): void {
    if (this.#backbone.control(this.#nodeId, payload) !== 'sent') {
      this.#loopBack(() => this.#sink.control(this.#nodeId, payload))
    }
  }

  async subscribe(channel: string): Promise<void> {
    this.#channels.add(channel)
    await this.#backbone.subscribe(channel)
  }

  unsubscribe(channel: string): void {
    this.#channels.delete(channel)
    this.#backbone.unsubscribe(channel)
  }

  broadcast(message: Message): Sent {
    if (this.#deaf) return this.#broadcastDeaf(message)
    const sent = this.#backbone.broadcast(message)
    const carried = sent === 'sent'
    if (this.#links.count > 0) this.#links.sendAll(framed(encodeMessage(message), carried, 0))
    if (!carried) this.#loopBack(() => this.#deliver(message))
    return sent
  }

  unicast(node: string, message: Message): Sent {
    if (this.#deaf) return this.#unicastDeaf(node, message)
    const sent = this.#backbone.unicast(node, message)
    const carried = sent === 'sent'
    if (node !== this.#nodeId) this.#links.send(node, framed(encodeMessage(message), carried, UNICAST))
    else if (!carried) this.#loopBack(() => this.#sink.message(message))
    return sent
  }

  control(node: string | undefined, payload: Uint8Array): Sent {
    const carried = this.#backbone.control(node, payload) === 'sent' && !this.#deaf
    // What nodes tell one another may be told twice, but not be missed.
    const bytes = framed(encodeControl(this.#nodeId, payload), carried, UNICAST)
    if (node === undefined) this.#links.sendAll(bytes)
    else if (node !== this.#nodeId) this.#links.send(node, bytes)
    if (!carried && (node === undefined || node === this.#nodeId)) {
      this.#loopBack(() => this.#sink.control(this.#nodeId, payload))
    }
    return carried ? 'sent' : 'degraded'
  }

  /** What came over a link. */
  received(fromNode: string, bytes: Buffer): void {
    if (this.#closed) return
    const flags = bytes[0] as number
    const packet = bytes.subarray(1)
    const control = decodeControl(packet)
    if (control !== undefined) {
      this.#sink.control(fromNode, control.payload)
      return
    }
    const message = decodeMessage(packet)
    // Of another version: the feed repairs from the log.
    if (message === undefined) return
    if ((flags & UNICAST) === 0 && !this.#channels.has(message.channel)) return
    const comesTwice = (flags & ON_BACKBONE_TOO) !== 0
    if (message.kind === 'ephemeral' && comesTwice) {
      if (!this.#needed || this.#copies?.first(message, 'link') !== true) return
    }
    this.#sink.message(message)
  }

  healthy(): boolean {
    return this.#backbone.healthy()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#settling?.cancel()
    await this.#backbone.close()
    this.#links.close()
  }

  #judge(): void {
    if (this.#closed) return
    if (this.#away || this.#deaf) {
      this.#settling?.cancel()
      this.#copies ??= new Copies()
      this.#needed = true
      this.#links.open()
      return
    }
    this.#links.release(() => {
      this.#needed = false
      this.#settling = this.#clock.after(SETTLE_MS, () => (this.#copies = undefined))
    })
  }

  /**
   * Whether the others hear this node is not known. A logged message goes both ways, since feeds know the second copy; an
   * ephemeral one over the links, or, where there are none, over the backbone for what it is worth.
   */
  #broadcastDeaf(message: Message): Sent {
    const linked = this.#links.count > 0
    if (linked) this.#links.sendAll(framed(encodeMessage(message), false, 0))
    const onBackbone = (message.kind === 'logged' || !linked) && this.#backbone.broadcast(message) === 'sent'
    this.#loopBack(() => {
      // Perhaps it is heard after all.
      const again =
        message.kind === 'ephemeral' && onBackbone && this.#copies?.first(message, 'link') === false
      if (!again) this.#deliver(message)
    })
    return 'degraded'
  }

  #unicastDeaf(node: string, message: Message): Sent {
    if (node === this.#nodeId) {
      this.#loopBack(() => this.#sink.message(message))
      return 'degraded'
    }
    const linked = this.#links.send(node, framed(encodeMessage(message), false, UNICAST))
    if (message.kind === 'logged' || !linked) this.#backbone.unicast(node, message)
    return 'degraded'
  }

  #deliver(message: Message): void {
    if (this.#channels.has(message.channel)) this.#sink.message(message)
  }

  /** Not before the call that sends has returned: a sink may send itself. */
  #loopBack(deliver: () => unknown): void {
    queueMicrotask(() => {
      if (!this.#closed) deliver()
    })
  }
}

function framed(packet: Uint8Array, carried: boolean, flags: number): Buffer {
  const bytes = Buffer.allocUnsafe(1 + packet.length)
  bytes[0] = flags | (carried ? ON_BACKBONE_TOO : 0)
  bytes.set(packet, 1)
  return bytes
}
