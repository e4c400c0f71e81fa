import type { Time } from '../../../src/client/time.ts'

interface Timer {
  readonly atMs: number
  readonly run: () => void
}

/** Time that stands still until a test moves it; `random` is what the test sets. */
export class ManualTime implements Time {
  nowMs = 1_000_000
  nextRandom = 0.5
  readonly #timers = new Set<Timer>()

  now(): number {
    return this.nowMs
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { atMs: this.nowMs + delayMs, run }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  random(): number {
    return this.nextRandom
  }

  /** Milliseconds until each timer, the earliest first. */
  get pendingMs(): number[] {
    return this.#inOrder().map(({ atMs }) => atMs - this.nowMs)
  }

  /** Runs what is due within `ms`, each at its own moment, and lets promises go on after each. */
  async pass(ms: number): Promise<void> {
    const endMs = this.nowMs + ms
    for (;;) {
      const next = this.#inOrder()[0]
      if (next === undefined || next.atMs > endMs) break
      this.nowMs = Math.max(this.nowMs, next.atMs)
      this.#timers.delete(next)
      next.run()
      await settled()
    }
    this.nowMs = endMs
  }

  /** Runs the timer that is due first. */
  async next(): Promise<void> {
    await this.pass(this.pendingMs[0] ?? 0)
  }

  #inOrder(): Timer[] {
    return [...this.#timers].sort((a, b) => a.atMs - b.atMs)
  }
}

/** Every promise that could go on has gone on. */
export function settled(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}
