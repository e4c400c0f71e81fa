/**
 * The newest event of a cache channel, which who comes is given: the last one that a backend has published, if it is not too old.
 * Those who come at once share one reading of the log.
 */
import type { Clock } from '../../clock.ts'
import type { Message } from '../../protocol/message.ts'
import type { Position } from '../../protocol/position.ts'
import type { LogRange } from '../../replay/replay-log.ts'

export interface CachePorts {
  /** The newest messages of a channel, oldest first; `undefined`: it keeps none. Fails with `unavailable`. */
  last(channel: string, count: number): Promise<LogRange> | undefined
  /** Somebody has come for whom there is nothing: the backend is told, once in this time. */
  missed(channel: string, forMs: number): void
  readonly clock: Pick<Clock, 'now'>
}

export interface Cached {
  /** Where the log was: everything behind that comes live. */
  readonly head: Position | undefined
  readonly message: Message | undefined
}

/** Between the last two events of a backend there may be so many of clients. */
const LOOKED_AT_MAX = 100
/** A backend that has not published anything since is told of a miss again. */
const MISSED_AGAIN_MS = 60_000

export class Cache {
  readonly #ports: CachePorts
  readonly #ttlMs: number
  readonly #reading = new Map<string, Promise<Cached>>()

  constructor(ports: CachePorts, ttlMs: number) {
    this.#ports = ports
    this.#ttlMs = ttlMs
  }

  /** Fails with `unavailable`. */
  newest(channel: string): Promise<Cached> {
    const under = this.#reading.get(channel)
    if (under !== undefined) return under
    const reading = this.#read(channel).finally(() => this.#reading.delete(channel))
    this.#reading.set(channel, reading)
    return reading
  }

  /** Somebody was told that there is nothing. */
  missed(channel: string): void {
    this.#ports.missed(channel, Math.min(this.#ttlMs, MISSED_AGAIN_MS))
  }

  /** How long it is kept from now on. */
  restMs({ time }: Message): number {
    return time + this.#ttlMs - this.#ports.clock.now()
  }

  async #read(channel: string): Promise<Cached> {
    const range = await this.#ports.last(channel, LOOKED_AT_MAX)
    if (range === undefined) return { head: undefined, message: undefined }
    const messages = range.kind === 'range' ? range.messages : []
    // Those of clients are not kept for who comes.
    const message = messages.findLast(({ from }) => from === undefined)
    const isFresh = message !== undefined && this.restMs(message) > 0
    return { head: range.head, message: isFresh ? message : undefined }
  }
}
