/**
 * Logs what peers do wrong, at most one line a second for each kind: a flood of bad input must not become a flood of
 * lines. What was left out is counted in the next line.
 */
import type { Clock, Timer } from '../clock.ts'
import type { Log } from './log.ts'

const WINDOW_MS = 1000

interface Kind {
  /** Mistakes since the last line. */
  count: number
  fields: object
}

export class Mistakes {
  readonly #log: Pick<Log, 'warn'>
  readonly #clock: Pick<Clock, 'after'>
  /** The kinds with a line in this second. */
  #kinds = new Map<string, Kind>()
  #timer: Timer | undefined

  constructor(log: Pick<Log, 'warn'>, clock: Pick<Clock, 'after'>) {
    this.#log = log
    this.#clock = clock
  }

  /**
   * The first of a kind is logged at once; those that follow within the second become one line with their `count` and
   * the fields of the last. `kind` is the line's message, a constant sentence of the caller, never text of a peer.
   */
  warn(kind: string, fields: object): void {
    const known = this.#kinds.get(kind)
    if (known !== undefined) {
      known.count++
      known.fields = fields
      return
    }
    this.#kinds.set(kind, { count: 0, fields })
    this.#timer ??= this.#clock.after(WINDOW_MS, this.#turn)
    this.#log.warn(fields, kind)
  }

  /** Logs what is still counted. Idempotent. */
  close(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    for (const [kind, { count, fields }] of this.#kinds) {
      if (count > 0) this.#log.warn({ ...fields, count }, kind)
    }
    this.#kinds.clear()
  }

  readonly #turn = (): void => {
    this.#timer = undefined
    const kinds = this.#kinds
    this.#kinds = new Map()
    for (const [kind, { count, fields }] of kinds) {
      if (count === 0) continue
      this.#log.warn({ ...fields, count }, kind)
      // The line opens the next window, so that an unending flood stays at one line a second.
      this.#kinds.set(kind, { count: 0, fields })
    }
    if (this.#kinds.size > 0) this.#timer = this.#clock.after(WINDOW_MS, this.#turn)
  }
}
