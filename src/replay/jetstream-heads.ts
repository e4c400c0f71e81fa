/**
 * What this process knows of the ends of channels, so that it can tell a channel whose messages have all been trimmed
 * from one where nothing was missed. Pure and bounded: what is forgotten is asked for again, or told as a loss.
 */

export interface SeenHead {
  /** The offset of the channel's newest message, or a position after which it had none. */
  readonly offset: number
  /** The channel has no message with an offset above `offset` up to this one. */
  readonly through: number
}

export class SeenHeads {
  readonly #max: number
  /** The one used last is the last. */
  readonly #heads = new Map<string, SeenHead>()

  constructor(max: number) {
    this.#max = max
  }

  get(channel: string): SeenHead | undefined {
    const head = this.#heads.get(channel)
    if (head !== undefined) {
      this.#heads.delete(channel)
      this.#heads.set(channel, head)
    }
    return head
  }

  /** What is older than what is known changes nothing. */
  note(channel: string, offset: number, through = offset): void {
    const known = this.get(channel)
    if (known !== undefined && (known.offset > offset || known.through > through)) return
    this.#heads.set(channel, { offset, through: Math.max(offset, through) })
    if (this.#heads.size <= this.#max) return
    for (const oldest of this.#heads.keys()) {
      this.#heads.delete(oldest)
      return
    }
  }

  clear(): void {
    this.#heads.clear()
  }
}

/** Whether nothing of the channel can have been trimmed unseen after `offset`, where the stream begins at `first`. */
export function missedNothing(offset: number, first: number, seen: SeenHead | undefined): boolean {
  if (offset + 1 >= first) return true
  return seen !== undefined && offset >= seen.offset && seen.through + 1 >= first
}
