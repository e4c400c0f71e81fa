/**
 * Faults of the gateway: things thrown that should not have been. Each is counted; each kind is a line with its stack
 * when it shows first, and then one line a minute with its count, so that whoever has found a way to cause it does not
 * write the log. A kind is where a fault was caught and where it was thrown.
 */
import type { FAULTS } from './metric-labels.ts'
import type { Log } from './log.ts'
import { Repeats } from './repeats.ts'
import type { Clock } from '../clock.ts'
import type { About } from '../errors.ts'

export type FaultPlace = (typeof FAULTS)[number]

const WINDOW_MS = 60_000

export class Faults {
  readonly #repeats: Repeats
  readonly #counters: Readonly<Record<FaultPlace, { inc(): void }>>

  constructor(
    log: Pick<Log, 'error'>,
    clock: Pick<Clock, 'after'>,
    counters: Readonly<Record<FaultPlace, { inc(): void }>>,
  ) {
    this.#repeats = new Repeats((fields, message) => log.error(fields, message), clock, WINDOW_MS)
    this.#counters = counters
  }

  /** As `Caught`, of the process too. */
  readonly caught = (place: FaultPlace, error: unknown, about: About = {}): void => {
    this.#counters[place].inc()
    const kind = `${place} ${about.what ?? ''} ${originOf(error)}`
    this.#repeats.tell({ err: error, place, ...about }, 'a fault of the gateway', kind)
  }

  /** Idempotent. */
  close(): void {
    this.#repeats.close()
  }
}

/** The line of code that threw: of those there is a bounded number, which is not so of messages. */
function originOf(error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  return /^ +at .*$/m.exec(stack)?.[0] ?? ''
}
