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

/** The limits of one connection. */
export interface Meter {
  /** Counts one frame of so many bytes. `false`: the connection is over a limit, and the frame was not counted. */
  take(bytes: number): boolean
}

const UNLIMITED: Meter = { take: () => true }

export class InboundLimits {
  readonly frames: Rate | undefined
  readonly bytes: Rate | undefined
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly metrics: Pick<Cells, 'limitsHit'>

  constructor(options: InboundOptions, clock: Pick<Clock, 'monotonicMs'>, metrics: Pick<Cells, 'limitsHit'>) {
    this.frames = rateOf(options.framesPerSecond, options.framesBurst)
    this.bytes = rateOf(options.bytesPerSecond, options.bytesBurst)
    this.clock = clock
    this.metrics = metrics
  }

  /** For one connection. Made at its first frame, so that a silent connection has none. */
  meter(): Meter {
    return this.frames === undefined && this.bytes === undefined ? UNLIMITED : new ConnectionMeter(this)
  }
}

/** Two buckets, two numbers. What all connections share is behind one reference: there may be a million of these. */
class ConnectionMeter implements Meter {
  readonly #limits: InboundLimits
  #framesFullAtMs = FULL_AT_MS
  #bytesFullAtMs = FULL_AT_MS

  constructor(limits: InboundLimits) {
    this.#limits = limits
  }

  take(bytes: number): boolean {
    const { frames, bytes: bytesRate, clock, metrics } = this.#limits
    const nowMs = clock.monotonicMs()
    let framesFullAtMs = this.#framesFullAtMs
    if (frames !== undefined) {
      const next = take(framesFullAtMs, nowMs, 1, frames)
      if (next === undefined) {
        metrics.limitsHit.frames_per_second.inc()
        return false
      }
      framesFullAtMs = next
    }
    if (bytesRate !== undefined) {
      const next = take(this.#bytesFullAtMs, nowMs, bytes, bytesRate)
      if (next === undefined) {
        metrics.limitsHit.bytes_per_second.inc()
        return false
      }
      this.#bytesFullAtMs = next
    }
    this.#framesFullAtMs = framesFullAtMs
    return true
  }
}
