import type { Clock, Timer } from '../../src/clock.ts'

interface Pending {
  dueMs: number
  readonly run: () => void
  readonly intervalMs: number | undefined
}

/** Time that passes when a test says so. Timers fire in the order of their deadlines, at their deadlines. */
export class ManualClock implements Clock {
  readonly #pending = new Set<Pending>()
  #nowMs: number
  /** What `random` answers. */
  drawn = 0.5

  constructor(nowMs = 1_000_000) {
    this.#nowMs = nowMs
  }

  now(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  random(): number {
    return this.drawn
  }

  after(delayMs: number, run: () => void): Timer {
    return this.#add({ dueMs: this.#nowMs + delayMs, run, intervalMs: undefined })
  }

  every(intervalMs: number, run: () => void): Timer {
    return this.#add({ dueMs: this.#nowMs + this.drawn * intervalMs, run, intervalMs })
  }

  /** How many timers wait. */
  get timers(): number {
    return this.#pending.size
  }

  pass(ms: number): void {
    const untilMs = this.#nowMs + ms
    for (;;) {
      let next: Pending | undefined
      for (const one of this.#pending) {
        if (one.dueMs <= untilMs && (next === undefined || one.dueMs < next.dueMs)) next = one
      }
      if (next === undefined) break
      this.#nowMs = Math.max(this.#nowMs, next.dueMs)
      if (next.intervalMs === undefined) this.#pending.delete(next)
      else next.dueMs += next.intervalMs
      next.run()
    }
    this.#nowMs = untilMs
  }

  /** The process is held up for an hour: what is due by then fires once, late, and what that asks for is due later. */
  fallBehind(): void {
    this.#nowMs += 3_600_000
    for (const one of [...this.#pending]) {
      if (one.dueMs > this.#nowMs || !this.#pending.has(one)) continue
      if (one.intervalMs === undefined) this.#pending.delete(one)
      else one.dueMs = this.#nowMs + one.intervalMs
      one.run()
    }
  }

  #add(pending: Pending): Timer {
    this.#pending.add(pending)
    return { cancel: () => void this.#pending.delete(pending) }
  }
}
