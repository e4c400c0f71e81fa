/**
 * Lines of the log that a peer, or a fault, can cause without end: one line in each window for each kind. What was left out
 * is counted in the next line.
 */
import type { Clock, Timer } from '../clock.ts'

/** Writes a line: `log.warn`, as a rule. */
export type Write = (fields: object, message: string) => void

interface Kind {
  /** Repetitions since the last line. */
  count: number
  fields: object
  readonly message: string
}

/** Kinds are the callers' own, so there are few; should one slip in that a peer can vary, memory and log stay bounded. */
const KINDS_MAX = 256
const OTHERS = 'others'

export class Repeats {
  readonly #write: Write
  readonly #clock: Pick<Clock, 'after'>
  readonly #windowMs: number
  /** The kinds with a line in this window. */
  #kinds = new Map<string, Kind>()
  #timer: Timer | undefined

  constructor(write: Write, clock: Pick<Clock, 'after'>, windowMs: number) {
    this.#write = write
    this.#clock = clock
    this.#windowMs = windowMs
  }

  /**
   * The first of a kind is logged at once; those that follow within the window become one line with their `count` and
   * the fields of the last. `message` is a constant sentence of the caller, never text of a peer.
   */
  tell(fields: object, message: string, kind = message): void {
    const key = this.#kinds.has(kind) || this.#kinds.size < KINDS_MAX ? kind : OTHERS
    const known = this.#kinds.get(key)
    if (known !== undefined) {
      known.count++
      known.fields = fields
      return
    }
    this.#kinds.set(key, { count: 0, fields, message })
    this.#timer ??= this.#clock.after(this.#windowMs, this.#turn)
    this.#write(fields, message)
  }

  /** Logs what is still counted. Idempotent. */
  close(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    for (const { count, fields, message } of this.#kinds.values()) {
      if (count > 0) this.#write({ ...fields, count }, message)
    }
    this.#kinds.clear()
  }

  readonly #turn = (): void => {
    this.#timer = undefined
    const kinds = this.#kinds
    this.#kinds = new Map()
    for (const [key, { count, fields, message }] of kinds) {
      if (count === 0) continue
      this.#write({ ...fields, count }, message)
      // The line opens the next window, so that an unending flood stays at one line in each.
      this.#kinds.set(key, { count: 0, fields, message })
    }
    if (this.#kinds.size > 0) this.#timer = this.#clock.after(this.#windowMs, this.#turn)
  }
}
