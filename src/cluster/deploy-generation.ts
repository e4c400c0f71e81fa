/**
 * Of which deploy this node is: as it was told, or by when its version was first seen in the cluster.
 */
import type { Clock, Timer } from '../clock.ts'
import type { Deploy, Registry } from '../registry/registry.ts'

/** So often the version is named again, so that the store knows it after a loss of its data. */
const NAME_INTERVAL_MS = 60_000

export interface DeployPorts {
  readonly version: string
  /** `node.generation`. */
  readonly said: number | undefined
  readonly registry: Pick<Registry, 'firstSeen'>
  readonly clock: Clock
  readonly failed: (what: string, error: unknown) => void
}

export class DeployGeneration {
  readonly #ports: DeployPorts
  #firstMs: number | undefined
  #namedMs = -Infinity
  #naming: Promise<void> | undefined
  #timer: Timer | undefined

  constructor(ports: DeployPorts) {
    this.#ports = ports
  }

  /** `undefined`: the store could not be asked yet. */
  get deploy(): Deploy | undefined {
    const { said } = this.#ports
    if (said !== undefined) return { generation: said, said: true }
    return this.#firstMs === undefined ? undefined : { generation: this.#firstMs, said: false }
  }

  /** Never fails: where the store is away, it is asked again. `everyMs`: how soon. */
  start(everyMs: number): Promise<void> {
    this.#timer ??= this.#ports.clock.every(everyMs, () => void this.#name())
    return this.#name()
  }

  close(): void {
    this.#timer?.cancel()
  }

  #name(): Promise<void> {
    const { clock } = this.#ports
    const due = this.#firstMs === undefined || clock.monotonicMs() - this.#namedMs >= NAME_INTERVAL_MS
    if (!due) return Promise.resolve()
    this.#naming ??= this.#ask().finally(() => (this.#naming = undefined))
    return this.#naming
  }

  async #ask(): Promise<void> {
    const { registry, version, clock, failed } = this.#ports
    try {
      this.#firstMs = await registry.firstSeen(version, this.#firstMs)
      this.#namedMs = clock.monotonicMs()
    } catch (error) {
      failed('naming the version', error)
    }
  }
}
