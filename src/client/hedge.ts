/**
 * An attempt by two ways: where the first neither opens nor fails (some firewalls swallow what they do not know), the second is tried beside it.
 */
import type { WebSocketConstructor, WebSocketLike, Wire } from './socket.ts'
import type { Time } from './time.ts'
import type { Way } from './ways.ts'

type Plan = readonly [
  first: Way,
  second: Way,
  time: Time,
  /** The second begins so long after the first. */
  delayMs: number,
  /** The second attempt begins. */
  joined: () => void,
  /** It is the one that has opened. */
  won: () => void,
]

/**
 * Looks like one socket, and throws where the first cannot be made. Nothing is sent before `onopen`, so the one that is closed then has claimed
 * nothing at the gateway.
 */
export function hedged(...[first, second, time, delayMs, joined, won]: Plan): WebSocketConstructor {
  return class implements WebSocketLike {
    declare binaryType: string
    declare onopen: WebSocketLike['onopen']
    declare onmessage: WebSocketLike['onmessage']
    declare onerror: WebSocketLike['onerror']
    declare onclose: WebSocketLike['onclose']
    #running: WebSocketLike[] = []
    readonly #cancel: () => void

    constructor(url: string, protocol: string) {
      this.#run(first, url, protocol)
      this.#cancel = time.after(delayMs, () => {
        joined()
        try {
          this.#run(second, url, protocol)
        } catch {
          // It cannot be made here: the first one goes on alone, and says what becomes of it.
        }
      })
    }

    send(data: Wire): void {
      this.#running[0]?.send(data)
    }

    close(code?: number): void {
      this.#cancel()
      for (const socket of this.#running) socket.close(code)
    }

    #run(way: Way, url: string, protocol: string): void {
      const socket = new way.Socket(url, protocol)
      this.#running.push(socket)
      socket.onopen = (event) => {
        if (!this.#drop(socket)) return
        this.close()
        this.#running = [socket]
        socket.binaryType = this.binaryType
        if (way === second) won()
        this.onopen?.(event)
      }
      socket.onmessage = (event) => this.onmessage?.(event)
      socket.onerror = (event) => this.onerror?.(event)
      socket.onclose = (event) => {
        // The other one may yet open.
        if (!this.#drop(socket) || this.#running.length > 0) return
        this.#cancel()
        this.onclose?.(event)
      }
    }

    /** Whether it was running. */
    #drop(socket: WebSocketLike): boolean {
      const { length } = this.#running
      this.#running = this.#running.filter((other) => other !== socket)
      return this.#running.length < length
    }
  }
}
