/**
 * What this node has sent and will hear itself. Its own packet comes back to it like everybody else's, at its place among them; but what
 * it says is known here, so it need not be proven, opened and read again. Pure.
 *
 *   E1 what was sent in one packet is handed out at most once, for the number and the subject that it was sent with
 *   E2 what is kept is bounded: the oldest goes first, and its packet is opened as any other
 *   E3 nothing is kept of what was sent before a message that has come back: it would have come back before
 */
import type { Message } from '../protocol/message.ts'

interface Echo {
  /** Of its packet: each is larger than the one before. */
  readonly number: number
  readonly subject: string
  /** In the order of the packet. */
  readonly messages: readonly Message[]
  /** When it was sent, by this clock. */
  readonly sentMs: number
}

/** Of what is on its way to the server and back at any moment this is many times as much. */
const BYTES_MAX = 4_194_304
/** What a message costs beside its payload. */
const OBJECTS_BYTES = 512
/** So many places of such that have gone are there before they go too. */
const PLACES_MAX = 1024

export class Echoes {
  readonly #bytesMax: number
  /** In the order in which they were sent; before `#first` there are places of such that have gone. */
  readonly #kept: (Echo | undefined)[] = []
  /** What each of them counts for, at the same places. */
  readonly #sizes: number[] = []
  #first = 0
  #bytes = 0

  constructor(bytesMax = BYTES_MAX) {
    this.#bytesMax = bytesMax
  }

  get count(): number {
    return this.#kept.length - this.#first
  }

  keep(echo: Echo): void {
    const bytes = bytesOf(echo)
    this.#kept.push(echo)
    this.#sizes.push(bytes)
    this.#bytes += bytes
    while (this.#bytes > this.#bytesMax) this.#forgetUpTo(this.#first)
  }

  take(number: number, subject: string): Echo | undefined {
    let at = this.#first
    while (at < this.#kept.length && (this.#kept[at] as Echo).number < number) at++
    const echo = this.#kept[at]
    if (echo?.number !== number || echo.subject !== subject) return undefined
    this.#forgetUpTo(at)
    return echo
  }

  /** Nothing that was sent so far comes back. */
  clear(): void {
    this.#forgetUpTo(this.#kept.length - 1)
  }

  #forgetUpTo(last: number): void {
    for (; this.#first <= last; this.#first++) {
      this.#bytes -= this.#sizes[this.#first] as number
      this.#kept[this.#first] = undefined
    }
    if (this.#first < this.#kept.length && this.#first < PLACES_MAX) return
    this.#kept.splice(0, this.#first)
    this.#sizes.splice(0, this.#first)
    this.#first = 0
  }
}

function bytesOf({ messages }: Echo): number {
  let bytes = 0
  for (const { data } of messages) bytes += data.length + OBJECTS_BYTES
  return bytes
}
