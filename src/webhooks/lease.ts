/**
 * Which node of a cluster tells the backends: the one that has the lease, for as long as it keeps renewing it.
 */
import type { Clock } from '../clock.ts'

export interface LeasePorts {
  readonly clock: Pick<Clock, 'monotonicMs'>
  /** Takes or renews it. Fails with `unavailable`. */
  take(ttlMs: number): Promise<boolean>
}

const TTL_MS = 10_000
const ASK_MS = 2_000
/** Of the time that it is good for this much is left for what was begun with it, and for clocks that differ in speed. */
const SAFETY_MS = 2_000

export class Lease {
  readonly #ports: LeasePorts
  #askedMs = -Infinity
  #untilMs: number | undefined

  constructor(ports: LeasePorts) {
    this.#ports = ports
  }

  /** By the clock that does not jump; `undefined`: another node has it. Fails with `unavailable`. */
  async until(): Promise<number | undefined> {
    const nowMs = this.#ports.clock.monotonicMs()
    if (nowMs - this.#askedMs < ASK_MS) return this.#untilMs
    const isHeld = await this.#ports.take(TTL_MS)
    this.#askedMs = nowMs
    this.#untilMs = isHeld ? nowMs + TTL_MS - SAFETY_MS : undefined
    return this.#untilMs
  }
}
