/**
 * The channels for which a client has brought tokens of their own, beside what every client may. Pure.
 */
import type { Permissions } from '../../session/ports.ts'

export class Grants implements Permissions {
  readonly #everybody: Permissions | undefined
  /** By the name in the gateway; when each ends, in milliseconds since 1970. */
  readonly #channels = new Map<string, number | undefined>()

  constructor(everybody: Permissions | undefined) {
    this.#everybody = everybody
  }

  add(channel: string, expiresAtMs: number | undefined): void {
    this.#channels.set(channel, expiresAtMs)
  }

  /** Those that have ended before this moment are grants no more. */
  expired(atMs: number): string[] {
    const gone = [...this.#channels].filter(([, endsMs]) => endsMs !== undefined && endsMs <= atMs)
    for (const [channel] of gone) this.#channels.delete(channel)
    return gone.map(([channel]) => channel)
  }

  maySubscribe(channel: string): boolean {
    return this.#channels.has(channel) || this.#everybody?.maySubscribe(channel) === true
  }

  /** To publish and to read back takes the token of the connection. */
  mayPublish(channel: string): boolean {
    return this.#everybody?.mayPublish(channel) === true
  }

  mayReadHistory(channel: string): boolean {
    return this.#everybody?.mayReadHistory(channel) === true
  }
}
