/**
 * Whether a node that is not well is the sick one itself, or one of many. Clients of a sick cluster stay where they are, because
 * they would find nothing better; those of a node that alone is sick do. Pure.
 *
 * It keeps (test/property/cut-off.property.test.ts):
 *  C1 a node that is well, or has been well since, is not cut off
 *  C2 it is cut off once another node that takes clients has gone on saying for `graceMs`, after the loss, that it is well
 *  C3 as long as others say that they are not well either, and none that it is, it is not cut off
 *  C4 it is cut off once it has asked everybody for `silenceMs` and heard nobody
 */
import type { NodeInfo } from '../registry/registry.ts'

export interface CutOffOptions {
  /** For so long another node has to be well while this one is not; see `graceMsOf` of isolation.ts. */
  readonly graceMs: number
  /** For so long nobody has answered. Longer than links take that are opened because nobody answers. */
  readonly silenceMs: number
}

/** What another node says of itself. */
export type Said = Pick<NodeInfo, 'state' | 'role' | 'degraded'>

/** What it answers where it is asked. `door`: it takes publishes over NATS. */
export type Answered = Said & { readonly door: boolean }

export class CutOff {
  readonly #options: CutOffOptions
  #lostMs: number | undefined
  #betterMs: number | undefined

  constructor(options: CutOffOptions) {
    this.#options = options
  }

  /**
   * To be called again and again; `nowMs` by a clock that does not jump. `askingSinceMs`: since when others are asked how they
   * are; `undefined`: they are not. `saidSince`: what was said after a moment.
   */
  look(
    nowMs: number,
    well: boolean,
    askingSinceMs: number | undefined,
    saidSince: (ms: number) => readonly Said[],
  ): boolean {
    if (well) {
      this.#lostMs = this.#betterMs = undefined
      return false
    }
    const { graceMs, silenceMs } = this.#options
    this.#lostMs ??= nowMs
    if (saidSince(Math.max(this.#lostMs, nowMs - silenceMs)).some(isBetter)) {
      this.#betterMs ??= nowMs
      return nowMs - this.#betterMs >= graceMs
    }
    this.#betterMs = undefined
    const askedMs = askingSinceMs === undefined ? nowMs : Math.max(askingSinceMs, this.#lostMs)
    return nowMs - askedMs >= silenceMs && saidSince(nowMs - silenceMs).length === 0
  }
}

function isBetter({ state, role, degraded }: Said): boolean {
  return state === 'active' && role !== 'api' && degraded.length === 0
}
