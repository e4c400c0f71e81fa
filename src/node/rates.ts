/**
 * What happens on the node in a second, from the counters of the metrics page. Part of the composition.
 */
import type { Clock, Timer } from '../clock.ts'
import type { Counter, Metrics } from '../observe/metrics.ts'
import type { NodeInfo } from '../registry/registry.ts'

type Named = NodeInfo['rates']

const INTERVAL_MS = 2000

export class Rates {
  readonly #clock: Clock
  readonly #counters: Readonly<Record<keyof Named, readonly Counter[]>>
  readonly #timer: Timer
  #last: { readonly atMs: number; readonly counts: Named }
  #current: Named = { connects: 0, published: 0, delivered: 0 }

  constructor(clock: Clock, { resumes, published, delivered }: Metrics) {
    this.#clock = clock
    this.#counters = {
      connects: Object.values(resumes),
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

  close(): void {
    this.#timer.cancel()
  }

  #measure(): void {
    const atMs = this.#clock.monotonicMs()
    const counts = this.#count()
    const seconds = (atMs - this.#last.atMs) / 1000
    if (seconds === 0) return
    const rate = (name: keyof Named): number =>
      Math.round(((counts[name] - this.#last.counts[name]) / seconds) * 10) / 10
    this.#current = { connects: rate('connects'), published: rate('published'), delivered: rate('delivered') }
    this.#last = { atMs, counts }
  }

  #count(): Named {
    const sum = (name: keyof Named): number =>
      this.#counters[name].reduce((total, { value }) => total + value, 0)
    return { connects: sum('connects'), published: sum('published'), delivered: sum('delivered') }
  }
}
