/**
 * How long clients were without a connection. Pure.
 */

export interface Gaps {
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

/** Enough for the tails of any drain; of more, every so many is kept. */
const SAMPLES_MAX = 10_000

export class GapSamples {
  #samples: number[] = []
  /** One of so many is kept. */
  #stride = 1
  #seen = 0
  #maxMs = 0

  add(gapMs: number): void {
    this.#maxMs = Math.max(this.#maxMs, gapMs)
    if (this.#seen++ % this.#stride !== 0) return
    this.#samples.push(gapMs)
    if (this.#samples.length < SAMPLES_MAX) return
    this.#samples = this.#samples.filter((_, index) => index % 2 === 0)
    this.#stride *= 2
  }

  /** `undefined`: there are none. */
  get summary(): Gaps | undefined {
    if (this.#seen === 0) return undefined
    const sorted = this.#samples.toSorted((a, b) => a - b)
    const at = (share: number): number =>
      Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number)
    return { p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99), maxMs: Math.round(this.#maxMs) }
  }
}
