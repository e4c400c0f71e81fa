/**
 * Which way to the gateway is tried next. Pure.
 *
 *  C1 the ways are tried in their order; the first one that serves is the one from then on
 *  C2 a way that has served is given up only after `PATIENCE` attempts in a row that did not get through: a gateway that is down is no
 *     reason to leave it
 *  C3 once all have been tried in vain, the next round begins with the first
 *  C4 where another than the first serves after a round in vain, the gateway was away before, and of the first nothing is known: the
 *     next connection begins with it
 */
import { ClientError } from './errors.ts'
import type { WebSocketConstructor } from './socket.ts'

export type Transport = 'websocket' | 'sse' | 'poll'

export interface Way {
  readonly transport: Transport
  readonly Socket: WebSocketConstructor
}

/** What is known of the way that has served, beyond one client. */
export interface Memory {
  transport?: Transport | undefined
}

export const PATIENCE = 4

export class Ways {
  readonly #ways: readonly Way[]
  readonly #memory: Memory
  #at: number
  #failures = 0
  /** All have been tried in vain since one served. */
  #vain = false
  #unproven = false

  constructor(ways: readonly Way[], memory: Memory) {
    this.#ways = ways
    this.#memory = memory
    this.#at = Math.max(
      0,
      ways.findIndex(({ transport }) => transport === memory.transport),
    )
  }

  get current(): Way {
    return this.#ways[this.#at] as Way
  }

  /** For another attempt. */
  next(): Way {
    if (this.#unproven) this.#at = 0
    this.#unproven = false
    return this.current
  }

  served(): void {
    this.#failures = 0
    this.#unproven = this.#vain && this.#at > 0
    this.#vain = false
    if (!this.#unproven) this.#memory.transport = this.current.transport
  }

  /** An attempt did not get through. True: there is another way, to be tried at once. */
  failed(): boolean {
    if (this.current.transport === this.#memory.transport && ++this.#failures < PATIENCE) return false
    this.#failures = 0
    const hadServed = this.current.transport === this.#memory.transport
    this.#memory.transport = undefined
    this.#at = hadServed ? 0 : (this.#at + 1) % this.#ways.length
    this.#vain ||= !hadServed && this.#at === 0
    return !hadServed && this.#at !== 0
  }
}

/** The platform's, unless one is given. Throws a `ClientError` where there is none. */
export function webSocketWay({ WebSocket }: { readonly WebSocket?: WebSocketConstructor | undefined }): Way {
  const Socket = WebSocket ?? (globalThis as { readonly WebSocket?: WebSocketConstructor }).WebSocket
  if (Socket === undefined) {
    throw new ClientError('bad_request', 'no WebSocket here: give options.WebSocket')
  }
  return { transport: 'websocket', Socket }
}
