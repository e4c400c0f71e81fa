/**
 * The only source of time and randomness, so that tests can drive both.
 */
import type { Caught } from './errors.ts'

export interface Timer {
  /** Idempotent. */
  cancel(): void
}

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /** Milliseconds of a clock that never jumps; only differences mean something. */
  monotonicMs(): number
  /** Runs once, after at least `delayMs`. Does not keep the process alive. */
  after(delayMs: number, run: () => void): Timer
  /** Runs every `intervalMs`, the first time after a random part of it. Does not keep the process alive. */
  every(intervalMs: number, run: () => void): Timer
  /** At least 0, less than 1. */
  random(): number
}

/**
 * The turn of the event loop that is going on: of this process, which has one. What it ends with is one immediate for all who wait for it.
 */
class Turn {
  #due: (() => void)[] = []

  /** Whether somebody waits for its end, so that it costs nothing more to do so. */
  get endAwaited(): boolean {
    return this.#due.length > 0
  }

  /** Runs once all that has come in this turn was handled, in the order in which it was asked for. It must not throw. */
  atEnd(run: () => void): void {
    if (this.#due.push(run) === 1) setImmediate(this.#end)
  }

  readonly #end = (): void => {
    const due = this.#due
    this.#due = []
    for (const run of due) run()
  }
}

export const turn = new Turn()

/** Above this Node's timers fire at once. */
const TIMEOUT_MAX_MS = 2_147_483_647

export const systemClock: Clock = {
  now: Date.now,
  monotonicMs: () => performance.now(),
  after(delayMs, run) {
    const timeout = setTimeout(run, Math.min(delayMs, TIMEOUT_MAX_MS)).unref()
    return { cancel: () => clearTimeout(timeout) }
  },
  every(intervalMs, run) {
    let cancelled = false
    let interval: NodeJS.Timeout | undefined
    const first = setTimeout(() => {
      run()
      if (cancelled) return
      interval = setInterval(run, intervalMs).unref()
    }, Math.random() * intervalMs).unref()
    return {
      cancel() {
        cancelled = true
        clearTimeout(first)
        clearInterval(interval)
      },
    }
  },
  random: Math.random,
}

/** The same clock; what its timers throw is caught, so that it ends nothing but the one call. */
export function walled(clock: Clock, caught: Caught): Clock {
  const behindWall = (run: () => void) => (): void => {
    try {
      run()
    } catch (error) {
      caught('timer', error)
    }
  }
  return {
    now: () => clock.now(),
    monotonicMs: () => clock.monotonicMs(),
    after: (delayMs, run) => clock.after(delayMs, behindWall(run)),
    every: (intervalMs, run) => clock.every(intervalMs, behindWall(run)),
    random: () => clock.random(),
  }
}

/** A random time between `lowMs` and `highMs`: timers that concern many clients never fire for all at once. */
export function jitter(clock: Clock, lowMs: number, highMs: number): number {
  return lowMs + clock.random() * (highMs - lowMs)
}
