/**
 * Knows the second copy of an ephemeral message that comes over a link and over the backbone. Such a message has no
 * position to tell by, so its content is what counts, with the moment of its publish; two that are the same in all of
 * that are told apart by counting: whichever way has brought more of them so far has brought all that there are. Pure.
 */
import { createHash } from 'node:crypto'
import type { EphemeralMessage } from '../protocol/message.ts'

/** Beyond it the oldest are forgotten. The two copies of a message come within moments of each other. */
const COPIES_MAX = 20_000

const STEP = { link: 1, backbone: -1 } as const

export class Copies {
  readonly #max: number
  /** How many more came over links than over the backbone; not those of which both have brought as many. */
  readonly #ahead = new Map<string, number>()

  constructor(max = COPIES_MAX) {
    this.#max = max
  }

  /** Whether the message is the first copy, and so to be delivered. */
  first(message: EphemeralMessage, way: keyof typeof STEP): boolean {
    const key = keyOf(message)
    const ahead = this.#ahead.get(key) ?? 0
    const now = ahead + STEP[way]
    if (now === 0) this.#ahead.delete(key)
    else this.#remember(key, now)
    return Math.abs(now) > Math.abs(ahead)
  }

  #remember(key: string, ahead: number): void {
    this.#ahead.set(key, ahead)
    if (this.#ahead.size <= this.#max) return
    for (const oldest of this.#ahead.keys()) {
      this.#ahead.delete(oldest)
      return
    }
  }
}

function keyOf({ channel, time, id, from, binary, data }: EphemeralMessage): string {
  return createHash('sha1')
    .update(JSON.stringify([channel, time, id ?? null, from ?? null, binary]))
    .update(data)
    .digest('base64')
}
