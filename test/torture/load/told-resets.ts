/**
 * The SDK goes on behind a reset at once, and tells the application a while later, once for all that have come by then. So a reset
 * counts from where the client goes on behind it, and the application is owed the word. Pure.
 */
import type { Place } from './client.ts'

export interface CameReset extends Place {
  readonly reason: string
}

export class ToldResets {
  readonly #came = new Map<string, CameReset>()
  readonly #owed = new Set<string>()

  came(channel: string, reset: CameReset): void {
    this.#came.set(channel, reset)
  }

  /** A message is shown at this place. Answers the reset that lies before it, once. */
  before(channel: string, { epoch, offset }: Place): CameReset | undefined {
    const reset = this.#came.get(channel)
    if (reset === undefined || reset.epoch !== epoch || offset <= reset.offset) return undefined
    this.#came.delete(channel)
    this.#owed.add(channel)
    return reset
  }

  /** The application is told. Answers the reset if no message was shown behind it yet. */
  told(channel: string, { epoch, offset }: Place): CameReset | undefined {
    this.#owed.delete(channel)
    const reset = this.#came.get(channel)
    if (reset?.epoch !== epoch || reset.offset !== offset) return undefined
    this.#came.delete(channel)
    return reset
  }

  /** Channels that went on behind a reset of which the application has not heard. */
  get owed(): readonly string[] {
    return [...this.#owed]
  }
}
