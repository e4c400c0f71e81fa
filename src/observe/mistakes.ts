/**
 * What peers do wrong, and what else they can cause: at most one line a second for each kind, since a flood of bad input
 * must not become a flood of lines.
 */
import type { Log } from './log.ts'
import { Repeats } from './repeats.ts'
import type { Clock } from '../clock.ts'

const WINDOW_MS = 1000

export class Mistakes {
  readonly #repeats: Repeats

  constructor(log: Pick<Log, 'warn'>, clock: Pick<Clock, 'after'>) {
    this.#repeats = new Repeats((fields, message) => log.warn(fields, message), clock, WINDOW_MS)
  }

  /** `kind` is the line's message, a constant sentence of the caller, never text of a peer. */
  warn(kind: string, fields: object): void {
    this.#repeats.tell(fields, kind)
  }

  /** Logs what is still counted. Idempotent. */
  close(): void {
    this.#repeats.close()
  }
}
