/**
 * What one connection may send: frames and bytes per second, each with a burst.
 */
import type { Clock } from '../clock.ts'
import type { Cells } from '../observe/metrics.ts'
import { FULL_AT_MS, rateOf, take, type Rate } from './bucket.ts'

/** 0 per second: no limit. A burst of 0: as much as in one second. */
export interface InboundOptions {
  readonly framesPerSecond: number
  readonly framesBurst: number
  readonly bytesPerSecond: number
  /** Not less than the largest frame, or that frame never passes. */
  readonly bytesBurst: number
}

/**
 * Two buckets for each who has sent something: when each will be full again. In columns: an object and two numbers for each would leave
 * holes between what stays, all over the heap, when they go a few seconds later.
 */
class Meters {
  readonly #places = new Map<object, number>()
  readonly framesFullAtMs: number[] = []
  readonly bytesFullAtMs: number[] = []

  get size(): number {
    return this.#places.size
  }

  placeOf(connection: object): number | undefined {
    return this.#places.get(connection)
  }

  add(connection: object, framesFullAtMs: number, bytesFullAtMs: number): number {
    const place = this.framesFullAtMs.push(framesFullAtMs) - 1
    this.bytesFullAtMs.push(bytesFullAtMs)
    this.#places.set(connection, place)
    return place
  }
}

/**
 * Who has sent nothing for as long as an empty bucket takes to fill has full ones, and nothing is kept of him: nearly all connections
 * are silent at any time. So there are two generations of meters, and the old one goes when the young one is that old.
 */
export class InboundLimits {
  readonly #frames: Rate | undefined
  readonly #bytes: Rate | undefined
  readonly #clock: Pick<Clock, 'monotonicMs' | 'after'>
  readonly #metrics: Pick<Cells, 'limitsHit'>
  #young = new Meters()
  #old = new Meters()
  #turning = false

  constructor(
    options: InboundOptions,
    clock: Pick<Clock, 'monotonicMs' | 'after'>,
    metrics: Pick<Cells, 'limitsHit'>,
  ) {
    this.#frames = rateOf(options.framesPerSecond, options.framesBurst)
    this.#bytes = rateOf(options.bytesPerSecond, options.bytesBurst)
    this.#clock = clock
    this.#metrics = metrics
  }

  /** For tests: of how many connections anything is known. */
  get size(): number {
    return this.#young.size + this.#old.size
  }

  /** Counts one frame of so many bytes. `false`: the connection is over a limit, and the frame was not counted. */
  take(connection: object, bytes: number): boolean {
    const frames = this.#frames
    const bytesRate = this.#bytes
    if (frames === undefined && bytesRate === undefined) return true
    const place = this.#placeOf(connection)
    const young = this.#young
    const nowMs = this.#clock.monotonicMs()
    let framesFullAtMs = young.framesFullAtMs[place] as number
    if (frames !== undefined) {
      const next = take(framesFullAtMs, nowMs, 1, frames)
      if (next === undefined) {
        this.#metrics.limitsHit.frames_per_second.inc()
        return false
      }
      framesFullAtMs = next
    }
    if (bytesRate !== undefined) {
      const next = take(young.bytesFullAtMs[place] as number, nowMs, bytes, bytesRate)
      if (next === undefined) {
        this.#metrics.limitsHit.bytes_per_second.inc()
        return false
      }
      young.bytesFullAtMs[place] = next
    }
    young.framesFullAtMs[place] = framesFullAtMs
    return true
  }

  /** Among the young. */
  #placeOf(connection: object): number {
    const young = this.#young.placeOf(connection)
    if (young !== undefined) return young
    const old = this.#old
    const place = old.placeOf(connection)
    if (!this.#turning) this.#turnLater()
    if (place === undefined) return this.#young.add(connection, FULL_AT_MS, FULL_AT_MS)
    return this.#young.add(
      connection,
      old.framesFullAtMs[place] as number,
      old.bytesFullAtMs[place] as number,
    )
  }

  /** No timer while everybody is silent. */
  #turnLater(): void {
    this.#turning = true
    const fullMs = Math.max(this.#frames?.capacityMs ?? 0, this.#bytes?.capacityMs ?? 0)
    this.#clock.after(fullMs, () => {
      this.#turning = false
      this.#old = this.#young
      this.#young = new Meters()
      if (this.#old.size > 0) this.#turnLater()
    })
  }
}
