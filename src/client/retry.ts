/**
 * When to come back after a connection ended. Pure.
 */
import { reconnectAfter } from '../dialect/sluice-v1/codes.ts'

/** Attempt n waits a random time between 0 and the lesser of `baseMs` doubled n times and `maxMs` (full jitter). */
export interface BackoffOptions {
  readonly baseMs: number
  readonly maxMs: number
}

/**
 * A connection that lasted this long has settled: what went wrong before it is history. Without this, a gateway that
 * welcomes and closes at once would be asked again and again without a pause.
 */
export const SETTLED_MS = 10_000
const SERVED_ATTEMPT_MAX = 2

/** Runs after a pause that grows with the attempts. */
export type Later = (attempt: number, run: () => void) => void

export function backoffMs({ baseMs, maxMs }: BackoffOptions, attempt: number, random: number): number {
  return random * Math.min(maxMs, baseMs * 2 ** attempt)
}

/**
 * R1 `backoff` waits within the bounds of the attempt, which grow up to `maxMs`
 * R2 `now` is at once the first time, and `backoff` until a connection has settled
 * R3 `token` is at once the first time, whatever came before, and `backoff` until a connection has settled:
 *    an application that hands out an expired token does not make the client hammer
 * R4 `never` is never
 * R5 who is served meanwhile never waits longer than before a third attempt: whoever moves may be sent on often, and has only
 *    the time that its old node gives it
 */
export class Retry {
  readonly #options: BackoffOptions
  #attempt = 0
  #tokenRefused = false

  constructor(options: BackoffOptions) {
    this.#options = options
  }

  /** Milliseconds until the next attempt; `undefined`: stay away. `lastedMs`: how long the connection was welcome. */
  after(closeCode: number, lastedMs: number, random: number, served = false): number | undefined {
    if (lastedMs >= SETTLED_MS) this.reset()
    const what = reconnectAfter(closeCode)
    if (what === 'never') return undefined
    if (what === 'token' && !this.#tokenRefused) {
      this.#tokenRefused = true
      return 0
    }
    const attempt = Math.min(this.#attempt++, served ? SERVED_ATTEMPT_MAX : Infinity)
    return what === 'now' && attempt === 0 ? 0 : backoffMs(this.#options, attempt, random)
  }

  reset(): void {
    this.#attempt = 0
    this.#tokenRefused = false
  }
}
