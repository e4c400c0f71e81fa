/**
 * This node in the table of nodes, and the others as the table showed them last.
 */
import { NO_ORDERS, ordersIn, type Orders } from './orders.ts'
import type { Clock, Timer } from '../clock.ts'
import { asSluiceError } from '../errors.ts'
import type { NodeInfo, Registry } from '../registry/registry.ts'

export interface MembershipPorts {
  readonly registry: Registry
  readonly clock: Clock
  /** How this node is now. */
  readonly info: () => NodeInfo
  /** For the other nodes, that this one knows the secret. Absent: there is none. */
  readonly proof: string | undefined
  /** The table was read, and was asked for at that time, by the clock that does not jump. */
  readonly read: (askedMs: number) => void
  readonly failed: (what: string, error: unknown) => void
}

export interface NodeTable {
  readonly nodes: readonly NodeInfo[]
  /** The registry does not answer: this is what was known last. */
  readonly stale: boolean
}

export class Membership {
  readonly #ports: MembershipPorts
  readonly #intervalMs: number
  #timer: Timer | undefined
  #nodes: readonly NodeInfo[] = []
  #orders: Orders = NO_ORDERS
  #jobs: ReadonlyMap<string, string> = new Map()
  /** What was heard of each node, and when at the earliest it was said, by this node's clock that does not jump. */
  #said = new Map<string, { readonly beat: number; readonly afterMs: number }>()
  /** Those that read packets of several messages, and whether all that were in the table do. */
  #readers: ReadonlySet<string> = new Set()
  #allRead = false
  /** When the table that was read last was asked for. */
  #askedMs = -Infinity
  #beats = 0
  #toldDegraded = ''
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

  /** What operators have ordered, as it stood when the table was last read. */
  get orders(): Orders {
    return this.#orders
  }

  /** The shelf of the jobs that run, as it stood when the table was last read. */
  get jobs(): ReadonlyMap<string, string> {
    return this.#jobs
  }

  /** Those of the others who have said how they are after a moment, by this node's clock that does not jump. */
  saidSince(ms: number): readonly NodeInfo[] {
    return this.others.filter(({ id }) => (this.#said.get(id)?.afterMs ?? -Infinity) >= ms)
  }

  /** Whether a node reads packets of several messages, as it said itself; `undefined`: all in the table do. */
  readsSeveral(node: string | undefined): boolean {
    return node === undefined ? this.#allRead : this.#readers.has(node)
  }

  /** Enters the table, and stays in it. Never fails: where the registry is away, the next beat enters. */
  async start(): Promise<void> {
    this.#timer ??= this.#ports.clock.every(this.#intervalMs, () => void this.beat())
    await this.beat()
  }

  /** Says how this node is, now rather than at its next turn. */
  async beat(): Promise<void> {
    if (this.#left) return
    const { registry, info, proof, failed } = this.#ports
    const now = info()
    this.#toldDegraded = now.degraded.join()
    try {
      await registry.heartbeat({
        ...now,
        peer: { beat: ++this.#beats, several: true, ...(proof === undefined ? {} : { proof }) },
      })
      await this.#read()
    } catch (error) {
      failed('a heartbeat', error)
    }
  }

  /** Says how this node is, where it is in the table and not as well, or as ill, as it said last. */
  async update(): Promise<void> {
    if (this.#timer === undefined) return
    if (this.#ports.info().degraded.join() !== this.#toldDegraded) await this.beat()
  }

  /** The nodes that are alive. Fails with `unavailable`. */
  async refresh(): Promise<readonly NodeInfo[]> {
    await this.#read()
    return this.others
  }

  /** All nodes, this one too, as operators see them: also while the registry is away. */
  async table(): Promise<NodeTable> {
    try {
      await this.#read()
      return { nodes: this.#nodes.map(shown), stale: false }
    } catch (error) {
      if (asSluiceError(error).code !== 'unavailable') throw error
      return { nodes: [this.#ports.info(), ...this.others].map(shown), stale: true }
    }
  }

  /** Leaves the table. Fails with `unavailable`; the entry ends by itself then. */
  async leave(): Promise<void> {
    this.#left = true
    this.#timer?.cancel()
    await this.#ports.registry.leave(this.#ports.info().id)
  }

  async #read(): Promise<void> {
    const askedMs = this.#ports.clock.monotonicMs()
    const { registry } = this.#ports
    const [nodes, orders, jobs] = await Promise.all([
      registry.nodes(),
      registry.read('orders'),
      registry.read('jobs'),
    ])
    this.#nodes = nodes
    const readers = nodes.filter(({ peer }) => peer?.several === true).map(({ id }) => id)
    this.#readers = new Set(readers)
    this.#allRead = nodes.length > 0 && readers.length === nodes.length
    this.#jobs = jobs
    this.#orders = ordersIn(orders)
    const said = new Map<string, { readonly beat: number; readonly afterMs: number }>()
    for (const { id, peer } of nodes) {
      if (peer === undefined) continue
      const before = this.#said.get(id)
      // It was not in the table that was read before, so it was said after that was asked for.
      const isNew = before === undefined || peer.beat > before.beat
      said.set(id, isNew ? { beat: peer.beat, afterMs: this.#askedMs } : before)
    }
    this.#said = said
    this.#ports.read(askedMs)
    this.#askedMs = Math.max(this.#askedMs, askedMs)
  }
}

/** Without what only nodes say to each other. */
function shown({ peer: _peer, ...node }: NodeInfo): NodeInfo {
  return node
}
