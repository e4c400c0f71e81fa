/**
 * A backbone inside one process: for a gateway of one node, and for several nodes that share a bus.
 */
import type { Backbone, BackboneSink, Sent } from './backbone.ts'
import { SluiceError } from '../errors.ts'
import type { Message } from '../protocol/message.ts'

/** What is on its way to one node. */
interface Inlet {
  readonly node: string
  message(message: Message): void
  control(fromNode: string, payload: Uint8Array): void
}

/** Where the nodes of one process meet. */
export class MemoryBus {
  readonly #inlets = new Map<string, Inlet>()
  readonly #subscribers = new Map<string, Set<Inlet>>()

  enter(inlet: Inlet): void {
    if (this.#inlets.has(inlet.node)) throw new Error(`there is a node ${inlet.node} on this bus already`)
    this.#inlets.set(inlet.node, inlet)
  }

  leave(inlet: Inlet): void {
    this.#inlets.delete(inlet.node)
  }

  subscribe(channel: string, inlet: Inlet): void {
    const subscribers = this.#subscribers.get(channel)
    if (subscribers === undefined) this.#subscribers.set(channel, new Set([inlet]))
    else subscribers.add(inlet)
  }

  unsubscribe(channel: string, inlet: Inlet): void {
    const subscribers = this.#subscribers.get(channel)
    if (subscribers?.delete(inlet) === true && subscribers.size === 0) this.#subscribers.delete(channel)
  }

  broadcast(message: Message): void {
    const subscribers = this.#subscribers.get(message.channel)
    if (subscribers !== undefined) for (const inlet of subscribers) inlet.message(message)
  }

  unicast(node: string, message: Message): void {
    this.#inlets.get(node)?.message(message)
  }

  control(fromNode: string, toNode: string | undefined, payload: Uint8Array): void {
    if (toNode !== undefined) this.#inlets.get(toNode)?.control(fromNode, payload)
    else for (const inlet of this.#inlets.values()) inlet.control(fromNode, payload)
  }
}

/**
 * Delivers in the same turn of the event loop, but never before the call that sends has returned: a sink may send itself.
 */
export class MemoryBackbone implements Backbone {
  readonly #bus: MemoryBus
  readonly #sink: BackboneSink
  readonly #inlet: Inlet
  readonly #channels = new Set<string>()
  #queue: (Message | Control)[] = []
  #scheduled = false
  #closed = false

  constructor(node: string, bus: MemoryBus, sink: BackboneSink) {
    this.#bus = bus
    this.#sink = sink
    this.#inlet = {
      node,
      message: (message) => this.#enqueue(message),
      control: (fromNode, payload) => this.#enqueue({ kind: 'control', fromNode, payload }),
    }
    bus.enter(this.#inlet)
  }

  subscribe(channel: string): Promise<void> {
    if (this.#closed) return Promise.reject(new SluiceError('unavailable', 'the backbone has been closed'))
    this.#channels.add(channel)
    this.#bus.subscribe(channel, this.#inlet)
    return Promise.resolve()
  }

  unsubscribe(channel: string): void {
    if (this.#channels.delete(channel)) this.#bus.unsubscribe(channel, this.#inlet)
  }

  broadcast(message: Message): Sent {
    if (this.#closed) return 'degraded'
    this.#bus.broadcast(message)
    return 'sent'
  }

  unicast(node: string, message: Message): Sent {
    if (this.#closed) return 'degraded'
    this.#bus.unicast(node, message)
    return 'sent'
  }

  control(node: string | undefined, payload: Uint8Array): Sent {
    if (this.#closed) return 'degraded'
    this.#bus.control(this.#inlet.node, node, payload)
    return 'sent'
  }

  healthy(): boolean {
    return !this.#closed
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve()
    this.#closed = true
    for (const channel of this.#channels) this.#bus.unsubscribe(channel, this.#inlet)
    this.#channels.clear()
    this.#bus.leave(this.#inlet)
    this.#queue = []
    return Promise.resolve()
  }

  #enqueue(item: Message | Control): void {
    if (this.#scheduled) {
      this.#queue.push(item)
      return
    }
    // Most are alone: what is pushed to an empty list makes room for seventeen.
    this.#queue = [item]
    this.#scheduled = true
    // `queueMicrotask` makes an object of Node's for each, which is half a microsecond.
    void SOON.then(this.#drain)
  }

  readonly #drain = (): void => {
    this.#scheduled = false
    const items = this.#queue
    this.#queue = []
    let handled = 0
    try {
      for (const item of items) {
        handled++
        if (this.#closed) return
        if (item.kind === 'control') this.#sink.control(item.fromNode, item.payload)
        else this.#sink.message(item)
      }
    } catch (error) {
      // A sink that throws is a fault to be seen, but must not take the messages behind it along.
      queueMicrotask(() => {
        throw error
      })
    } finally {
      if (handled < items.length && !this.#closed) {
        for (const item of items.slice(handled).concat(this.#queue.splice(0))) this.#enqueue(item)
      }
    }
  }
}

const SOON = Promise.resolve()

interface Control {
  readonly kind: 'control'
  readonly fromNode: string
  readonly payload: Uint8Array
}
