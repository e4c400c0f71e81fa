/**
 * Logs what failed. That a part cannot be reached is expected, and told once: one line when it begins and one when it
 * ends, however much fails in between, and without stacks, since nothing is wrong here. Anything else is a fault of ours,
 * and told as one.
 *
 * Whoever holds the connection to a part tells when it is away and when it is back. Where it hangs instead, nobody does:
 * then the first failures tell it, and that nothing has failed for a while is its end.
 */
import type { Log } from './log.ts'
import type { Clock, Timer } from '../clock.ts'
import { SluiceError } from '../errors.ts'

/** A connection that breaks is told of within this time of what fails for it. */
const PATIENCE_MS = 2000

interface Outage {
  readonly sinceMs: number
  failures: number
}

interface Untold extends Outage {
  lastMs: number
  /** The line for its beginning has been written. */
  told: boolean
}

export class Outages {
  readonly #log: Log
  readonly #clock: Pick<Clock, 'monotonicMs' | 'after'>
  readonly #quietMs: number
  readonly #fault: (what: string, error: unknown) => void
  /** Of parts that were said to be away, by name. */
  readonly #away = new Map<string, Outage>()
  #untold: Untold | undefined
  #timer: Timer | undefined

  /** `quietMs`: after so long without a failure all parts answer; longer than what is tried regularly takes its time. */
  constructor(
    log: Log,
    clock: Pick<Clock, 'monotonicMs' | 'after'>,
    quietMs: number,
    fault: (what: string, error: unknown) => void,
  ) {
    this.#log = log
    this.#clock = clock
    this.#quietMs = quietMs
    this.#fault = fault
  }

  /** `what` is a constant text of the caller. */
  failed(what: string, error: unknown): void {
    if (!(error instanceof SluiceError) || error.code !== 'unavailable') {
      this.#fault(what, error)
      return
    }
    this.#log.debug({ what, reason: error.message }, 'something failed because a part does not answer')
    for (const outage of this.#away.values()) outage.failures++
    if (this.#away.size > 0) return
    const nowMs = this.#clock.monotonicMs()
    if (this.#untold !== undefined) {
      this.#untold.failures++
      this.#untold.lastMs = nowMs
      return
    }
    const untold = { sinceMs: nowMs, lastMs: nowMs, failures: 1, told: false }
    this.#untold = untold
    this.#timer = this.#clock.after(PATIENCE_MS, () => {
      untold.told = true
      this.#log.warn({ what, reason: error.message }, 'a part does not answer')
      this.#awaitQuiet(untold, this.#quietMs)
    })
  }

  /** A part cannot be reached from now on. */
  away(part: string, reason: string): void {
    if (this.#away.has(part)) return
    const nowMs = this.#clock.monotonicMs()
    this.#away.set(part, { sinceMs: this.#untold?.sinceMs ?? nowMs, failures: this.#untold?.failures ?? 0 })
    this.#forgetUntold()
    this.#log.warn({ reason }, `${part} is away`)
  }

  /** A part can be reached again, or for the first time. */
  back(part: string): void {
    const outage = this.#away.get(part)
    this.#away.delete(part)
    this.#log.info(outage === undefined ? {} : this.#extentOf(outage), `${part} is connected`)
  }

  /** Idempotent. */
  close(): void {
    this.#forgetUntold()
  }

  #awaitQuiet(untold: Untold, waitMs: number): void {
    this.#timer = this.#clock.after(waitMs, () => {
      const leftMs = untold.lastMs + this.#quietMs - this.#clock.monotonicMs()
      if (leftMs > 0) {
        this.#awaitQuiet(untold, leftMs)
        return
      }
      this.#forgetUntold()
      this.#log.info(this.#extentOf(untold), 'all parts answer again')
    })
  }

  #forgetUntold(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#untold = undefined
  }

  #extentOf(outage: Outage): { failures: number; forMs: number } {
    const endMs = 'lastMs' in outage ? (outage as Untold).lastMs : this.#clock.monotonicMs()
    return { failures: outage.failures, forMs: Math.round(endMs - outage.sinceMs) }
  }
}
