/**
 * A backbone of which everything that this node sends is counted: once, however many hear it.
 */
import type { Backbone, Sent } from './backbone.ts'
import type { Message } from '../protocol/message.ts'

export class CountedBackbone implements Backbone {
  readonly #backbone: Backbone
  readonly #out: { inc(): void }

  constructor(backbone: Backbone, out: { inc(): void }) {
    this.#backbone = backbone
    this.#out = out
  }

  subscribe(channel: string): Promise<void> {
    return this.#backbone.subscribe(channel)
  }

  unsubscribe(channel: string): void {
    this.#backbone.unsubscribe(channel)
  }

  broadcast(message: Message): Sent {
    this.#out.inc()
    return this.#backbone.broadcast(message)
  }

  unicast(node: string, message: Message): Sent {
    this.#out.inc()
    return this.#backbone.unicast(node, message)
  }

  control(node: string | undefined, payload: Uint8Array): Sent {
    this.#out.inc()
    return this.#backbone.control(node, payload)
  }

  healthy(): boolean {
    return this.#backbone.healthy()
  }

  close(): Promise<void> {
    return this.#backbone.close()
  }
}
