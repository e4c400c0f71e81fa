/**
 * An attempt by two ways: where the first neither opens nor fails (some firewalls swallow what they do not know), the second is tried beside it.
 */
import type { WebSocketConstructor, WebSocketLike, Wire } from './socket.ts'
import type { Time } from './time.ts'
import type { Way } from './ways.ts'

/**
 * Looks like one socket. Nothing is sent before `onopen`, so the one that is closed then has claimed nothing at the gateway.
 * `told`: `joined` when the second attempt begins, `won` when it is the one that has opened.
 */
export function hedged(
  first: Way,
  second: Way,
  time: Time,
  delayMs: number,
  told: (outcome: 'joined' | 'won') => void,
): WebSocketConstructor {
  return class implements WebSocketLike {
    binaryType = ''
    onopen: WebSocketLike['onopen'] = null
    onmessage: WebSocketLike['onmessage'] = null
    onerror: WebSocketLike['onerror'] = null
    onclose: WebSocketLike['onclose'] = null
    #running: WebSocketLike[] = []
    readonly #cancel: () => void

    /** Throws what the first one's constructor throws. */
    constructor(url: string, protocol: string) {
      this.#run(first, url, protocol)
      this.#cancel = time.after(delayMs, () => {
        told('joined')
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
        if (!this.#running.includes(socket)) return
        this.#cancel()
        const others = this.#running.filter((other) => other !== socket)
        this.#running = [socket]
        for (const other of others) other.close()
        socket.binaryType = this.binaryType
        if (way === second) told('won')
        this.onopen?.(event)
      }
      socket.onmessage = (event) => this.onmessage?.(event)
      socket.onerror = (event) => this.onerror?.(event)
      socket.onclose = (event) => {
        const wasRunning = this.#running.includes(socket)
        this.#running = this.#running.filter((other) => other !== socket)
        // The other one may yet open.
        if (!wasRunning || this.#running.length > 0) return
        this.#cancel()
        this.onclose?.(event)
      }
    }
  }
}
