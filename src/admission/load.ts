/**
 * How busy the process is: the lag of its event loop, and its memory.
 *
 * The lag is taken from the intervals of a timer of our own. perf_hooks' `monitorEventLoopDelay` would count them too,
 * but its `reset` forgets the last tick: where every turn of the loop is longer than the time between two samples, each
 * sample throws the only interval away, and a node in the greatest trouble looks idle.
 */
import type { Clock, Timer } from '../clock.ts'

export interface Load {
  /** How late the event loop serves whoever comes at a random moment, smoothed over about a second. */
  readonly lagMs: number
  /** Resident memory. */
  readonly memoryBytes: number
}

/** Short enough to see a turn of the loop that a client would feel, long enough to cost nothing. */
export const TICK_MS = 20
/** Ticks are summed up over at least this. */
export const SAMPLE_MS = 250
/** The part that one sample has in the smoothed value: a pause of one sample fades within a second. */
const SAMPLE_WEIGHT = 0.4

/**
 * The lag that a random arrival meets, out of the moments of a timer's ticks.
 *
 * Not the mean of the intervals: a loop that is blocked for half a second and ticks 25 times in the other half has a mean
 * interval of 38 ms, but every second arrival waits for the long one. Who comes at a random moment meets an interval in
 * proportion to its length, so on average one of Σd² / Σd.
 */
export class LoopLag {
  #lastMs: number
  #sum = 0
  #squares = 0
  #lagMs = 0

  constructor(nowMs: number) {
    this.#lastMs = nowMs
  }

  get lagMs(): number {
    return this.#lagMs
  }

  /** Once for each tick. `true` where a sample was completed by it. */
  tick(nowMs: number): boolean {
    const interval = Math.max(0, nowMs - this.#lastMs)
    this.#lastMs = nowMs
    this.#sum += interval
    this.#squares += interval * interval
    if (this.#sum < SAMPLE_MS) return false
    const sample = Math.max(0, this.#squares / this.#sum - TICK_MS)
    this.#lagMs += SAMPLE_WEIGHT * (sample - this.#lagMs)
    this.#sum = 0
    this.#squares = 0
    return true
  }
}

export class LoadProbe implements Load {
  readonly #lag: LoopLag
  readonly #timer: Timer
  #memoryBytes = process.memoryUsage.rss()

  constructor(clock: Pick<Clock, 'every' | 'monotonicMs'>) {
    this.#lag = new LoopLag(clock.monotonicMs())
    this.#timer = clock.every(TICK_MS, () => {
      if (this.#lag.tick(clock.monotonicMs())) this.#memoryBytes = process.memoryUsage.rss()
    })
  }

  get lagMs(): number {
    return this.#lag.lagMs
  }

  get memoryBytes(): number {
    return this.#memoryBytes
  }

  /** Idempotent. */
  close(): void {
    this.#timer.cancel()
  }
}
