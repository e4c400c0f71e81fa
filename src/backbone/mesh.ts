/**
 * A backbone with links between the nodes beside it, for as long as it does not carry.
 *
 * A node that cannot use the backbone links to all others; what it publishes goes to them over the links, and what they
 * publish comes to it over the links as well as over the backbone. A logged message that comes both ways is one that
 * the feed has seen already. An ephemeral one has no position to tell by, so the copy of a sender that can use the
 * backbone counts only for as long as the backbone is of no use here.
 */
import type { Backbone, BackboneSink, Sent } from './backbone.ts'
import type { Links } from './links.ts'
import type { Message } from '../protocol/message.ts'
import { decodeControl, decodeMessage, encodeControl, encodeMessage } from '../protocol/packet.ts'

/** The first byte of what goes over a link: the packet follows. */
const ON_BACKBONE_TOO = 1
/** For the receiving node itself, whatever it is subscribed to. */
const UNICAST = 2

export interface MeshOptions {
  readonly nodeId: string
  readonly links: Links
  readonly sink: BackboneSink
  /** Makes the backbone that is used wherever it can be. */
  readonly backbone: (sink: BackboneSink) => Backbone
}

export class MeshBackbone implements Backbone {
  readonly #nodeId: string
  readonly #links: Links
  readonly #sink: BackboneSink
  readonly #backbone: Backbone
  readonly #channels = new Set<string>()
  #closed = false

  constructor({ nodeId, links, sink, backbone }: MeshOptions) {
    this.#nodeId = nodeId
    this.#links = links
    this.#sink = sink
    this.#backbone = backbone({
      message: (message) => sink.message(message),
      control: (fromNode, payload) => sink.control(fromNode, payload),
      connected: () => {
        links.release()
        sink.connected()
      },
      disconnected: () => {
        links.open()
        sink.disconnected()
      },
    })
  }

  /** Links, where the backbone is away from the start. */
  start(): void {
    if (!this.#backbone.healthy()) this.#links.open()
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
    const sent = this.#backbone.broadcast(message)
    const carried = sent === 'sent'
    if (this.#links.count > 0) this.#links.sendAll(framed(encodeMessage(message), carried, 0))
    if (!carried) this.#loopBack(() => this.#channels.has(message.channel) && this.#sink.message(message))
    return sent
  }

  unicast(node: string, message: Message): Sent {
    const sent = this.#backbone.unicast(node, message)
    const carried = sent === 'sent'
    if (node !== this.#nodeId) this.#links.send(node, framed(encodeMessage(message), carried, UNICAST))
    else if (!carried) this.#loopBack(() => this.#sink.message(message))
    return sent
  }

  control(node: string | undefined, payload: Uint8Array): Sent {
    const sent = this.#backbone.control(node, payload)
    // What nodes tell one another may be told twice, but not be missed.
    const bytes = framed(encodeControl(this.#nodeId, payload), sent === 'sent', UNICAST)
    if (node === undefined) this.#links.sendAll(bytes)
    else if (node !== this.#nodeId) this.#links.send(node, bytes)
    if (sent !== 'sent' && (node === undefined || node === this.#nodeId)) {
      this.#loopBack(() => this.#sink.control(this.#nodeId, payload))
    }
    return sent
  }

  /** What came over a link. */
  received(_fromNode: string, bytes: Buffer): void {
    if (this.#closed) return
    const flags = bytes[0] as number
    const packet = bytes.subarray(1)
    const control = decodeControl(packet)
    if (control !== undefined) {
      this.#sink.control(control.fromNode, control.payload)
      return
    }
    const message = decodeMessage(packet)
    // Of another version: the feed repairs from the log.
    if (message === undefined) return
    const comesTwice = (flags & ON_BACKBONE_TOO) !== 0 && this.#backbone.healthy()
    if (message.kind === 'ephemeral' && comesTwice) return
    if ((flags & UNICAST) !== 0 || this.#channels.has(message.channel)) this.#sink.message(message)
  }

  healthy(): boolean {
    return this.#backbone.healthy()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#backbone.close()
    this.#links.close()
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
