/**
 * Whether a node has let in more than it may. When exactly a count was taken nobody knows but the node: somewhere between the
 * request and its answer, and on a busy machine that is long. So each stretch is taken as long as it may have been: what is
 * above the rate then was above it for sure.
 */
import type { FleetNode } from '../../../test/support/fleet.ts'

/** Of all that the gate lets in, at once or later. */
const ADMITTED = 'sluice_admission_wait_seconds_count'
const SAMPLE_MS = 250

interface Sample {
  readonly fromMs: number
  readonly toMs: number
  readonly count: number
}

export class Admitted {
  readonly #samples: readonly Sample[][]
  readonly #timer: NodeJS.Timeout

  constructor(nodes: readonly FleetNode[]) {
    this.#samples = nodes.map(() => [])
    this.#timer = setInterval(() => {
      for (const [index, node] of nodes.entries()) void this.#look(node, this.#samples[index] as Sample[])
    }, SAMPLE_MS)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Of the node that was let the most in at once: so many beside those that the rate brings in that time. */
  aboveRate(perSecond: number): number {
    return Math.max(0, ...this.#samples.map((samples) => mostAbove(samples, perSecond)))
  }

  async #look(node: FleetNode, samples: Sample[]): Promise<void> {
    const fromMs = performance.now()
    const count = await node.metric(ADMITTED)
    samples.push({ fromMs, toMs: performance.now(), count })
  }
}

function mostAbove(samples: readonly Sample[], perSecond: number): number {
  let most = 0
  for (const first of samples)
    for (const last of samples)
      if (last.fromMs > first.fromMs)
        most = Math.max(most, last.count - first.count - ((last.toMs - first.fromMs) / 1000) * perSecond)
  return most
}
