/**
 * Whether this node alone cannot use the backbone, so that new clients are better off at another one. What all nodes have
 * lost together must not make any of them leave the balancer, also not in the moment in which one notices before the others,
 * or comes back after them: so another node counts only where it has said after the loss here that it is well, and
 * has gone on saying so for a while. Pure.
 */
import type { NodeInfo } from '../registry/registry.ts'

export interface IsolationOptions {
  readonly region: string
  /** For so long the others have to be well while this node is not. */
  readonly graceMs: number
}

/** The backbone finds the way back to different nodes within this time of each other: an attempt to connect, and the wait before it. */
const RETURN_SPREAD_MS = 3000

/** From the two intervals in which the nodes notice a loss, and tell of it. */
export function graceMsOf(heartbeatMs: number, canaryMs: number): number {
  return heartbeatMs + canaryMs + RETURN_SPREAD_MS
}

export class PartitionDetector {
  readonly #options: IsolationOptions
  #lostMs: number | undefined
  #betterMs: number | undefined

  constructor(options: IsolationOptions) {
    this.#options = options
  }

  /**
   * To be asked again and again; `nowMs` by a clock that does not jump. `saidSince`: the other nodes that have said
   * after a moment how they are.
   */
  look(nowMs: number, reaches: boolean, saidSince: (ms: number) => readonly NodeInfo[]): boolean {
    if (reaches) {
      this.#lostMs = undefined
      this.#betterMs = undefined
      return false
    }
    this.#lostMs ??= nowMs
    if (!saidSince(this.#lostMs).some((node) => this.#isBetter(node))) {
      this.#betterMs = undefined
      return false
    }
    this.#betterMs ??= nowMs
    return nowMs - this.#betterMs >= this.#options.graceMs
  }

  /** Clients are not sent to another region by their balancer, and cannot connect to an `api` node at all. */
  #isBetter({ state, role, region, degraded }: NodeInfo): boolean {
    return (
      state === 'active' &&
      role !== 'api' &&
      region === this.#options.region &&
      !degraded.includes('backbone')
    )
  }
}
