/**
 * What this node has sent and will hear itself. Its own packet comes back to it like everybody else's, at its place among them; but what
 * it says is known here, so it need not be proven, opened and read again. Pure.
 *
 *   E1 a message is handed out at most once, for the number and the subject that it was sent with
 *   E2 what is kept is bounded: the oldest goes first, and its packet is opened as any other
 *   E3 nothing is kept of what was sent before a message that has come back: it would have come back before
 */
import type { Message } from '../protocol/message.ts'

interface Echo {
  readonly subject: string
  readonly message: Message
  /** When it was sent, by this clock. */
  readonly sentMs: number
}

/** Of what is on its way to the server and back at any moment this is many times as much. */
const BYTES_MAX = 4_194_304
/** What a message costs beside its payload. */
const OBJECTS_BYTES = 512

export class Echoes {
  readonly #bytesMax: number
  /** By the number of its packet, in the order in which they were sent. */
  readonly #kept = new Map<number, Echo>()
  #bytes = 0

  constructor(bytesMax = BYTES_MAX) {
    this.#bytesMax = bytesMax
  }

  keep(number: number, echo: Echo): void {
    this.#kept.set(number, echo)
    this.#bytes += bytesOf(echo)
    if (this.#bytes > this.#bytesMax) this.#forget(() => this.#bytes > this.#bytesMax)
  }

  take(number: number, subject: string): Echo | undefined {
    const echo = this.#kept.get(number)
    if (echo?.subject !== subject) return undefined
    this.#forget((oldest) => oldest <= number)
    return echo
  }

  get count(): number {
    return this.#kept.size
  }

  /** Nothing that was sent so far comes back. */
  clear(): void {
    this.#kept.clear()
    this.#bytes = 0
  }

  #forget(goes: (oldest: number) => boolean): void {
    for (const [oldest, echo] of this.#kept) {
      if (!goes(oldest)) return
      this.#kept.delete(oldest)
      this.#bytes -= bytesOf(echo)
    }
  }
}

function bytesOf({ message }: Echo): number {
  return message.data.length + OBJECTS_BYTES
}
