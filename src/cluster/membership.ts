/**
 * This node in the table of nodes, and the others as the table showed them last.
 */
import type { Clock, Timer } from '../clock.ts'
import type { NodeInfo, Registry } from '../registry/registry.ts'

export interface MembershipPorts {
  readonly registry: Registry
  readonly clock: Clock
  /** How this node is now. */
  readonly info: () => NodeInfo
  readonly failed: (what: string, error: unknown) => void
}

export class Membership {
  readonly #ports: MembershipPorts
  readonly #intervalMs: number
  #timer: Timer | undefined
  #nodes: readonly NodeInfo[] = []
  #left = false

  constructor(intervalMs: number, ports: MembershipPorts) {
    this.#intervalMs = intervalMs
    this.#ports = ports
  }

  /** The nodes that were alive when the table was last read, without this one. */
  get others(): readonly NodeInfo[] {
    const { id } = this.#ports.info()
    return this.#nodes.filter((node) => node.id !== id)
  }

  /** Enters the table, and stays in it. Never fails: where the registry is away, the next beat enters. */
  async start(): Promise<void> {
    this.#timer ??= this.#ports.clock.every(this.#intervalMs, () => void this.beat())
    await this.beat()
  }

  /** Says how this node is, now rather than at its next turn. */
  async beat(): Promise<void> {
    if (this.#left) return
    const { registry, info, failed } = this.#ports
    try {
      await registry.heartbeat(info())
      this.#nodes = await registry.nodes()
    } catch (error) {
      failed('a heartbeat', error)
    }
  }

  /** The nodes that are alive. Fails with `unavailable`. */
  async refresh(): Promise<readonly NodeInfo[]> {
    this.#nodes = await this.#ports.registry.nodes()
    return this.others
  }

  /** Leaves the table. Fails with `unavailable`; the entry ends by itself then. */
  async leave(): Promise<void> {
    this.#left = true
    this.#timer?.cancel()
    await this.#ports.registry.leave(this.#ports.info().id)
  }
}
