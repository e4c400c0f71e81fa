/**
 * What happens on the node in a second, from the counters of the metrics page. Part of the composition.
 */
import type { Clock, Timer } from '../clock.ts'
import type { Counter, Metrics } from '../observe/metrics.ts'
import type { NodeInfo, Service } from '../registry/registry.ts'
import { quantileOf } from '../observe/quantile.ts'

type Named = NodeInfo['rates']
type Latency = NonNullable<Service['latencyMs']>

const INTERVAL_MS = 2000

export class Rates {
  readonly #clock: Clock
  readonly #counters: Readonly<Record<keyof Named, readonly Counter[]>>
  readonly #timer: Timer
  #last: { readonly atMs: number; readonly counts: Named }
  #current: Named = { connects: 0, published: 0, delivered: 0 }
  readonly #metrics: Metrics
  #latencies: readonly number[] = []
  #latency: Latency | undefined

  constructor(clock: Clock, metrics: Metrics) {
    const { resumes, published, delivered } = metrics
    this.#clock = clock
    this.#metrics = metrics
    this.#counters = {
      connects: Object.values(resumes).flatMap((result) => Object.values(result)),
      published: Object.values(published).flatMap((door) => Object.values(door)),
      delivered: Object.values(delivered),
    }
    this.#last = { atMs: clock.monotonicMs(), counts: this.#count() }
    this.#timer = clock.every(INTERVAL_MS, () => this.#measure())
  }

  /** Over the last whole interval. */
  get current(): Named {
    return this.#current
  }

  get service(): Service {
    const { eventLoopLag, feedRepairs, replayed, resets } = this.#metrics
    return {
      lagMs: Math.round(eventLoopLag.value * 1000),
      ...(this.#latency === undefined ? {} : { latencyMs: this.#latency }),
      repaired: feedRepairs.filled.value,
      replayed: replayed.value,
      resets: Object.values(resets).reduce((sum, { value }) => sum + value, 0),
    }
  }

  close(): void {
    this.#timer.cancel()
  }

  #measure(): void {
    const atMs = this.#clock.monotonicMs()
    const counts = this.#count()
    const seconds = (atMs - this.#last.atMs) / 1000
    if (seconds === 0) return
    this.#measureLatency()
    const rate = (name: keyof Named): number =>
      Math.round(((counts[name] - this.#last.counts[name]) / seconds) * 10) / 10
    this.#current = { connects: rate('connects'), published: rate('published'), delivered: rate('delivered') }
    this.#last = { atMs, counts }
  }

  #measureLatency(): void {
    const { bounds, counts } = this.#metrics.deliveryLatency
    const since = counts.map((count, index) => count - (this.#latencies[index] ?? 0))
    this.#latencies = [...counts]
    const ms = (share: number): number | undefined => {
      const seconds = quantileOf(share, bounds, since)
      return seconds === undefined ? undefined : Math.round(seconds * 10_000) / 10
    }
    const [p50, p99] = [ms(0.5), ms(0.99)]
    this.#latency = p50 === undefined || p99 === undefined ? undefined : { p50, p99 }
  }

  #count(): Named {
    const sum = (name: keyof Named): number =>
      this.#counters[name].reduce((total, { value }) => total + value, 0)
    return { connects: sum('connects'), published: sum('published'), delivered: sum('delivered') }
  }
}
